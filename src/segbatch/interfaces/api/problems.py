"""Problem documents (RFC 9457), with the same messages and places as on the command line."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fastapi import Response

from segbatch.definitions.store.files import UncertainStoreError
from segbatch.errors import (
    AlreadyThereError,
    BrokenSegmentError,
    BusyError,
    DefinitionError,
    EvaluationError,
    InUseError,
    NotFoundError,
    Problem,
    SegbatchError,
    StaleError,
    StoreError,
)
from segbatch.interfaces.api.limits import MAX_HEADERS

PROBLEM_TYPE = "application/problem+json"
URN = "urn:segbatch:problem:"

CODES: Mapping[str, tuple[int, str]] = {
    "bad-request": (400, "The request cannot be understood"),
    "not-json": (400, "The body is not JSON"),
    "unauthorized": (401, "A valid key is required"),
    "forbidden": (403, "The key does not allow this"),
    "csrf": (403, "The CSRF token is missing or wrong"),
    "not-found": (404, "The segment does not exist"),
    "no-run": (404, "The run does not exist"),
    "no-contact": (404, "The contact does not exist"),
    "no-field": (404, "The field does not exist"),
    "no-endpoint": (404, "The path does not exist"),
    "method-not-allowed": (405, "The path does not support this method"),
    "too-slow": (408, "The request arrived too slowly"),
    "broken-segment": (409, "The saved definition is broken"),
    "in-use": (409, "Other segments refer to it"),
    "already-there": (409, "The segment already exists"),
    "nothing-published": (409, "No run has the result yet"),
    "run-gone": (410, "The run was deleted"),
    "changed-meanwhile": (412, "The segment was changed in the meantime"),
    "too-large": (413, "The body is too large"),
    "not-json-type": (415, "The body must be JSON"),
    "misdirected": (421, "The server does not have this name"),
    "invalid-definition": (422, "The definition is not valid"),
    "headers-too-large": (431, "The headers are too large"),
    "fault": (500, "An internal error of segbatch"),
    "in-doubt": (500, "The change may have been made"),
    "busy": (503, "The server is busy"),
    "unavailable": (503, "The server cannot answer this now"),
    "too-long": (504, "It took too long"),
}
"""The codes of problems, with status and title. The code is the last part of a problem's `type`."""

_RETRY_SOON = {"Retry-After": "1"}


@dataclass(eq=False)
class HttpProblem(Exception):  # noqa: N818 - a response, and not a fault
    """A rejected request and the reason.

    Attributes:
        code: The kind of problem, a key of `CODES`.
        detail: The full message.
        errors: The problems of the body, each with its place.
        more: Additional members of the document.
        headers: Headers of the response.
        log: A message for the server's log that the client must not see.
        is_lasting: Whether a retry does not help, so that the response has no `Retry-After`.
    """

    code: str
    detail: str
    errors: Sequence[Problem] = ()
    more: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    log: str | None = None
    is_lasting: bool = False

    @property
    def status(self) -> int:
        """Return the HTTP status."""
        return CODES[self.code][0]

    def to_json(self) -> dict[str, Any]:
        """Return the problem document."""
        status, title = CODES[self.code]
        document: dict[str, Any] = {"type": URN + self.code, "title": title, "status": status, "detail": self.detail}
        if self.errors:
            document["errors"] = [{"path": problem.path or "$", "message": problem.message} for problem in self.errors]
        return document | dict(self.more)

    def to_text(self) -> str:
        """Return the problem document as JSON text."""
        return json.dumps(self.to_json(), ensure_ascii=False, separators=(",", ":"))


def too_large_headers() -> HttpProblem:
    """Return the problem of headers that are too large."""
    return HttpProblem("headers-too-large", f"the first line and the headers have more than {MAX_HEADERS:,} bytes")


def problem_response(problem: HttpProblem) -> Response:
    """Return the response for a problem."""
    retry = _RETRY_SOON if problem.code in {"busy", "unavailable"} and not problem.is_lasting else {}
    return Response(problem.to_text(), problem.status, {**retry, **problem.headers}, PROBLEM_TYPE)


def problem_from(error: SegbatchError) -> HttpProblem:
    """Return the problem for an error. It does not reveal the paths of files."""
    match error:
        case BrokenSegmentError():
            return _invalid("broken-segment", error.problems)
        case DefinitionError():
            return _invalid("invalid-definition", error.problems)
        case StoreError():
            return _from_store(error)
        case EvaluationError():
            return HttpProblem(
                "fault", "a rule cannot be evaluated because of an internal error of segbatch", log=error.without_ids
            )
        case _:
            return HttpProblem(
                "unavailable", "the server cannot answer this now; its log has the cause", log=error.without_ids
            )


def _from_store(error: StoreError) -> HttpProblem:
    match error:
        case NotFoundError():
            return HttpProblem("not-found", error.message)
        case StaleError():
            return HttpProblem("changed-meanwhile", error.message)
        case InUseError():
            return HttpProblem(
                "in-use", f"{error.what}; change them first", more={"named_by": list(error.referenced_by)}
            )
        case AlreadyThereError():
            return HttpProblem("already-there", error.message)
        case BusyError():
            return HttpProblem("busy", error.message)
        case UncertainStoreError():
            message = "the definitions cannot be written now, and the change may have been made; get the segment again"
            return HttpProblem("in-doubt", message, log=error.without_ids)
        case _:
            message = "the definitions cannot be read or written now; nothing was changed"
            return HttpProblem("unavailable", message, log=error.without_ids)


def _invalid(code: str, problems: Sequence[Problem]) -> HttpProblem:
    lines = [f"{problem.path}: {problem.message}" if problem.path else problem.message for problem in problems]
    return HttpProblem(code, "\n".join(lines), tuple(problems))
