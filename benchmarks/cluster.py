"""Measure the work of a run on a cluster, one task at a time, and extrapolate it to a larger run.

    python benchmarks/cluster.py --data /tmp/bench --contacts 1000000 --segments 100
    python benchmarks/cluster.py --data /tmp/bench --total 1000000000

The first part compares the computing time of a whole run on a cluster with that of a run on one machine. The second
part does a sample of the tasks of the larger run at their true size: splits of a million contacts that are cut into all
of its buckets, and buckets of half a million contacts from as many payloads as there are splits. Each task is a process
of its own, so its memory is known. What an engine such as Spark adds is not in these figures.
"""

from __future__ import annotations

import argparse
import math
import shutil
import time
from contextlib import suppress
from pathlib import Path
from statistics import mean, variance
from typing import TYPE_CHECKING, Final

from measured_cluster import MeasuredCluster, SampledCluster, SampledError, Task, alone
from measuring import ask, size_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

SPLIT: Final = 1_000_000
BUCKET: Final = 500_000
AS_OF: Final = "2026-01-01T00:00:00Z"
MEGA: Final = 1e6
GIGA: Final = 1e9
HOUR: Final = 3600


def make_parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder for contacts, definitions and outputs")
    parser.add_argument("--contacts", type=int, default=2 * SPLIT, help="how many contacts are made")
    parser.add_argument("--segments", type=int, default=100)
    parser.add_argument("--buckets", type=int, help="the buckets of the whole run; by default those that a run chooses")
    parser.add_argument("--total", type=int, help="the contacts of the larger run; without it there is no second part")
    parser.add_argument("--sampled-buckets", type=int, default=2)
    return parser


