"""Injects a fault into one command after another, and checks the result."""

import random
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from fault_cases import Row, Scenario, Tables, command, scenarios, write_inputs
from fault_program import FAULTS, Ended, Fault, Program

COLUMNS = {
    "membership": "segment_id, contact_id",
    "membership_changes": "run_id, segment_id, contact_id, change",
    "membership_history": "segment_id, contact_id, entered_at::VARCHAR, coalesce(exited_at::VARCHAR, '')",
    "segments": "segment_id, status, member_count, entered, exited, run_id",
    "runs": "run_id",
}


def shown(output: Path) -> Tables | None:
    """Return the tables of the catalogue, or None if it is missing."""
    if not (output / "segbatch.duckdb").exists():
        return None
    with duckdb.connect(str(output / "segbatch.duckdb"), read_only=True) as connection:
        found = {
            name: connection.execute(f"SELECT {columns} FROM {name}").fetchall() for name, columns in COLUMNS.items()
        }
    return {name: sorted(rows) for name, rows in found.items()}


def pointed(output: Path) -> tuple[str, list[Row]] | None:
    """Return the folder in `current` and its members, or None if nothing is published."""
    pointer = output / "current"
    if not pointer.exists():
        return None
    folder = pointer.read_text().strip()
    table = pq.read_table(output / "runs" / folder / "membership")
    return folder, sorted(zip(*(table.column(name).to_pylist() for name in ("segment_id", "contact_id")), strict=True))


