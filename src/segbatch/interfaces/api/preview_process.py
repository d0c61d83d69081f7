"""The process that evaluates previews. It can be killed at the time limit, which also frees its memory.

Jobs are read from standard input and replies written to standard output, both pickled. The process ends at the end of
its input, so it does not outlive the server, however the server ends.
"""

import faulthandler
import os
import pickle
import sys
import traceback
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Thread
from typing import IO, TYPE_CHECKING, NoReturn

from segbatch.authoring.preview import first_members
from segbatch.compiler.prepare import EvaluationOptions, prepare
from segbatch.definitions.definition import Definitions
from segbatch.errors import DefinitionError, Problem, ProblemsError, SegbatchError
from segbatch.model.pattern import reason_against

if TYPE_CHECKING:
    from segbatch.model.rule import Rule, TableRule

_GRACE = 5.0
"""The number of seconds after the time limit when the process ends itself, in case the server is stuck."""

_STDOUT, _STDERR = 1, 2


@dataclass(frozen=True, slots=True)
class Job:
    """A preview to evaluate.

    Attributes:
        definitions: The draft, and the segments that it needs.
        draft: The id of the draft.
        whole_project: The id of a segment with all contacts of the project, if one is among the definitions.
        first: The number of ids to return.
        seconds: The time limit.
    """

    options: EvaluationOptions
    definitions: Definitions
    draft: str
    whole_project: str | None
    first: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Preview:
    """The result of a preview.

    Attributes:
        contacts: The number of contacts of the project.
        members: The number of members.
        first: The ids of the first members.
        warnings: Warnings about the draft.
    """

    contacts: int
    members: int
    first: tuple[str | int, ...]
    warnings: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Failure:
    """An error that a user can fix, with the name of its class."""

    class_name: str
    message: str
    without_ids: str
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """The traceback of an internal error of segbatch."""

    trace: str


@dataclass(frozen=True, slots=True)
class Reply:
    """The reply to a job.

    Attributes:
        outcome: The result, or the error.
        peak: The most memory that the process has used so far, in bytes.
    """

    outcome: Preview | Failure | Fault
    peak: int


def evaluate(job: Job) -> Preview:
    """Evaluate a preview.

    Raises:
        DefinitionError: The draft cannot be evaluated over the contacts.
        SnapshotError: The contacts cannot be read.
        UsageError: The time zone is not valid.
    """
    _ensure_compiles(job)
    prepared = prepare(job.options, job.definitions, also_disabled={job.draft})
    prepared.plan_of(job.draft)
    whole_project = None if job.whole_project in prepared.plan.failed else job.whole_project
    wanted = [job.draft] if whole_project is None else [job.draft, whole_project]
    found = {one.segment_id: one for one in first_members(prepared, wanted, job.first)}
    contacts = prepared.snapshot.rows if whole_project is None else found[whole_project].members
    warnings = [problem for problem in prepared.plan.warnings if problem.segment_id in {None, job.draft}]
    return Preview(contacts, found[job.draft].members, found[job.draft].first, tuple(warnings))


def _ensure_compiles(job: Job) -> None:
    """Compile the patterns of the draft, which the server has not done.

    Raises:
        DefinitionError: One does not compile.
    """
    [draft] = (one.segment for one in job.definitions.good if one.segment_id == job.draft)
    rules: list[tuple[str, Rule | TableRule]] = [*draft.rule_paths(), *draft.table_rules()]
    rules += [(path + place, row) for path, rule in draft.table_rules() for place, row in rule.row_rules()]
    reasons = ((path, reason_against(str(rule.value))) for path, rule in rules if rule.operator == "matches")
    problems = [Problem(reason, path=f"{path}.value") for path, reason in reasons if reason]
    if problems:
        raise DefinitionError(problems)


def respond(job: Job) -> Reply:
    """Evaluate a preview, and return its result or its error."""
    outcome: Preview | Failure | Fault
    try:
        outcome = evaluate(job)
    except SegbatchError as error:
        problems = tuple(error.problems) if isinstance(error, ProblemsError) else ()
        outcome = Failure(type(error).__name__, str(error), error.without_ids, problems)
    except Exception:  # noqa: BLE001 - the server logs it
        outcome = Fault(traceback.format_exc())
    return Reply(outcome, _peak())


def _peak() -> int:
    """Return the peak memory in bytes; 0 on Windows, which does not report it."""
    try:
        import resource  # noqa: PLC0415 - POSIX only
    except ModuleNotFoundError:
        return 0
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def main() -> NoReturn:
    """Evaluate one job after another until standard input ends."""
    replies = os.fdopen(os.dup(_STDOUT), "wb")
    os.dup2(_STDERR, _STDOUT)  # other output must not get into the replies
    jobs = SimpleQueue[Job]()
    Thread(target=_receive, args=(sys.stdin.buffer, jobs), daemon=True).start()
    while True:
        job = jobs.get()
        with open(os.devnull, "w") as devnull:  # noqa: PTH123 - nothing is written to it
            faulthandler.dump_traceback_later(job.seconds + _GRACE, exit=True, file=devnull)  # needs no GIL
            reply = respond(job)
            faulthandler.cancel_dump_traceback_later()
        pickle.dump(reply, replies)
        replies.flush()


def _receive(stdin: IO[bytes], jobs: "SimpleQueue[Job]") -> NoReturn:
    """Receive jobs; end the process, also in the middle of one, when the server is gone."""
    while True:
        try:
            jobs.put(pickle.load(stdin))  # noqa: S301 - the server sent it
        except (EOFError, OSError, pickle.UnpicklingError):
            os._exit(0)
