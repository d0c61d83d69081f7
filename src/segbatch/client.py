"""Python client for the REST API, with or without `async`.

    >>> from segbatch.client import SegmentsClient
    >>> with SegmentsClient("http://localhost:8765", api_key, "proj-1") as client:  # doctest: +SKIP
    ...     client.list_segments()

It requires the extra `client`. It does not need the packages that evaluate segments.
"""

from importlib.util import find_spec

if find_spec("httpx") is None:
    raise ImportError("segbatch.client needs httpx, which is not installed; run: pip install 'segbatch[client]'")

from segbatch.errors import Problem, SegbatchError, UsageError
from segbatch.interfaces.client.async_client import AsyncSegmentsClient
from segbatch.interfaces.client.client import SegmentsClient
from segbatch.interfaces.client.errors import (
    AnswerError,
    ApiError,
    ConflictError,
    ForbiddenError,
    GoneError,
    InvalidError,
    NotFoundError,
    StaleError,
    UnauthorizedError,
    UnreachableError,
)
from segbatch.interfaces.client.models import (
    MemberFields,
    MembersPage,
    MembersWithFieldsPage,
    Preview,
    PreviewWarning,
    SavedGroup,
    SavedRule,
    SavedSegment,
    SavedTableRule,
)
from segbatch.model.rule import Group, Rule, TableRule
from segbatch.model.segment import Segment

__all__ = [
    "AnswerError",
    "ApiError",
    "AsyncSegmentsClient",
    "ConflictError",
    "ForbiddenError",
    "GoneError",
    "Group",
    "InvalidError",
    "MemberFields",
    "MembersPage",
    "MembersWithFieldsPage",
    "NotFoundError",
    "Preview",
    "PreviewWarning",
    "Problem",
    "Rule",
    "SavedGroup",
    "SavedRule",
    "SavedSegment",
    "SavedTableRule",
    "SegbatchError",
    "Segment",
    "SegmentsClient",
    "StaleError",
    "TableRule",
    "UnauthorizedError",
    "UnreachableError",
    "UsageError",
]