def tree(folder: Path) -> dict[str, bytes | None]:
    """Return all files of a folder except the lock, with their contents."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
        if path.name != "lock"
    }


PUBLISHED = {"current", "lock", "runs", "segbatch.duckdb"}


class Sweep:
    """Injects faults into all scenarios.

    Attributes:
        wrong: The problems that were found, as texts.
        tried: The number of injected faults, by scenario and fault.
    """

    def __init__(self, program: Program, templates: Path) -> None:
        self._program, self._templates = program, templates
        self.wrong = list[str]()
        self.tried = dict[str, int]()
        self._counts = dict[tuple[str, int], int]()
        self._exported = b""

    @property
    def _work(self) -> Path:
        return self._program.work

    def prepare(self, scenario: Scenario) -> None:
        """Create the folder of a scenario, and count its operations."""
        shutil.rmtree(self._work, ignore_errors=True)
        self._work.mkdir()
        (self._work / "segbatch.toml").write_text('output = "output"\n')
        kept = self._templates / "kept"
        for step in scenario.steps:
            match step:
                case "keep":
                    shutil.copy(self._work / "output" / "segbatch.duckdb", kept)
                case "stale":
                    shutil.copy(kept, self._work / "output" / "segbatch.duckdb")
                case "old":
                    (self._work / "many.csv").write_text("old\n")
                case _:
                    write_inputs(self._work, step.removesuffix("?"))
                    if not step.endswith("?"):
                        ended = self._program.run(command(step))
                        assert ended.status == 0, ended
        shutil.copytree(self._work, self._templates / scenario.name)
        counted = self._program.run(scenario.arguments)
        assert counted.status == scenario.status, counted
        for kinds in {fault.kinds for fault in FAULTS}:
            self._counts[scenario.name, kinds] = sum(bool(kind & kinds) for kind in counted.operations)
        if scenario.name == "export":
            self._exported = (self._work / "many.csv").read_bytes()
        if scenario.after:
            assert shown(self._work / "output") == scenario.after.tables, scenario.name

    def _restore(self, scenario: Scenario) -> None:
        shutil.rmtree(self._work)
        shutil.copytree(self._templates / scenario.name, self._work)

    def can_be_hit(self, scenario: Scenario, fault: Fault) -> bool:
        """Return whether a fault applies to a command."""
        return bool(self._counts[scenario.name, fault.kinds])

    def step(self, scenario: Scenario, fault: Fault, draw: random.Random) -> None:
        """Run a command with a fault, and then without."""
        at = draw.randint(1, self._counts[scenario.name, fault.kinds])
        self._restore(scenario)
        before = tree(self._work)
        ended = self._program.run(scenario.arguments, fault, at)
        self.tried[f"{scenario.name} {fault}"] = self.tried.get(f"{scenario.name} {fault}", 0) + 1
        try:
            problems = [*self._after(scenario, ended, before), *wrong_words(ended, fault)]
            if scenario.name not in {"verify", "query"}:
                problems += self._next(scenario, self._program.run(scenario.arguments))
        except Exception as error:  # noqa: BLE001 - any error while reading is a finding
            problems = [f"cannot be looked at: {error!r}"]
        self.wrong += [f"{scenario.name}, {fault} at {at}: {problem}\n{ended}" for problem in problems]

    def _after(self, scenario: Scenario, ended: Ended, before: dict[str, bytes | None]) -> Iterator[str]:
        output = self._work / "output"
        tables = shown(output)
        after, status = scenario.outcome(ended.hit, ended.err)
        old, new = (model.tables if model else None for model in (scenario.before, after))
        if tables and "lack the changes of" in ended.err:  # as documented
            tables, old, new = (_without_changes(some) for some in (tables, old, new))
        if tables not in (old, new):
            yield "the tables are neither those of before nor those of after"
        if scenario.is_run:
            yield from self._after_run(scenario, ended, tables, status)
        elif scenario.name == "export":
            yield from self._after_export(ended)
        elif scenario.name in {"verify", "query"} and tree(self._work) != before:
            yield "a command that only reads wrote something"
        elif scenario.name == "relink" and tables != (new if ended.status == 0 else tables):
            yield "says that it made the tables again, and did not"
        elif scenario.name == "relink" and "as they were" in ended.err and tables != old:
            yield "says that the tables are as they were"
        if not scenario.is_run and ended.status not in {0, 1, 2, -9, 130, 143}:
            yield "has another exit status"

    def _after_export(self, ended: Ended) -> Iterator[str]:
        content = (self._work / "many.csv").read_bytes()
        if content not in (b"old\n", self._exported):
            yield "the export is torn"
        if ended.status == 0 and content != self._exported:
            yield "says that it exported, and did not"
        if ("nothing was changed" in ended.err or "nothing was written" in ended.err) and content != b"old\n":
            yield "says that the file is as it was"
        if "is written" in ended.err and content != self._exported:
            yield "says that the file is written"

    def _after_run(self, scenario: Scenario, ended: Ended, tables: Tables | None, status: int) -> Iterator[str]:
        found = pointed(self._work / "output")
        was, now = scenario.before, scenario.outcome(ended.hit, ended.err)[0]
        assert now is not None
        folder = {"first": "r1", "second": "r2", "redo": "r2~2"}[scenario.name]
        is_published = found is not None and found[0] == folder
        expected = now.tables if is_published else was.tables if was else None
        if (found[1] if found else None) != (expected["membership"] if expected else None):
            yield "the members that `current` names are not those of its run"
        if not is_published and tables != expected:
            yield "the tables show a run that is not published"
        if "nothing was published" in ended.err and is_published:
            yield "says that nothing was published, and it is"
        if "is published" in ended.err and not is_published:
            yield "says that the run is published, and it is not"
        if ended.status in {0, 3} and not is_published:
            yield "ends as if published"
        if ended.status in {0, 3} and ended.status != status:
            yield "ends with the status of another outcome"
        if ended.status in {0, 3} and "still shows" not in ended.err and tables != now.tables:
            yield "the tables are old, and nothing says so"
        if is_published and ended.status not in {status, -9, 130, 143}:
            yield "published, and ends with an error"

    def _next(self, scenario: Scenario, again: Ended) -> Iterator[str]:
        if again.status != scenario.status or "Traceback" in again.err:
            yield f"the next run needs help: {again}"
        if scenario.after and shown(self._work / "output") != scenario.after.tables:
            yield "the next run leaves wrong tables"
        left = {path.name for path in (self._work / "output").iterdir()} - PUBLISHED
        left |= {path.name for path in (self._work / "output" / "runs").iterdir() if path.name.startswith(".")}
        left |= {path.name for path in self._work.iterdir() if path.name.startswith(".")}
        if left:
            yield f"leaves behind {left}"
        if scenario.name == "export" and (self._work / "many.csv").read_bytes() != self._exported:
            yield "the next export is wrong"
        kept = {path.parent.name for path in (self._work / "output").glob("runs/*/membership")}
        if scenario.name == "prune" and kept != {"r2", "r3"}:
            yield f"keeps the members of {kept}"


def wrong_words(ended: Ended, fault: Fault) -> Iterator[str]:
    """Yield problems of messages and exit status that apply to all commands."""
    lines = ended.err.splitlines()
    if any(word in ended.err for word in ("Traceback", "panicked", "Exception")):
        yield "shows a traceback"
    for line in lines:
        if not line.startswith(("error: ", "warning: ")):
            yield f"a line without a kind: {line}"
    if ended.status is None:
        yield "does not end"
    if ended.status in {1, 2} and not lines and not ended.out:
        yield "an error without a message"
    if ended.status is not None and ended.status < 0 and fault.failure != -signal.SIGKILL:
        yield "dies"
    reads = (" read ", " pread ", " pread64 ", " readv ", " mmap ", " fstat ", " stat ", " opendir ", " statx ")
    if (
        not fault.is_lasting
        and any(word in ended.hit for word in reads)
        and ": cannot be written: " in ended.err
        and "/.tmp-" not in ended.hit
    ):
        yield "blames writing for what is a fault of reading"


def _without_changes(tables: Tables | None) -> Tables | None:
    return None if tables is None else {name: rows for name, rows in tables.items() if name in {"membership", "runs"}}


@contextmanager
def injecting(library: Path, folder: Path) -> Iterator[Sweep]:
    """Start the program with the injector."""
    notes, templates, work = folder / "notes", folder / "templates", folder / "work"
    for path in (notes, templates, work):
        path.mkdir(parents=True)
    program = Program(library, work, notes)
    try:
        yield Sweep(program, templates)
    finally:
        program.close()


def sweep(library: Path, folder: Path, number: int, seed: int, told: Callable[[str], None]) -> Sweep:
    """Inject a number of faults, in all scenarios and of all kinds in turn, each at a random operation."""
    draw = random.Random(seed)  # noqa: S311 - not a secret
    every = scenarios()
    with injecting(library, folder) as found:
        for scenario in every:
            found.prepare(scenario)
        turns = [(scenario, fault) for fault in FAULTS for scenario in every if found.can_be_hit(scenario, fault)]
        draw.shuffle(turns)
        for index in range(number):
            before = len(found.wrong)
            found.step(*turns[index % len(turns)], draw)
            for problem in found.wrong[before:]:
                told(problem)
    return found