def read_options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line, and end the program if a sample of the larger run would have no bucket to reduce."""
    parser = make_parser()
    options = parser.parse_args(arguments)
    if options.total is None:
        return options
    if options.sampled_buckets < 1:
        parser.error("--sampled-buckets: the sample needs at least one bucket")
    least = options.sampled_buckets * BUCKET
    if options.contacts < least:
        few = f"{options.contacts:,} are too few for {options.sampled_buckets} buckets of {BUCKET:,}"
        parser.error(f"--contacts: {few}; use {least:,} or more, or --sampled-buckets")
    if options.total <= options.contacts:
        parser.error(f"--total: the larger run needs more contacts than the sample, which has {options.contacts:,}")
    return options


class Inputs:
    """The contacts and the definitions, which are made if they are not there yet."""

    def __init__(self, folder: Path, contacts: int, segments: int) -> None:
        self.folder, self.number = folder, contacts
        self.contacts, self.segments = folder / f"contacts-{contacts}.parquet", folder / f"segments-{segments}"
        folder.mkdir(parents=True, exist_ok=True)
        if not self.contacts.exists():
            ask("make_data.py", "contacts", "--rows", contacts, "--out", self.contacts)
        if not self.segments.exists():
            ask("make_data.py", "segments", "--count", segments, "--out", self.segments)

    def output(self, name: str) -> Path:
        """Return a folder for an output that does not exist."""
        found = self.folder / name
        shutil.rmtree(found, ignore_errors=True)
        return found

    def run_on(self, cluster: MeasuredCluster, output: Path, run_id: str, buckets: int | None) -> float:
        """Run on a cluster. Returns the seconds that the driver computed, without those of the engine."""
        import segbatch  # noqa: PLC0415 - it is what is measured

        start, paths = time.process_time(), (self.contacts, self.segments, output)
        segbatch.run(*paths, run_id=run_id, as_of=AS_OF, engine=cluster, buckets=buckets)
        return time.process_time() - start - cluster.passed

    def run_locally(self, output: Path, run_id: str) -> float:
        """Run on this machine. Returns the seconds that it computed, without the start of Python and the libraries."""
        import segbatch  # noqa: PLC0415 - it is what is measured

        start = time.process_time()
        segbatch.run(self.contacts, self.segments, output, run_id=run_id, as_of=AS_OF)
        return time.process_time() - start


def total(tasks: Iterable[Task]) -> float:
    """Return the seconds that tasks computed."""
    return sum(task.cpu for task in tasks)


def compare(inputs: Inputs, buckets: int | None) -> None:
    """Print the computing time of two runs, on this machine and on a cluster."""
    local, on_cluster = inputs.output("local"), inputs.output("cluster")
    print(f"### {inputs.number:,} contacts, all tasks\n")
    print("| run | local | map | reduce | checksums | driver | cluster / local | bytes exchanged per contact |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for run_id in ("first", "again"):
        own = alone(inputs.run_locally, local, run_id)
        cluster = MeasuredCluster()
        driver = inputs.run_on(cluster, on_cluster, run_id, buckets)
        parts = [total(cluster.mapped), total(cluster.reduced), total(cluster.called), driver]
        sent = sum(task.sent for task in cluster.mapped) / inputs.number
        figures = [own, *parts, sum(parts) / own, sent]
        print(f"| {run_id} | " + " | ".join(f"{figure:.2f}" for figure in figures) + " |")
    written = f"local {size_of(local) / MEGA:.0f} MB, cluster {size_of(on_cluster) / MEGA:.0f} MB"
    print(f"\nSeconds of computing, without the start of Python and the libraries. Written: {written} ", end="")
    print(f"({len(cluster.reduced)} buckets).\n")


def extrapolate(inputs: Inputs, contacts: int, samples: int) -> None:
    """Print what a larger run takes, from a sample of its tasks."""
    splits, buckets = math.ceil(contacts / min(SPLIT, inputs.number)), math.ceil(contacts / BUCKET)
    cluster = SampledCluster(items=splits, samples=samples)
    with suppress(SampledError):
        inputs.run_on(cluster, inputs.output("sample"), "sample", buckets)
    print(f"### {contacts:,} contacts, from {len(cluster.mapped)} splits and {len(cluster.reduced)} buckets\n")
    _print_tasks(cluster, inputs.number, contacts, splits, buckets)
    _print_skew(cluster.by_bucket, splits)
    _print_written(cluster.results, contacts)


def _print_tasks(cluster: SampledCluster, sampled: int, contacts: int, splits: int, buckets: int) -> None:
    print("| stage | tasks | CPU seconds of a task | CPU hours of all | memory of a task, GB | MB received | MB sent |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name, tasks, number in (("map", cluster.mapped, splits), ("reduce", cluster.reduced, buckets)):
        cpu, memory = mean(task.cpu for task in tasks), max(task.memory for task in tasks)
        received, sent = (mean(getattr(task, what) for task in tasks) for what in ("received", "sent"))
        figures = f"{cpu:.2f} | {cpu * number / HOUR:.2f} | {memory / GIGA:.2f}"
        print(f"| {name} | {number:,} | {figures} | {received / MEGA:.2f} | {sent / MEGA:.2f} |")
    sent_in_all = sum(task.sent for task in cluster.mapped)
    per_contact = sent_in_all / sampled
    print(f"\nExchanged: {sent_in_all:,} bytes / {sampled:,} contacts = {per_contact:.2f} bytes per contact; ", end="")
    print(f"times {contacts:,} = {per_contact * contacts / GIGA:.1f} GB in {splits * buckets:,} payloads.")


def _print_skew(by_bucket: Sequence[Sequence[int]], splits: int) -> None:
    """Print how evenly the contacts are spread, and what the fullest bucket of the larger run has."""
    sums = [sum(column) for column in zip(*by_bucket, strict=True)]
    usual, buckets = mean(sums), len(sums)
    spread = variance(sums) / usual
    expected = usual * splits / len(by_bucket)
    fullest = expected + math.sqrt(2 * math.log(buckets) * expected * spread)
    print(f"Buckets of the sample: mean {usual:.1f}, fullest {max(sums)}, variance / mean {spread:.3f} ", end="")
    print("(1 is chance).")
    print(f"Fullest of {buckets:,} buckets: {expected:,.0f} + sqrt(2 ln({buckets:,}) * {expected:,.0f} * {spread:.3f})")
    print(f"= {fullest:,.0f} contacts, {fullest / expected - 1:.1%} above the mean.")


def _print_written(results: Sequence[bytes], contacts: int) -> None:
    from segbatch.cluster.task_result import decode_result  # noqa: PLC0415 - it is what is measured

    reports = [*map(decode_result, results)]
    files = [file for report in reports for file in report.recorded.files]
    members, written = sum(report.recorded.members.total() for report in reports), sum(file.size for file in files)
    recorded = sum(report.contacts for report in reports)
    print(f"Written: {written:,} bytes / {members:,} memberships = {written / members:.2f} each; ", end="")
    print(f"{members / recorded:.1f} memberships per contact: {written / recorded * contacts / GIGA:,.0f} GB.")
    size = mean(map(len, results))
    print(f"Files: {len(files) / len(reports):.1f} per bucket. The report of a bucket: {size:,.0f} bytes.")


def main() -> None:
    """Measure, and print Markdown."""
    options = read_options()
    inputs = Inputs(options.data, options.contacts, options.segments)
    if options.total is None:
        compare(inputs, options.buckets)
    else:
        extrapolate(inputs, options.total, options.sampled_buckets)


if __name__ == "__main__":
    main()
