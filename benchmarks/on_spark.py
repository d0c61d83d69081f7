"""Measure whole runs on a Spark cluster of this machine, next to runs without a cluster.

    .venv-spark/bin/python benchmarks/on_spark.py --data /tmp/bench --contacts 2000000 10000000 --segments 100

The cluster is a master and two workers with one core each, as `make spark` tests it. Needs the environment of that
target, and Linux: the computing time of all processes is read from /proc. A run over a thousand contacts shows what
the start of Python and the JVMs takes, which the last lines leave out.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from figures import slope_of_all
from measuring import ROOT

from cluster import AS_OF, Inputs

if TYPE_CHECKING:
    from collections.abc import Iterator

sys.path.insert(0, str(ROOT / "tests"))
SMALL: Final = 1_000
SAMPLE_EVERY: Final = 0.2
TICKS: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Whole:
    """What a run took, with all processes that worked for it.

    Attributes:
        seconds: From its start to its end.
        python: Seconds of computing of all processes but the JVMs.
        jvm: Seconds of computing of the JVMs.
    """

    seconds: float
    python: float
    jvm: float


class Pair(NamedTuple):
    """The same run on this machine and on the cluster."""

    own: Whole
    spark: Whole


def processes() -> Iterator[tuple[str, int, int, bool, float]]:
    """Yield the key, the pid and the parent of each process, whether it is a JVM, and the seconds that it computed."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                head, _, tail = (entry / "stat").read_text().rpartition(")")
            except OSError:
                continue  # it has ended
            fields = tail.split()
            cpu = (int(fields[11]) + int(fields[12])) / TICKS
            yield f"{entry.name}@{fields[19]}", int(entry.name), int(fields[1]), head.endswith("(java"), cpu


def below(pid: int) -> dict[str, tuple[bool, float]]:
    """Return the processes below a process, without itself, by key: whether it is a JVM, and its seconds."""
    found = [*processes()]
    family = {pid}
    while True:
        more = {child for _, child, parent, *_ in found if parent in family} - family
        if not more:
            return {key: (is_jvm, cpu) for key, own, _, is_jvm, cpu in found if own in family and own != pid}
        family |= more


def measure(command: list[str | Path]) -> Whole:
    """Run a command, and add up the computing of all processes below this one since its start."""
    before, start = below(os.getpid()), time.monotonic()
    last = dict(before)
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        while process.poll() is None:
            last.update(below(os.getpid()))
            time.sleep(SAMPLE_EVERY)
        if process.returncode and process.stderr is not None:
            sys.exit(process.stderr.read())
    seconds = time.monotonic() - start
    last.update(below(os.getpid()))
    used = {True: 0.0, False: 0.0}
    for key, (is_jvm, cpu) in last.items():
        used[is_jvm] += cpu - before.get(key, (is_jvm, 0.0))[1]
    return Whole(seconds, used[False], used[True])


def run(inputs: Inputs, output: Path, run_id: str, *options: str) -> Whole:
    """Measure a run."""
    where = ["--contacts", inputs.contacts, "--segments", inputs.segments, "--output", output]
    words = [sys.executable, "-m", "segbatch", "run", *where, "--run-id", run_id, "--as-of", AS_OF, "--quiet"]
    return measure([*words, *options])


def show(*cells: str) -> None:
    """Print a row of a table."""
    print(f"| {' | '.join(cells)} |", flush=True)


def compare(inputs: Inputs) -> dict[str, Pair]:
    """Print two runs on this machine and on the cluster. Returns them by the id of the run."""
    local, on_cluster, found = inputs.output("local"), inputs.output("on-spark"), dict[str, Pair]()
    for run_id in ("first", "again"):
        own = run(inputs, local, run_id)
        spark = run(inputs, on_cluster, run_id, "--engine", "spark")
        figures = [own.seconds, spark.seconds, own.python, spark.python, spark.python / own.python, spark.jvm]
        show(f"{inputs.number:,}", run_id, *(f"{figure:.2f}" for figure in figures))
        found[run_id] = Pair(own, spark)
    shutil.rmtree(local)
    shutil.rmtree(on_cluster)
    return found


def show_beyond_start(found: dict[int, dict[str, Pair]]) -> None:
    """Print what runs computed beyond the run of few contacts, and how that grows with the contacts.

    The start of the JVMs takes some seconds more in one run than in another, as much as they compute for millions of
    contacts. So their seconds have no slope.

    Args:
        found: The runs by the number of contacts, the fewest first.
    """
    small, *sizes = found
    for run_id, start in found[small].items():
        points = list[tuple[float, float]]()
        for contacts in sizes:
            own, spark = found[contacts][run_id]
            python, jvm = spark.python - start.spark.python, spark.jvm - start.spark.jvm
            times = python / (own.python - start.own.python)
            print(f"{contacts:,}, {run_id}: Python {python:.2f}, {times:.2f} times local; JVMs {jvm:.2f}")
            points.append((contacts, python))
        rise = slope_of_all(points)
        if rise is not None:
            print(f"Slope of Python's CPU seconds beyond the start, {run_id}: {rise:.2f}")


def main() -> None:
    """Measure, and print Markdown."""
    from spark.servers import environment, run_standalone, settings_of_driver  # noqa: PLC0415 - needs PySpark

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder for contacts, definitions and outputs")
    parser.add_argument("--contacts", type=int, nargs="+", default=[2_000_000], help="how many contacts are made")
    parser.add_argument("--segments", type=int, default=100)
    options = parser.parse_args()
    sizes = [Inputs(options.data, contacts, options.segments) for contacts in (SMALL, *options.contacts)]
    with tempfile.TemporaryDirectory() as folder, run_standalone(Path(folder)) as address:
        settings = [f"--conf {shlex.quote(f'{name}={value}')}" for name, value in settings_of_driver().items()]
        os.environ.update(environment())
        os.environ["PYSPARK_SUBMIT_ARGS"] = f"--master {address} {' '.join(settings)} pyspark-shell"
        show("contacts", "run", "seconds, local", "seconds", "CPU, local", "Python's CPU", "times local", "JVMs' CPU")
        show("---:", "---", *["---:"] * 6)
        found = {inputs.number: compare(inputs) for inputs in sizes}
    print()
    show_beyond_start(found)


if __name__ == "__main__":
    main()
