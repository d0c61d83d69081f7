"""One run of segbatch whose steps are timed: where each of its threads spends its time.

    python benchmarks/profile_run.py times.json run --contacts contacts.parquet --segments segments/ --output out/

Nothing of the program is changed: the functions named in STEPS are replaced by ones that look at the clock. A
step's time is that of the thread it runs in, without the steps inside it. Polars works on all cores within a
step, so that CPU is not told apart here.
"""

from __future__ import annotations

import functools
import importlib
import json
import os
import sys
import threading
import time
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

STEPS: Final = {
    "read definitions": ["segbatch.pipeline.preparation:load_definitions"],
    "open the snapshot, plan": ["segbatch.pipeline.preparation:prepare"],
    "find the last run": ["segbatch.pipeline.preparation:resolve_predecessor"],
    "read": ["segbatch.snapshot.snapshot:Snapshot.batches"],
    "predicates": ["segbatch.engine.local:predicate_bitmaps"],
    "conditions": ["segbatch.engine.local:evaluate_batch"],
    "membership": ["segbatch.storage.run_writers:MembershipWriter.write"],
    "bits": ["segbatch.storage.recorder:Recorder._pack", "segbatch.storage.state:StateWriter.write"],
    "sizes, and other recording": ["segbatch.storage.recorder:Recorder._record"],
    "changes: bits of the previous run": [
        "segbatch.storage.comparison:_read_bits",
        "segbatch.storage.state:State.words_of",
    ],
    "changes: bits of this run": ["segbatch.storage.comparison:Comparison.compare"],
    "changes: what differs": [
        "segbatch.storage.changed_contacts:ChangeCollector.add",
        "segbatch.storage.changed_contacts:ChangeCollector.finish",
    ],
    "changes: writing": ["segbatch.storage.run_writers:ChangesWriter.write"],
    "changes: find the contacts": [
        "segbatch.storage.comparison:PreviousRun.of",
        "segbatch.storage.comparison:Comparison.find",
    ],
    "ids: hashes": ["segbatch.snapshot.id_checks:IdCheck.add"],
    "ids: duplicates": ["segbatch.snapshot.id_checks:IdCheck.finish"],
    "digest of the snapshot": ["segbatch.snapshot.parquet.files:SnapshotFile.digest"],
    "digest and write of the files": ["segbatch.platform.checksum_file:DigestingFile.write"],
    "publish: flush to the disk": ["segbatch.storage.publish:sync_tree"],
    "publish: tables of DuckDB": ["segbatch.storage.publish:build_catalogue"],
    "publish: the rest": ["segbatch.storage.targets.output:publish"],
    "remove old runs": ["segbatch.storage.targets.output:prune"],
    "wait for another thread": ["concurrent.futures:Future.result", "concurrent.futures:ThreadPoolExecutor.shutdown"],
}
START: Final = "start Python, load the program"
REST: Final = "everything else"


class Clock:
    """Adds up the time of steps, thread by thread."""

    def __init__(self) -> None:
        self.spent: dict[tuple[str, str], float] = defaultdict(float)
        self._local = threading.local()

    def timed(self, step: str, call: Callable[[], Any]) -> Any:
        """Call, and add the time to the step; a step inside it takes its own off."""
        inside = self._local.__dict__.setdefault("inside", [])
        inside.append(0.0)
        start = time.perf_counter()
        try:
            return call()
        finally:
            took = time.perf_counter() - start
            thread = threading.current_thread().name.split("_")[0]
            self.spent[thread, step] += took - inside.pop()
            if inside:
                inside[-1] += took


def wrapped(clock: Clock, step: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that looks at the clock; of one that returns an iterator, each item is timed."""

    def items(iterator: Iterator[Any]) -> Iterator[Any]:
        end = object()
        while (item := clock.timed(step, lambda: next(iterator, end))) is not end:
            yield item

    @functools.wraps(function)
    def timed(*values: Any, **named: Any) -> Any:
        answer = clock.timed(step, lambda: function(*values, **named))
        return items(answer) if hasattr(answer, "__next__") else answer

    return timed


def install(clock: Clock) -> list[str]:
    """Time all the steps, and return the places that are not there any more."""
    lost = []
    for step, places in STEPS.items():
        for place in places:
            module, path = place.split(":")
            *outer, name = path.split(".")
            try:
                owner = functools.reduce(getattr, outer, importlib.import_module(module))
                function = vars(owner)[name]
            except (ImportError, AttributeError, KeyError):
                lost.append(place)
                continue
            if isinstance(function, classmethod):
                setattr(owner, name, classmethod(wrapped(clock, step, function.__func__)))
            else:
                setattr(owner, name, wrapped(clock, step, function))
    return lost


def report(clock: Clock, wall: float, started: float, lost: list[str]) -> dict[str, Any]:
    """Return what was found, as JSON data."""
    main = threading.main_thread().name
    spent = dict(clock.spent) | {(main, START): started}
    spent[main, REST] = wall - sum(seconds for (thread, _), seconds in spent.items() if thread == main)
    steps = [
        {"thread": "main" if thread == main else thread, "step": step, "seconds": seconds}
        for (thread, step), seconds in spent.items()
    ]
    steps.sort(key=lambda entry: (entry["thread"] != "main", entry["thread"], -entry["seconds"]))
    return {"wall": wall, "steps": steps, "lost": lost}


def main() -> None:
    """Run segbatch with the rest of the command line."""
    born = float(os.environ.get("BENCH_STARTED", time.time()))
    place, sys.argv = Path(sys.argv[1]), ["segbatch", *sys.argv[2:]]
    clock = Clock()
    lost = install(clock)
    from segbatch.interfaces.cli import main as segbatch  # noqa: PLC0415 - what it loads is part of the time

    started = time.time() - born
    try:
        segbatch()
    finally:
        found = report(clock, time.time() - born, started, lost)
        place.write_text(json.dumps(found, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
