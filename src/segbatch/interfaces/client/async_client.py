"""The client for programs with `async`; it does what `SegmentsClient` does."""

from collections.abc import AsyncIterator
from types import TracebackType
from typing import Self, TypeVar

import anyio
import httpx

from segbatch.errors import UsageError
from segbatch.interfaces.client.base import LIMITS, BaseClient, connecting
from segbatch.interfaces.client.endpoints import Definition
from segbatch.interfaces.client.models import MembersPage, Preview, SavedSegment
from segbatch.interfaces.client.retry import Ask, Done, Outcome, Steps, next_step

__all__ = ["AsyncSegmentsClient"]

_Result = TypeVar("_Result")


class AsyncSegmentsClient(BaseClient):
    """Asks the API about segments. Tasks can share one; close it at the end, or use it in an `async with` statement.

    What was not sent for sure, or changes nothing, or is kept from happening twice by an ETag, is tried again; nothing
    else is.
    """

    def __init__(
        self,
        base_url: str | None = None,
        api_key: str | None = None,
        project_id: str | None = None,
        *,
        timeout: float = 30.0,
        retries: int = 3,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Prepare to ask; nothing is sent yet.

        Args:
            base_url: Where the server is, such as `http://localhost:8765`; None for what SEGBATCH_API_URL says.
            api_key: The secret of a key; None for what SEGBATCH_API_KEY says, if anything.
            project_id: The project that is asked about; None for what SEGBATCH_PROJECT_ID says, if anything. A key that
                belongs to one project needs none.
            timeout: For how many seconds to wait for the connection, and for each part of the answer.
            retries: How many times more to try.
            transport: What sends, in place of the network.

        Raises:
            UsageError: One of them cannot be one.
        """
        super().__init__(base_url, api_key, project_id, timeout, retries)
        with connecting():
            self._http = httpx.AsyncClient(headers=self._target.headers, limits=LIMITS, transport=transport)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def list_segments(self) -> list[SavedSegment]:
        """Return all segments, ordered by id.

        Raises:
            ApiError: The API did not do it; the class of the error says why.
        """
        return await self._run(self._calls.list_segments())

    async def get_segment(self, segment_id: str) -> SavedSegment:
        """Return a segment.

        Raises:
            NotFoundError: There is none of that id.
            ApiError: The API did not do it for another reason.
        """
        return await self._run(self._calls.get_segment(segment_id))

    async def create_segment(self, definition: Definition) -> SavedSegment:
        """Save a new segment.

        Args:
            definition: Its `name` and `rules`, and what else is to be said of it; or a `Segment`.

        Returns:
            The segment as saved, with its id and times.

        Raises:
            InvalidError: It is no right definition; `problems` tells why.
            ApiError: The API did not do it for another reason.
        """
        return await self._run(self._calls.create_segment(definition))

    async def update_segment(
        self, segment_id: str, changes: Definition, *, if_match: str | None = None
    ) -> SavedSegment:
        """Change what is sent, and nothing else; None takes an optional key away, and rules are replaced as a whole.

        Args:
            segment_id: Which segment.
            changes: The keys to set.
            if_match: The ETag that it has to have; None for any.

        Returns:
            The segment as it is now.

        Raises:
            NotFoundError: There is none of that id.
            StaleError: It was changed by somebody else.
            InvalidError: It would be no right definition any more; `problems` tells why.
            ApiError: The API did not do it for another reason.
        """
        return await self._run(self._calls.update_segment(segment_id, changes, if_match))

    async def delete_segment(self, segment_id: str, *, if_match: str | None = None) -> None:
        """Remove a segment.

        Args:
            segment_id: Which segment.
            if_match: The ETag that it has to have; None for any.

        Raises:
            NotFoundError: There is none of that id.
            StaleError: It was changed by somebody else.
            ConflictError: Other segments name it.
            ApiError: The API did not do it for another reason.
        """
        await self._run(self._calls.delete_segment(segment_id, if_match))

    async def list_members(
        self, segment_id: str, *, cursor: str | None = None, limit: int | None = None
    ) -> MembersPage:
        """Return some of the contacts in a segment, as the last run found them.

        Args:
            segment_id: Which segment.
            cursor: The `next_cursor` of the page before; None for the first page.
            limit: How many at most; None for as many as the server thinks right.

        Raises:
            NotFoundError: There is no segment of that id.
            ConflictError: No run has evaluated it yet.
            GoneError: The run that the cursor is of is gone; begin anew.
            ApiError: The API did not do it for another reason.
        """
        return await self._run(self._calls.list_members(segment_id, cursor, limit))

    async def iter_members(self, segment_id: str, *, limit: int | None = None) -> AsyncIterator[str | int]:
        """Yield the ids of all contacts in a segment, page by page; all of them are of the run that was last at first.

        Args:
            segment_id: Which segment.
            limit: How many to ask for at once; None for as many as the server thinks right.

        Raises:
            NotFoundError: There is no segment of that id.
            ConflictError: No run has evaluated it yet.
            GoneError: The run is gone by now; begin anew.
            ApiError: The API did not do it for another reason.
        """
        cursor = None
        while True:
            page = await self.list_members(segment_id, cursor=cursor, limit=limit)
            for member in page.members:
                yield member
            cursor = page.next_cursor
            if cursor is None:
                return

    async def preview(self, definition: Definition, *, first: int | None = None) -> Preview:
        """Count whom a segment would hold, without saving it; this may take a minute.

        Args:
            definition: Its `rules`, and what else is to be said of it; it needs no name.
            first: How many ids to show; None for as many as the server thinks right.

        Raises:
            InvalidError: It is no right definition, or the contacts have no such fields; `problems` tells why.
            ConflictError: There are no contacts to look at, because no run has been published.
            ApiError: The API did not do it for another reason.
        """
        return await self._run(self._calls.preview(definition, first))

    async def _run(self, steps: Steps[_Result]) -> _Result:
        """Do what a call asks for, step by step, until it has its result."""
        outcome = None
        while not isinstance(step := next_step(steps, outcome), Done):
            outcome = None
            if isinstance(step, Ask):
                outcome = await self._send(step)
            else:
                await anyio.sleep(step)
        return step.result

    async def _send(self, ask: Ask) -> Outcome:
        """Send a request, and return its answer or why there is none."""
        if self._http.is_closed:
            raise UsageError("the client is closed; make another one")
        try:
            return await self._http.request(**self._arguments(ask))
        except httpx.RequestError as error:
            return error
