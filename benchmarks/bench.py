"""Measure segbatch and its peers at the same work.

    python benchmarks/bench.py --contacts 200000 --segments 100
    python benchmarks/bench.py --contacts 200000 --segments 100 --profile
    python benchmarks/bench.py --scale --contacts 500000 --scale-contacts 100000 200000 500000
    python benchmarks/bench.py --goals --rounds 3 --page docs/benchmarks.md
    python benchmarks/bench.py --all --page docs/benchmarks.md
    python benchmarks/bench.py --render benchmarks/last_run.json --page docs/benchmarks.md

Without --scale and --profile all are compared, and the floor is measured with them. --all does everything. --goals does
what the table of goals needs, against the best statements alone: a quarter of an hour with three rounds. Data is made
when it is needed, and kept in benchmarks/data.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from comparing import Settings, compare, rehearse
from databases import DatabaseWork, compare_databases
from machine import describe
from measuring import HERE
from page import measured_on, tables, write_page
from peers import PEERS
from profiling import profiled
from scaling import CONTACTS, SERIES, Scaling, series
from starting import measure_start
from works import Work

from related import EventWork, compare_events

if TYPE_CHECKING:
    from collections.abc import Sequence

USUAL_CONTACTS: Final = 2_000_000
USUAL_SEGMENTS: Final = (100, 1_000)
GOAL_CONTACTS: Final = (2_000_000, 500_000)
GOAL_PEERS: Final = ("clickhouse-tuned", "duckdb-tuned")
EVENTS_PER_CONTACT: Final = 10
ROWS_PER_CONTACT: Final = 5
LARGER: Final = 4


def make_parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    what = parser.add_argument_group("what to measure")
    what.add_argument("--contacts", type=int, nargs="+", metavar="N", help="how many contacts")
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
    what.add_argument("--start", action="store_true", help="how long small commands take")
    what.add_argument("--events", action="store_true", help="segments that aggregate a table of events")
    what.add_argument("--databases", action="store_true", help="PostgreSQL as a target and as a source")
    what.add_argument("--goals", action="store_true", help="what the goals need, against the best statements alone")
    what.add_argument("--all", action="store_true", help="everything above, but --goals and --databases")
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


class Measuring:
    """What the command line asks for, part by part."""

    def __init__(self, wanted: argparse.Namespace, results: dict[str, Any]) -> None:
        self._wanted, self._results = wanted, results
        self._contacts = wanted.contacts or (GOAL_CONTACTS if wanted.goals else (USUAL_CONTACTS,))
        wanted.data.mkdir(parents=True, exist_ok=True)
        wanted.results.parent.mkdir(parents=True, exist_ok=True)
        self._settings = Settings(wanted.data, wanted.rounds, wanted.timeout, wanted.python, self._save)
        self._machine = describe(wanted.python)

    def measure(self) -> None:
        """Measure all parts, those first that everything else is compared with."""
        wanted = self._wanted
        everything, others = wanted.all or wanted.goals, (wanted.scale is not None, wanted.profile)
        works = [
            Work(contacts, number, wanted.distinct, seed=wanted.seed)
            for contacts in self._contacts
            for number in wanted.segments
        ]
        if everything or wanted.floor or not any((*others, wanted.start, wanted.events, wanted.databases)):
            self._compare(works)
        if everything or wanted.start:
            self._begin("start", measure_start(self._settings))
        if wanted.profile or wanted.all:
            self._begin("profiles", [])
            for work in works:
                self._results["profiles"].append(profiled(work, self._settings))
        if wanted.scale is not None or everything:
            self._measure_scale()
        if everything or wanted.events:
            contacts = self._contacts[0]
            work = EventWork(EVENTS_PER_CONTACT * contacts, contacts)
            self._begin("events", compare_events(work, self._settings))
        if wanted.databases:
            self._begin("databases", compare_databases(self._database_work(), self._settings))
        self._save()

    def _database_work(self) -> DatabaseWork:
        if not self._wanted.contacts:
            return DatabaseWork(seed=self._wanted.seed)
        contacts, segments = self._contacts[0], self._wanted.segments[0]
        return DatabaseWork(contacts, segments, ROWS_PER_CONTACT * contacts, self._wanted.seed)

    def _compare(self, works: Sequence[Work]) -> None:
        peers = [] if self._wanted.floor else self._wanted.peers
        if peers is None and self._wanted.goals:
            peers = GOAL_PEERS
        rehearse(works, self._settings, peers)
        self._begin("comparisons", [])
        for work in works:
            compare(work, self._settings, peers, self._results["comparisons"])

    def _measure_scale(self) -> None:
        contacts = self._contacts[0]
        if self._wanted.goals and not self._wanted.scale:
            self._scale(series(contacts, (), ("form",)), self._settings)
            self._scale(
                series(contacts, (contacts, LARGER * contacts), ("contacts",)), replace(self._settings, rounds=1)
            )
        else:
            self._scale(series(contacts, self._wanted.scale_contacts, self._wanted.scale or SERIES), self._settings)

    def _scale(self, wanted: dict[str, list[Work]], settings: Settings) -> None:
        print("scale", flush=True)
        scaling = Scaling(wanted, settings)
        self._results["scale"] |= scaling.record
        self._results["machines"] |= dict.fromkeys(scaling.record, self._machine)
        scaling.measure()

    def _begin(self, part: str, found: Any) -> None:
        """Put what was measured of a part in the place of what an earlier command measured."""
        self._results[part] = found
        self._results["machines"][part] = self._machine
        self._save()

    def _save(self) -> None:
        self._wanted.results.write_text(json.dumps(self._results, indent=1) + "\n", encoding="utf-8")


def main(words: Sequence[str] | None = None) -> None:
    """Measure, and show what was found."""
    wanted = make_parser().parse_args(words)
    if wanted.render:
        results = json.loads(wanted.render.read_text(encoding="utf-8"))
    else:
        results: dict[str, Any] = {"machines": {}, "comparisons": [], "profiles": [], "scale": {}}
        if wanted.add and wanted.results.exists():
            results = json.loads(wanted.results.read_text(encoding="utf-8"))
        Measuring(wanted, results).measure()
    print("\n" + measured_on(results["machines"]))
    for table in tables(results):
        print("\n" + table.text())
    if wanted.page:
        write_page(results, wanted.page)


if __name__ == "__main__":
    main()
