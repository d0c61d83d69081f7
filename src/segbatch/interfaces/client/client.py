"""The client for synchronous code."""

import time
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Self, TypeVar

import httpx

from segbatch.errors import UsageError
from segbatch.interfaces.client.base import LIMITS, BaseClient, connecting
from segbatch.interfaces.client.endpoints import Definition
from segbatch.interfaces.client.models import MembersPage, MembersWithFieldsPage, Preview, SavedSegment
from segbatch.interfaces.client.retry import Finished, Outcome, Request, RequestFlow, next_step

_Result = TypeVar("_Result")


class SegmentsClient(BaseClient):
    """A client for the segments API. Threads can share one. Close it, or use it in a `with` statement.

    Requests that fail are sent again only if that is safe: the request certainly did not reach the server, does not
    change anything, or has an ETag that prevents a second change.
    """

    def __init__(
        self,
        base_url: str | None = None,
        api_key: str | None = None,
        project_id: str | None = None,
        *,
        timeout: float = 30.0,
        retries: int = 3,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Create a client. No request is sent yet.

        Args:
            base_url: The URL of the server, such as `http://localhost:8765`; by default the value of SEGBATCH_API_URL.
            api_key: The secret of an API key; by default the value of SEGBATCH_API_KEY, if set.
            project_id: The project to work on; by default the value of SEGBATCH_PROJECT_ID, if set. Not needed with a
                key that belongs to one project.
            timeout: The time limit in seconds, for connecting and for each part of the response.
            retries: The maximum number of retries for each request.
            transport: An httpx transport to use in place of the network.

        Raises:
            UsageError: An argument is not valid.
        """
        super().__init__(base_url, api_key, project_id, timeout, retries)
        with connecting():
            self._http = httpx.Client(headers=self._target.headers, limits=LIMITS, transport=transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def list_segments(self, *, tags: Sequence[str] = (), owners: Sequence[str] = ()) -> list[SavedSegment]:
        """Return segments, ordered by id.

        Args:
            tags: Only segments that have one of these tags.
            owners: Only segments of one of these owners.

        Raises:
            ApiError: The request failed; the class of the error gives the reason.
        """
        return self._run(self._calls.list_segments(tags, owners))

    def get_segment(self, segment_id: str) -> SavedSegment:
        """Return a segment.

        Raises:
            NotFoundError: The segment does not exist.
            ApiError: The request failed for another reason.
        """
        return self._run(self._calls.get_segment(segment_id))

    def create_segment(self, definition: Definition) -> SavedSegment:
        """Create a segment.

        Args:
            definition: A dictionary with `name`, `rules` and optional keys; or a `Segment`.

        Returns:
            The segment as saved, with its id and times.

        Raises:
            InvalidError: The definition is not valid; see `problems`.
            ApiError: The request failed for another reason.
        """
        return self._run(self._calls.create_segment(definition))

    def update_segment(self, segment_id: str, changes: Definition, *, if_match: str | None = None) -> SavedSegment:
        """Change the given keys of a segment. None removes an optional key; `rules` are replaced as a whole.

        Args:
            segment_id: The id of the segment.
            changes: The keys to set.
            if_match: The ETag that the segment must have; None accepts any version.

        Returns:
            The changed segment.

        Raises:
            NotFoundError: The segment does not exist.
            StaleError: The segment has another ETag, because it was changed.
            InvalidError: The changed definition would not be valid; see `problems`.
            ApiError: The request failed for another reason.
        """
        return self._run(self._calls.update_segment(segment_id, changes, if_match))

    def delete_segment(self, segment_id: str, *, if_match: str | None = None) -> None:
        """Delete a segment.

        Args:
            segment_id: The id of the segment.
            if_match: The ETag that the segment must have; None accepts any version.

        Raises:
            NotFoundError: The segment does not exist.
            StaleError: The segment has another ETag, because it was changed.
            ConflictError: Other segments refer to it.
            ApiError: The request failed for another reason.
        """
        self._run(self._calls.delete_segment(segment_id, if_match))

    def list_members(self, segment_id: str, *, cursor: str | None = None, limit: int | None = None) -> MembersPage:
        """Return a page of the contacts in a segment, as of the last run.

        Args:
            segment_id: The id of the segment.
            cursor: The `next_cursor` of the previous page; None for the first page.
            limit: The maximum number of contacts; None for the server's default.

        Raises:
            NotFoundError: The segment does not exist.
            ConflictError: The segment has not been evaluated by a run yet.
            GoneError: The run that the cursor belongs to has been deleted; start again without a cursor.
            ApiError: The request failed for another reason.
        """
        return self._run(self._calls.list_members(segment_id, cursor, limit))

    def list_members_with_fields(
        self, segment_id: str, fields: Sequence[str], *, cursor: str | None = None, limit: int | None = None
    ) -> MembersWithFieldsPage:
        """Return a page of the contacts in a segment with fields, as of the last run. This can take a minute.

        Args:
            segment_id: The id of the segment.
            fields: The fields as rules name them, such as `custom_fields.plan`; at most 10.
            cursor: The `next_cursor` of the previous page; None for the first page.
            limit: The maximum number of contacts; None for the server's default.

        Raises:
            NotFoundError: The segment does not exist, or the contacts do not have a field.
            ConflictError: The segment has not been evaluated by a run yet.
            GoneError: The run that the cursor belongs to has been deleted; start again without a cursor.
            ApiError: The request failed for another reason.
        """
        return self._run(self._calls.list_members_with_fields(segment_id, fields, cursor, limit))

    def iter_members(self, segment_id: str, *, limit: int | None = None) -> Iterator[str | int]:
        """Yield the ids of all contacts in a segment, as of the run that was the last one at the start.

        Args:
            segment_id: The id of the segment.
            limit: The number of contacts to request at once; None for the server's default.

        Raises:
            NotFoundError: The segment does not exist.
            ConflictError: The segment has not been evaluated by a run yet.
            GoneError: The run has been deleted in the meantime; start again.
            ApiError: The request failed for another reason.
        """
        cursor = None
        while True:
            page = self.list_members(segment_id, cursor=cursor, limit=limit)
            yield from page.members
            cursor = page.next_cursor
            if cursor is None:
                return

    def preview(self, definition: Definition, *, first: int | None = None) -> Preview:
        """Count the members of a definition without saving it. This can take a minute.

        Args:
            definition: A dictionary with `rules` and optional keys. It needs no `name`.
            first: The number of contact ids to return; None for the server's default.

        Raises:
            InvalidError: The definition is not valid, or the contacts do not have its fields; see `problems`.
            ConflictError: No run has been published yet, so the server has no contacts.
            ApiError: The request failed for another reason.
        """
        return self._run(self._calls.preview(definition, first))

    def _run(self, flow: RequestFlow[_Result]) -> _Result:
        """Perform the flow of a call and return its result."""
        outcome = None
        while not isinstance(step := next_step(flow, outcome), Finished):
            outcome = None
            if isinstance(step, Request):
                outcome = self._send(step)
            else:
                time.sleep(step)
        return step.result

    def _send(self, request: Request) -> Outcome:
        """Send a request and return the response or the error."""
        if self._http.is_closed:
            raise UsageError("the client is closed; create another one")
        try:
            return self._http.request(**self._arguments(request))
        except httpx.RequestError as error:
            return error
