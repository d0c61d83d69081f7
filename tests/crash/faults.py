"""One command after another with a fault in it, and what must be true afterwards."""

import errno
import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

from builders import rule, write_contacts, write_segment

SERVER = Path(__file__).with_name("forking.py")
WRITES, READS, LOOKS = 1, 2, 4
EVER = 1 << 40
AS_OF = {"r1": "2026-05-01T02:00:00Z", "r2": "2026-05-02T02:00:00Z", "r3": "2026-05-03T02:00:00Z"}


@dataclass(frozen=True)
class Fault:
    """What goes wrong at an operation.

    Attributes:
        failure: An errno; or, below zero, a signal.
        kinds: Which operations it is about.
        is_lasting: Whether all later operations fail too.
    """

    failure: int
    kinds: int
    is_lasting: bool = False

    def __str__(self) -> str:
        name = signal.Signals(-self.failure).name if self.failure < 0 else errno.errorcode[self.failure]
        return f"{name}{' for ever' if self.is_lasting else ''}"


FAULTS = [
    Fault(errno.EIO, WRITES | READS | LOOKS),
    Fault(errno.EIO, READS),
    Fault(errno.EIO, WRITES | READS | LOOKS, is_lasting=True),
    Fault(errno.EACCES, READS | LOOKS),
    Fault(errno.ENOSPC, WRITES),
    Fault(errno.ENOSPC, WRITES, is_lasting=True),
    Fault(errno.EROFS, WRITES, is_lasting=True),
    Fault(-signal.SIGKILL, WRITES | READS),
    Fault(-signal.SIGTERM, WRITES | READS),
    Fault(-signal.SIGINT, WRITES | READS),
]

Row = tuple[Any, ...]
Tables = dict[str, list[Row]]


@dataclass
class Model:
    """What the tables should have, computed run by run with sets.

    Attributes:
        runs: For each run its members, and the rows that `segments` has of it.
    """

    runs: list[tuple[str, set[Row], list[Row]]] = field(default_factory=list)

    def add(self, run_id: str, contacts: dict[str, int], segments: dict[str, int | None]) -> "Model":
        """Return the model with one more run; a segment without a limit is broken, and keeps its members."""
        before = self.runs[-1][1] if self.runs else None
        earlier = {row[0]: row for row in self.runs[-1][2]} if self.runs else {}
        members, rows = set[Row](), list[Row]()
        for name, least in segments.items():
            was = {row for row in before or () if row[0] == name}
            if least is None:
                now, kept = was, (0, 0, earlier[name][5]) if earlier else (None, None, None)
                rows.append((name, "failed", len(now), *kept))
            else:
                now = {(name, who) for who, seats in contacts.items() if seats >= least}
                counts = (len(now - was), len(was - now)) if before is not None else (None, None)
                rows.append((name, "ok", len(now), *counts, run_id))
            members |= now
        return Model([*self.runs, (run_id, members, rows)])

    @property
    def tables(self) -> Tables:
        """The tables as the catalogue has them."""
        changes, stays = list[Row](), list[list[Any]]()
        was = self.runs[0][1]
        first = _moment(self.runs[0][0])
        stays = [[*row, first, None] for row in was]
        for run_id, members, _ in self.runs[1:]:
            moment = _moment(run_id)
            changes += [(run_id, *row, "entered") for row in members - was]
            changes += [(run_id, *row, "exited") for row in was - members]
            for stay in stays:
                if stay[3] is None and tuple(stay[:2]) in was - members:
                    stay[3] = moment
            stays += [[*row, moment, None] for row in members - was]
            was = members
        return {
            "membership": sorted(self.runs[-1][1]),
            "membership_changes": sorted(changes),
            "membership_history": sorted((*stay[:3], stay[3] or "") for stay in stays),
            "segments": sorted(self.runs[-1][2]),
            "runs": [(run_id,) for run_id, *_ in self.runs],
        }


def _moment(run_id: str) -> str:
    return AS_OF[run_id].replace("T", " ").removesuffix("Z")


COLUMNS = {
    "membership": "segment_id, contact_id",
    "membership_changes": "run_id, segment_id, contact_id, change",
    "membership_history": "segment_id, contact_id, entered_at::VARCHAR, coalesce(exited_at::VARCHAR, '')",
    "segments": "segment_id, status, member_count, entered, exited, run_id",
    "runs": "run_id",
}


