"""Errors of the client. No error message shows the API key."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from segbatch.errors import Problem, SegbatchError


class ApiError(SegbatchError):
    """A request to the API failed. The text of the error is the whole message.

    Attributes:
        status: The HTTP status; None without a response.
        problems: The problems of a definition, each with its place, such as `$.rules[0].operator`.
        document: The problem document of the API (RFC 9457).
        retry_after: The number of seconds to wait before a retry, if the server sent one.
        maybe_applied: Whether the change may have been made although the request failed, because a response was lost.
            With a `StaleError`, that change may be the one that made the ETag stale.
    """

    statuses: ClassVar[frozenset[int]] = frozenset()

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        document: Mapping[str, Any] | None = None,
        problems: Sequence[Problem] = (),
        retry_after: float | None = None,
        maybe_applied: bool = False,
    ) -> None:
        self.status = status
        self.document: Mapping[str, Any] = document or {}
        self.problems = tuple(problems)
        self.retry_after = retry_after
        self.maybe_applied = maybe_applied
        super().__init__(message)

    @property
    def is_doubtful(self) -> bool:
        """Return `maybe_applied`, under its old name."""
        return self.maybe_applied

    @property
    def code(self) -> str | None:
        """Return the kind of error, such as `in-use`; None if the API did not send one."""
        return (self._text("type") or "").rpartition(":")[2] or None

    @property
    def title(self) -> str | None:
        """Return a short description of the kind of error."""
        return self._text("title")

    @property
    def detail(self) -> str | None:
        """Return the server's description of this error."""
        return self._text("detail")

    def _text(self, key: str) -> str | None:
        text = self.document.get(key)
        return text if isinstance(text, str) else None


class InvalidError(ApiError):
    """The definition is not valid, or the request is too large; see `problems` (400, 413, 415, 422)."""

    statuses = frozenset({400, 413, 415, 422})


class UnauthorizedError(ApiError):
    """The key is missing, unknown or revoked (401)."""

    statuses = frozenset({401})


class ForbiddenError(ApiError):
    """The key does not have the permission: it is read-only, or for other projects (403)."""

    statuses = frozenset({403})


class NotFoundError(ApiError):
    """The segment does not exist (404)."""

    statuses = frozenset({404})


class ConflictError(ApiError):
    """The request conflicts with the current state: others refer to the segment, or it is broken; see `code` (409)."""

    statuses = frozenset({409})


class GoneError(ApiError):
    """The run whose members were listed has been deleted (410)."""

    statuses = frozenset({410})


class StaleError(ApiError):
    """The segment was changed by another client since it was read (412)."""

    statuses = frozenset({412})


class UnreachableError(ApiError):
    """No response was received: the server is not running, or did not answer in time."""


class AnswerError(ApiError):
    """The response is not from the API, or from a wrong path, or from a version too new for this client."""


_BY_STATUS = {status: one for one in ApiError.__subclasses__() for status in one.statuses}


def error_class(status: int) -> type[ApiError]:
    """Return the class of error for an HTTP status."""
    return _BY_STATUS.get(status, ApiError)
