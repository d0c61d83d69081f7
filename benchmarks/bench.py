"""Measure segbatch and its peers at the same work.

    python benchmarks/bench.py --contacts 200000 --segments 100
    python benchmarks/bench.py --contacts 200000 --segments 100 --profile
    python benchmarks/bench.py --scale --contacts 500000 --scale-contacts 100000 200000 500000
    python benchmarks/bench.py --all --page docs/benchmarks.md
    python benchmarks/bench.py --render benchmarks/last_run.json --page docs/benchmarks.md

Without --scale and --profile all are compared, and the floor is measured with them. --all does everything. Data is
made when it is needed, and kept in benchmarks/data.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from comparing import Settings, compare, rehearse
from machine import describe
from measuring import HERE
from page import measured_on, tables, write_page
from peers import PEERS
from profiling import profiled
from scaling import CONTACTS, SERIES, Scaling, series
from works import Work

if TYPE_CHECKING:
    from collections.abc import Sequence

USUAL_CONTACTS: Final = 2_000_000
USUAL_SEGMENTS: Final = (100, 1_000)


def make_parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    what = parser.add_argument_group("what to measure")
    what.add_argument("--contacts", type=int, default=USUAL_CONTACTS, metavar="N", help="how many contacts")
    what.add_argument("--segments", type=int, nargs="+", default=USUAL_SEGMENTS, metavar="N", help="how many segments")
    what.add_argument("--distinct", type=int, metavar="N", help="how many distinct rules these have")
    what.add_argument(
        "--peers", nargs="*", choices=[peer.name for peer in PEERS], metavar="PEER", help="only these, however long"
    )
    what.add_argument("--seed", type=int, default=1, metavar="N")
    scale = "how time grows with these (default: all of them)"
    what.add_argument("--scale", nargs="*", choices=SERIES, metavar="|".join(SERIES), help=scale)
    what.add_argument("--scale-contacts", type=int, nargs="+", default=CONTACTS, metavar="N", help="for how many")
    what.add_argument("--profile", action="store_true", help="where segbatch's time goes")
    what.add_argument("--floor", action="store_true", help="only segbatch and the floor; with no peers")
    what.add_argument("--all", action="store_true", help="the comparison, --scale and --profile")
    how = parser.add_argument_group("how")
    how.add_argument("--rounds", type=int, default=3, metavar="N", help="how often each has its turn (3)")
    how.add_argument("--timeout", type=float, default=1800, metavar="S", help="a process is ended after this (1800)")
    how.add_argument("--python", default=sys.executable, metavar="FILE", help="the Python that has the peers")
    how.add_argument("--data", type=Path, default=HERE / "data", metavar="DIR", help="for data and outputs")
    how.add_argument("--results", type=Path, default=HERE / "data" / "results.json", metavar="FILE", help="as JSON")
    how.add_argument("--add", action="store_true", help="keep what these have and is not measured now")
    how.add_argument("--page", type=Path, metavar="FILE.md", help="write a page with a plot, too")
    how.add_argument("--render", type=Path, metavar="FILE", help="measure nothing; show these results")
    return parser


def measure_all(wanted: argparse.Namespace, results: dict[str, Any]) -> None:
    """Measure what the command line asks for."""

    def save() -> None:
        wanted.results.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")

    wanted.data.mkdir(parents=True, exist_ok=True)
    wanted.results.parent.mkdir(parents=True, exist_ok=True)
    settings = Settings(wanted.data, wanted.rounds, wanted.timeout, wanted.python, save)
    peers, scale = [] if wanted.floor else wanted.peers, wanted.scale
    if scale == [] or (scale is None and wanted.all):
        scale = SERIES
    works = [Work(wanted.contacts, number, wanted.distinct, seed=wanted.seed) for number in wanted.segments]
    rehearse(works, settings, peers)
    here = describe(wanted.python)
    if wanted.all or wanted.floor or not (scale or wanted.profile):
        start(results, "comparisons", here)
        for work in works:
            compare(work, settings, peers, results["comparisons"])
    if wanted.profile or wanted.all:
        start(results, "profiles", here)
        for work in works:
            results["profiles"].append(profiled(work, settings))
            save()
    if scale:
        print("scale", flush=True)
        scaling = Scaling(series(wanted.contacts, wanted.scale_contacts, scale), settings)
        results["scale"] |= scaling.record
        results["machines"] |= dict.fromkeys(scaling.record, here)
        scaling.measure()
    save()


def start(results: dict[str, Any], part: str, machine: dict[str, Any]) -> None:
    """Forget what an earlier command measured of a part."""
    results[part] = []
    results["machines"][part] = machine


def main(words: Sequence[str] | None = None) -> None:
    """Measure, and show what was found."""
    wanted = make_parser().parse_args(words)
    if wanted.render:
        results = json.loads(wanted.render.read_text(encoding="utf-8"))
    else:
        results = {"machines": {}, "comparisons": [], "profiles": [], "scale": {}}
        if wanted.add and wanted.results.exists():
            results = json.loads(wanted.results.read_text(encoding="utf-8"))
        measure_all(wanted, results)
    print("\n" + measured_on(results["machines"]))
    for table in tables(results):
        print("\n" + table.text())
    if wanted.page:
        write_page(results, wanted.page)


if __name__ == "__main__":
    main()
