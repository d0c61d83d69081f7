"""What can go wrong between a client and the API. No error shows the key."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from segbatch.errors import Problem, SegbatchError

__all__ = [
    "AnswerError",
    "ApiError",
    "ConflictError",
    "ForbiddenError",
    "GoneError",
    "InvalidError",
    "NotFoundError",
    "StaleError",
    "UnauthorizedError",
    "UnreachableError",
    "error_class",
]


class ApiError(SegbatchError):
    """The API did not do what it was asked. Its text is the whole message.

    Attributes:
        status: The HTTP status; None where no answer came.
        problems: What is wrong with a definition, each with its place, such as `$.rules[0].operator`.
        document: All that the API said of it (RFC 9457).
        retry_after: In how many seconds to try again, where the server says so.
        is_doubtful: Whether the change may have been made all the same, since an answer was lost. With a `StaleError`
            it may be what changed the segment.
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
        is_doubtful: bool = False,
    ) -> None:
        self.status = status
        self.document: Mapping[str, Any] = document or {}
        self.problems = tuple(problems)
        self.retry_after = retry_after
        self.is_doubtful = is_doubtful
        super().__init__(message)

    @property
    def code(self) -> str | None:
        """What kind of mishap it is, such as `in-use`; None where the API did not say."""
        return (self._text("type") or "").rpartition(":")[2] or None

    @property
    def title(self) -> str | None:
        """The same in a few words."""
        return self._text("title")

    @property
    def detail(self) -> str | None:
        """What is wrong, in the server's words."""
        return self._text("detail")

    def _text(self, key: str) -> str | None:
        text = self.document.get(key)
        return text if isinstance(text, str) else None


class InvalidError(ApiError):
    """What was sent is no right definition, or too large; `problems` tells why (400, 413, 415, 422)."""

    statuses = frozenset({400, 413, 415, 422})


class UnauthorizedError(ApiError):
    """The key is missing, unknown or revoked (401)."""

    statuses = frozenset({401})


class ForbiddenError(ApiError):
    """The key does not open this: it is for reading alone, or for other projects (403)."""

    statuses = frozenset({403})


class NotFoundError(ApiError):
    """There is no such segment (404)."""

    statuses = frozenset({404})


class ConflictError(ApiError):
    """It cannot be done as things are, since others name the segment or it is broken; `code` says which (409)."""

    statuses = frozenset({409})


class GoneError(ApiError):
    """What was asked about is gone by now: the run whose members were being listed (410)."""

    statuses = frozenset({410})


class StaleError(ApiError):
    """The segment is not what it was when it was read: somebody else changed it (412)."""

    statuses = frozenset({412})


class UnreachableError(ApiError):
    """No answer came: the server is not there, or did not answer in time."""


class AnswerError(ApiError):
    """What answered is not the API, has nothing there, or is too new for this client."""


_BY_STATUS = {status: one for one in ApiError.__subclasses__() for status in one.statuses}


def error_class(status: int) -> type[ApiError]:
    """Return the class of error that an HTTP status stands for."""
    return _BY_STATUS.get(status, ApiError)