def shown(output: Path) -> Tables | None:
    """Return what the catalogue shows; None if it is not there."""
    if not (output / "segbatch.duckdb").exists():
        return None
    with duckdb.connect(str(output / "segbatch.duckdb"), read_only=True) as connection:
        found = {
            name: connection.execute(f"SELECT {columns} FROM {name}").fetchall() for name, columns in COLUMNS.items()
        }
    return {name: sorted(rows) for name, rows in found.items()}


def pointed(output: Path) -> tuple[str, list[Row]] | None:
    """Return the folder that `current` names, and the members in it; None if nothing is published."""
    pointer = output / "current"
    if not pointer.exists():
        return None
    folder = pointer.read_text().strip()
    table = pq.read_table(output / "runs" / folder / "membership")
    return folder, sorted(zip(*(table.column(name).to_pylist() for name in ("segment_id", "contact_id")), strict=True))


def tree(folder: Path) -> dict[str, bytes | None]:
    """Return the files of a folder with their content, except the lock."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
        if path.name != "lock"
    }


@dataclass
class Ended:
    """How a command ended."""

    status: int | None
    out: str
    err: str
    operations: list[int]
    hit: str

    def __str__(self) -> str:
        return f"status {self.status}, hit {self.hit}\n{self.out}\n{self.err}"


class Program:
    """The program in forks of a process of its own."""

    def __init__(self, library: Path, work: Path, notes: Path) -> None:
        self.work, self._notes = work, notes
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SEGBATCH_")}
        self._server = subprocess.Popen(
            [sys.executable, str(SERVER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment | {"LD_PRELOAD": str(library), "COVERAGE_PROCESS_START": ""},
        )

    def run(self, arguments: list[str], fault: Fault | None = None, at: int = 0) -> Ended:
        """Run a command with a fault at an operation; without one, only count."""
        names = {name: str(self._notes / name) for name in ("out", "err", "log", "count")}
        order = {
            "folder": str(self.work),
            "arguments": arguments,
            "first": at or EVER,
            "last": EVER if fault and fault.is_lasting else at,
            "failure": fault.failure if fault else 0,
            "kinds": fault.kinds if fault else WRITES | READS | LOOKS,
            **names,
        }
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(json.dumps(order) + "\n")
        self._server.stdin.flush()
        status = json.loads(self._server.stdout.readline())
        out, err, log = ((self._notes / name).read_text(errors="replace") for name in ("out", "err", "log"))
        lines = log.splitlines()
        hit = next((line for line in lines if " ! " in line), "nothing")
        return Ended(status, out, err, [int(line.partition(" ")[0]) for line in lines], hit)

    def close(self) -> None:
        self._server.communicate()


PUBLISHED = {"current", "lock", "runs", "segbatch.duckdb"}
RUN = ["run", "--contacts", "contacts.parquet", "--segments", "segments", "--log-format", "plain", "--keep", "2"]
EXPORT = ["export", "many", "--to", "many.csv", "--columns", "seats", "--force"]
PEOPLE = {
    "r1": {f"c{number:02}": number for number in range(40)},
    "r2": {f"c{number:02}": (number * 7) % 45 for number in range(4, 48)},
    "r3": {f"c{number:02}": (number * 11) % 50 for number in range(2, 44)},
    "again": {f"c{number:02}": (number * 3) % 41 for number in range(3, 50)},
}
LEAST: dict[str, int | None] = {"few": 35, "many": 10, "some": 20}
BROKEN: dict[str, int | None] = LEAST | {"some": None}


def command(run_id: str) -> list[str]:
    return [*RUN, "--run-id", run_id, "--as-of", AS_OF[run_id], "--keep-days", "1"]


@dataclass(frozen=True)
class Scenario:
    """A command on a folder.

    Attributes:
        name: Its name.
        arguments: The command.
        status: Its exit status without a fault.
        before: What the tables are before; None where nothing is published.
        after: What they are afterwards.
        steps: What makes the folder.
        definitions: What is defined, in a run.
    """

    name: str
    arguments: list[str]
    status: int
    before: Model | None
    after: Model | None
    steps: tuple[str, ...]
    definitions: dict[str, int | None] = field(default_factory=dict)

    @property
    def is_run(self) -> bool:
        """Whether the command is a run."""
        return bool(self.definitions)

    def outcome(self, hit: str) -> tuple[Model | None, int]:
        """Return the tables afterwards and the exit status; of a definition that cannot be read, the members stay."""
        name = hit.rpartition("/segments/")[2].removesuffix(".json")
        if not self.is_run or name not in self.definitions:
            return self.after, self.status
        was = self.before or Model()
        was = Model(was.runs[:1]) if self.name == "redo" else was
        people = PEOPLE[self.steps[-1].removesuffix("?")]
        assert self.after is not None
        return was.add(self.after.runs[-1][0], people, self.definitions | {name: None}), 3


def scenarios() -> list[Scenario]:
    one = Model().add("r1", PEOPLE["r1"], LEAST)
    two, three = one.add("r2", PEOPLE["r2"], LEAST), one.add("r2", PEOPLE["r2"], LEAST).add("r3", PEOPLE["r3"], LEAST)
    again = one.add("r2", PEOPLE["again"], BROKEN)
    return [
        Scenario("first", command("r1"), 0, None, one, ("r1?",), LEAST),
        Scenario("second", command("r2"), 0, one, two, ("r1", "r2?"), LEAST),
        Scenario("redo", command("r2"), 3, two, again, ("r1", "r2", "again?"), BROKEN),
        Scenario("prune", ["runs", "prune", "--keep", "2", "--keep-days", "0"], 0, three, three, ("r1", "r2", "r3")),
        Scenario("relink", ["relink"], 0, one, two, ("r1", "keep", "r2", "stale")),
        Scenario("export", EXPORT, 0, two, two, ("r1", "r2", "old")),
        Scenario("verify", ["verify", "--all"], 0, two, two, ("r1", "r2")),
        Scenario("query", ["query", "FROM membership", "--json"], 0, two, two, ("r1", "r2")),
    ]


def write_inputs(work: Path, name: str) -> None:
    """Write the snapshot and the definitions of a run."""
    people = PEOPLE[name]
    write_contacts(work / "contacts.parquet", {"id": list(people), "seats": list(people.values())})
    for segment, least in (BROKEN if name == "again" else LEAST).items():
        write_segment(work / "segments", segment, rule("seats" if least is not None else "saets", "gte", least or 0))


class Sweep:
    """Tries faults in all scenarios.

    Attributes:
        wrong: What is not as it must be, a text each.
        tried: How many faults were tried, by scenario and fault.
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
        """Make the folder of a scenario, and count its operations."""
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
        """Return whether a command has operations for a fault."""
        return bool(self._counts[scenario.name, fault.kinds])

    def step(self, scenario: Scenario, fault: Fault, draw: random.Random) -> None:
        """Try one fault, and then the command without one."""
        at = draw.randint(1, self._counts[scenario.name, fault.kinds])
        self._restore(scenario)
        before = tree(self._work)
        ended = self._program.run(scenario.arguments, fault, at)
        self.tried[f"{scenario.name} {fault}"] = self.tried.get(f"{scenario.name} {fault}", 0) + 1
        try:
            problems = [*self._after(scenario, ended, before), *wrong_words(ended, fault)]
            if scenario.name not in {"verify", "query"}:
                problems += self._next(scenario, self._program.run(scenario.arguments))
        except Exception as error:  # noqa: BLE001 - whatever cannot be read is a finding
            problems = [f"cannot be looked at: {error!r}"]
        self.wrong += [f"{scenario.name}, {fault} at {at}: {problem}\n{ended}" for problem in problems]

    def _after(self, scenario: Scenario, ended: Ended, before: dict[str, bytes | None]) -> Iterator[str]:
        output = self._work / "output"
        tables = shown(output)
        after, status = scenario.outcome(ended.hit)
        old, new = (model.tables if model else None for model in (scenario.before, after))
        if tables and "go without what changed" in ended.err:  # as documented
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
        if ("it is as it was" in ended.err or "nothing was written" in ended.err) and content != b"old\n":
            yield "says that the file is as it was"
        if "is written" in ended.err and content != self._exported:
            yield "says that the file is written"

    def _after_run(self, scenario: Scenario, ended: Ended, tables: Tables | None, status: int) -> Iterator[str]:
        found = pointed(self._work / "output")
        was, now = scenario.before, scenario.outcome(ended.hit)[0]
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
    """Yield what is wrong with messages and exit status, whatever the command."""
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
    """Start the program under the injector."""
    notes, templates, work = folder / "notes", folder / "templates", folder / "work"
    for path in (notes, templates, work):
        path.mkdir(parents=True)
    program = Program(library, work, notes)
    try:
        yield Sweep(program, templates)
    finally:
        program.close()


def sweep(library: Path, folder: Path, number: int, seed: int, told: Callable[[str], None]) -> Sweep:
    """Try so many faults, in all scenarios and of all kinds in turn, each at an operation drawn by lot."""
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
