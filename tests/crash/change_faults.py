"""Injects a fault into changes of definitions, keys and files, and checks the result."""

import hashlib
import json
import random
import re
import shutil
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from change_cases import Change, State, changes, exit_status_in_metrics, write_template
from fault_cases import AS_OF
from fault_program import FAULTS, Ended, Fault, Program
from faults import wrong_words

MADE = {0, 200, 201, 204}
IN_DOUBT = ("may have been changed", "may be complete or unchanged")
UNCHANGED = ("nothing was changed", "nothing was written")
LOCKS = {".segbatch.lock", ".keys.json.lock", ".new-keys.json.lock"}
METRICS_LOST = re.compile(r"warning: files/segbatch\.prom: (the metrics )?cannot be (written|read): ")
LOGGED = re.compile(r"20\S+Z .*?(?P<error> error: .*)?")


class ChangeSweep:
    """Injects faults into all changes.

    Attributes:
        wrong: The problems that were found, as texts.
        tried: The number of injected faults, by change.
    """

    def __init__(self, program: Program, templates: Path) -> None:
        self._program, self._templates = program, templates
        self._work, self._template = program.work, templates / "changes"
        self.wrong = list[str]()
        self.tried = dict[str, int]()
        self.changes = list[Change]()
        self._states = dict[str, tuple[State, State]]()
        self._counts = dict[tuple[str, int], int]()

    def prepare(self) -> None:
        """Create the folder, and make every change without a fault."""
        shutil.rmtree(self._work, ignore_errors=True)
        self._work.mkdir()
        self.changes = changes(*write_template(self._work))
        run = next(change for change in self.changes if change.is_run)
        first = [*run.arguments[: run.arguments.index("--run-id")], "--run-id", "r1", "--as-of", AS_OF["r1"]]
        ended = self._program.run(first)
        assert ended.status == 0, ended
        shutil.copytree(self._work, self._template)
        for change in self.changes:
            self._restore()
            before = change.state(self._work)
            counted = self._run(change)
            assert outcome(change, counted)[0] in MADE, counted
            self._states[change.name] = before, change.state(self._work)
            assert before != self._states[change.name][1], change.name
            for kinds in {fault.kinds for fault in FAULTS}:
                self._counts[change.name, kinds] = sum(bool(kind & kinds) for kind in counted.operations)

    def can_be_hit(self, change: Change, fault: Fault) -> bool:
        """Return whether a fault applies to a change; requests have no server process that a signal could end."""
        is_signal = fault.failure in {-signal.SIGTERM, -signal.SIGINT}
        return bool(self._counts[change.name, fault.kinds]) and not (is_signal and change.is_request)

    def step(self, change: Change, fault: Fault, draw: random.Random) -> None:
        """Make a change with a fault, and then without."""
        at = draw.randint(1, self._counts[change.name, fault.kinds])
        self._restore()
        ended = self._run(change, fault, at)
        self.tried[change.name] = self.tried.get(change.name, 0) + 1
        try:
            state = change.state(self._work)
            problems = [*self._after(change, ended, state), *wrong_words(only_problems(change, ended), fault)]
            problems += self._next(change, state)
        except Exception as error:  # noqa: BLE001 - any error while reading is a finding
            problems = [f"cannot be looked at: {error!r}"]
        self.wrong += [f"{change.name}, {fault} at {at}: {problem}\n{ended}" for problem in problems]

    def _restore(self) -> None:
        shutil.rmtree(self._work)
        shutil.copytree(self._template, self._work)

    def _run(self, change: Change, fault: Fault | None = None, at: int = 0) -> Ended:
        return self._program.run(change.arguments, fault, at, change.below)

    def _after(self, change: Change, ended: Ended, state: State) -> Iterator[str]:
        before, after = self._states[change.name]
        status, text = outcome(change, ended)
        if state not in (before, after):
            yield f"the state is neither that of before nor that of after: {state}"
        if any(words in text for words in UNCHANGED) and state != before:
            yield "says that nothing was changed, and it was"
        if "is changed, but" in text and (state != after or (status not in MADE)):
            yield "says that it is changed, and it is not, or ends with an error"
        if "is written, but" in text and state != after:
            yield "says that it is written, and it is not"
        if status in MADE and state != after and not METRICS_LOST.search(text):
            yield "ends as if done, and it is not"
        is_known = any(words in text for words in (*IN_DOUBT, "is written", "in-doubt")) or status in {
            None,
            -9,
            130,
            143,
        }
        if status not in MADE and state == after and not is_known:
            yield "is done, and ends with an error that does not say so"
        if change.is_request and "fault" in text:
            yield "is a fault of the program"
        if change.is_run and state == after and status not in {None, -9, exit_status_in_metrics(self._work)}:
            yield "the metrics have another exit status"
        if change.name in {"key", "first key"} and status == 0:
            yield from self._wrong_secret(change, ended)

    def _wrong_secret(self, change: Change, ended: Ended) -> Iterator[str]:
        digest = hashlib.sha256(ended.out.strip().encode()).hexdigest()
        if digest not in (self._work / change.arguments[-1]).read_text():
            yield "the secret that it prints is not that of a key"

    def _next(self, change: Change, state: State) -> Iterator[str]:
        before, after = self._states[change.name]
        again = self._run(change)
        status, text = outcome(change, again)
        expected = change.again if state == after and before != after else None
        if (status != expected if expected else status not in MADE) or "Traceback" in again.err:
            yield f"the next try needs help, {status}: {text}"
        if state == before and change.state(self._work) != after:
            yield "the next try does something else"
        hidden = {path.name for path in self._work.rglob(".*")} - LOCKS - {".segbatch"}
        if hidden and not expected:
            yield f"leaves behind {hidden}"


def outcome(change: Change, ended: Ended) -> tuple[int | None, str]:
    """Return the exit status, or the status of the response, and all messages."""
    if not change.is_request or ended.status != 0:
        return ended.status, ended.err
    answer: dict[str, Any] = json.loads(ended.out)
    return answer["status"], f"{answer['type']} {answer['detail']} {ended.err}"


def only_problems(change: Change, ended: Ended) -> Ended:
    """Return the outcome of a change with only its errors and warnings, from the log of a server or from stderr."""
    lines = ended.err.splitlines()
    if change.is_request:
        lines = [(LOGGED.fullmatch(line) or {"error": line})["error"] or "" for line in lines]
    kept = [line.strip() for line in lines if line.strip() and not line.endswith("so keep it now")]
    return replace(ended, err="\n".join(kept))


def sweep_changes(library: Path, folder: Path, number: int, seed: int, report: Callable[[str], None]) -> ChangeSweep:
    """Inject faults of all kinds into all changes in turn, each at a random operation."""
    draw = random.Random(seed)  # noqa: S311 - not a secret
    notes, templates, work = folder / "notes", folder / "templates", folder / "work"
    for path in (notes, templates, work):
        path.mkdir(parents=True)
    program = Program(library, work, notes)
    try:
        found = ChangeSweep(program, templates)
        found.prepare()
        turns = [(change, fault) for fault in FAULTS for change in found.changes if found.can_be_hit(change, fault)]
        draw.shuffle(turns)
        for index in range(number):
            before = len(found.wrong)
            found.step(*turns[index % len(turns)], draw)
            for problem in found.wrong[before:]:
                report(problem)
    finally:
        program.close()
    return found
