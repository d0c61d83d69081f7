"""Errors for users: the place, the problem, and the fix.

The user can fix a `SegbatchError`, so it has one clear message: place, problem, fix. Any other exception is a bug in
segbatch and shows its traceback.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import ClassVar, Literal

from segbatch.text import clipped

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True, slots=True)
class Problem:
    """A certain or probable problem, and its place.

    Attributes:
        message: The problem and the fix, without the place.
        file: The path of the definition file, as shown to users; None for a definition created in Python.
        path: The place in the file in JSONPath form, such as `$.rules[1].operator`.
        segment_id: The id of the segment, if it is known.
        severity: `error`; `warning` for a problem that is allowed but often a mistake; `note` for a fact.
        without_ids: The message without the ids of contacts, if the message contains any.
        finding: The name of the lint finding, if it is one.
        line: The line in the file, counted from 1, if it is known.
    """

    message: str
    file: str | None = None
    path: str | None = None
    segment_id: str | None = None
    severity: Severity = "error"
    without_ids: str | None = None
    finding: str | None = None
    line: int | None = None

    def __str__(self) -> str:
        """Return the place and the message, in one line."""
        return ": ".join(part for part in (self._file(), self._segment(), self.path, self.message) if part)

    def _file(self) -> str | None:
        """Return the file, with the line of the place in it, as editors and terminals link to it."""
        return f"{self.file}:{self.line}" if self.file and self.path and self.line else self.file

    def _segment(self) -> str | None:
        """Return the name of the segment, unless the file has the same name."""
        if self.segment_id is None or (self.file and PurePath(self.file).stem == self.segment_id):
            return None
        return f"segment '{clipped(self.segment_id)}'"

    def as_error(self) -> "Problem":
        """Return a warning as an error, as `--strict` requires; a note stays a note."""
        return self if self.severity == "note" else replace(self, severity="error")

    def hiding_ids(self) -> "Problem":
        """Return the same problem without ids of contacts."""
        return self if self.without_ids is None else replace(self, message=self.without_ids, without_ids=None)


class SegbatchError(Exception):
    """An error that the user can fix. Its text is the complete message.

    Attributes:
        exit_code: The exit status of a command that ends with this error.
        without_ids: The message without the ids of contacts, for logs.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str = "", *, without_ids: str | None = None) -> None:
        self.without_ids = message if without_ids is None else without_ids
        super().__init__(message)


class UsageError(SegbatchError):
    """The program was called in a way that cannot work."""

    exit_code = 2


class RunNotFoundError(UsageError):
    """The run is not one of the published runs."""


class SegmentNotFoundError(UsageError):
    """The run does not have the segment, or the caller cannot see it."""


class ContactNotFoundError(UsageError):
    """The run does not have the contact, or the caller cannot see it."""


class MembersPrunedError(UsageError):
    """The members of the run were removed, as runs do with old ones."""


class QueryError(UsageError):
    """A query failed in DuckDB. The text is DuckDB's message, in several lines, with a mark under the position."""


class ProblemsError(SegbatchError):
    """An error that may have several problems; all of them are reported at once.

    Attributes:
        problems: The problems, each with its place.
    """

    exit_code = 2

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: Sequence[Problem] = tuple(problems)
        hidden = "\n".join(str(problem.hiding_ids()) for problem in self.problems)
        super().__init__("\n".join(str(problem) for problem in self.problems), without_ids=hidden)


class DefinitionError(ProblemsError):
    """Segment definitions are not valid."""


class ConfigurationError(ProblemsError):
    """Settings in segbatch.toml or in the environment are not valid."""


class NothingToPublishError(DefinitionError):
    """Every segment failed, or most of them are missing; the previous run stays published."""

    exit_code = 1


class BrokenSegmentError(DefinitionError):
    """A saved segment cannot be read; its problems give the reasons."""


class StoreError(SegbatchError):
    """Saved definitions cannot be read or changed; nothing was changed.

    Attributes:
        message: The problem without the place, for clients that must not see file paths.
    """

    def __init__(self, message: str, place: str | None = None) -> None:
        self.message = message
        super().__init__(f"{place}: {message}" if place else message)


class NotFoundError(StoreError):
    """The segment or the key does not exist."""

    exit_code = 4


class AlreadyThereError(StoreError):
    """A segment with that id already exists."""

    exit_code = 5


class StaleError(StoreError):
    """The segment was changed by another writer since it was read."""

    exit_code = 6


class InUseError(StoreError):
    """Other segments reference the segment.

    Attributes:
        what: The message without the fix, which is not the same for all callers.
        referenced_by: The ids of the segments that reference it.
    """

    exit_code = 7

    def __init__(self, what: str, referenced_by: Sequence[str]) -> None:
        self.what = what
        self.referenced_by = tuple(referenced_by)
        super().__init__(f"{what}; change them first, or force it")


class KeysError(SegbatchError):
    """The file of API keys cannot be used."""


class BusyError(StoreError):
    """Another writer owns the lock for too long."""

    exit_code = 75


class SnapshotError(SegbatchError):
    """The snapshot of contacts cannot be used."""


class DatabaseError(SegbatchError):
    """A database cannot be reached, or rejects a statement."""


class ClusterError(SegbatchError):
    """The machines that a run is spread over cannot do the work."""


class EvaluationError(SegbatchError):
    """Polars cannot evaluate a rule on the contacts, which is a bug in segbatch; the cause has the details."""


class ExportError(SegbatchError):
    """A segment's members could not be written to a file; an existing file is unchanged."""


class PublishError(SegbatchError):
    """The results of a run could not be published; the previous run stays published."""


class ChangesMismatchError(PublishError):
    """The changes since the previous run do not match the numbers of members."""
