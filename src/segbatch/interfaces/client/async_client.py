"""The client for `async` code."""

from collections.abc import AsyncIterator, Sequence
from types import TracebackType
from typing import Self, TypeVar

import anyio
import httpx

from segbatch.errors import UsageError
from segbatch.interfaces.client.base import LIMITS, BaseClient, connecting
from segbatch.interfaces.client.endpoints import Definition
from segbatch.interfaces.client.models import MembersPage, MembersWithFieldsPage, Preview, SavedSegment
from segbatch.interfaces.client.retry import Finished, Outcome, Request, RequestFlow, next_step

_Result = TypeVar("_Result")


class AsyncSegmentsClient(BaseClient):
    """An async client for the segments API. Tasks can share one. Close it, or use it in an `async with` statement.

    Its calls have the arguments, results, errors and retries of `SegmentsClient`, which describes them.
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
        """Create a client. No request is sent yet."""
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

    async def list_segments(self, *, tags: Sequence[str] = (), owners: Sequence[str] = ()) -> list[SavedSegment]:
        """Return segments, ordered by id: those that have one of the tags, and one of the owners."""
        return await self._run(self._calls.list_segments(tags, owners))

    async def get_segment(self, segment_id: str) -> SavedSegment:
        """Return a segment."""
        return await self._run(self._calls.get_segment(segment_id))

    async def create_segment(self, definition: Definition) -> SavedSegment:
        """Create a segment, and return it with its id and times."""
        return await self._run(self._calls.create_segment(definition))

    async def update_segment(
        self, segment_id: str, changes: Definition, *, if_match: str | None = None
    ) -> SavedSegment:
        """Change the given keys of a segment, and return it."""
        return await self._run(self._calls.update_segment(segment_id, changes, if_match))

    async def delete_segment(self, segment_id: str, *, if_match: str | None = None) -> None:
        """Delete a segment."""
        await self._run(self._calls.delete_segment(segment_id, if_match))

    async def list_members(
        self, segment_id: str, *, cursor: str | None = None, limit: int | None = None
    ) -> MembersPage:
        """Return a page of the contacts in a segment, as of the last run."""
        return await self._run(self._calls.list_members(segment_id, cursor, limit))

    async def list_members_with_fields(
        self, segment_id: str, fields: Sequence[str], *, cursor: str | None = None, limit: int | None = None
    ) -> MembersWithFieldsPage:
        """Return a page of the contacts in a segment with fields, as of the last run. This can take a minute."""
        return await self._run(self._calls.list_members_with_fields(segment_id, fields, cursor, limit))

    async def iter_members(self, segment_id: str, *, limit: int | None = None) -> AsyncIterator[str | int]:
        """Yield the ids of all contacts in a segment, as of the run that was the last one at the start."""
        cursor = None
        while True:
            page = await self.list_members(segment_id, cursor=cursor, limit=limit)
            for member in page.members:
                yield member
            cursor = page.next_cursor
            if cursor is None:
                return

    async def preview(self, definition: Definition, *, first: int | None = None) -> Preview:
        """Count the members of a definition without saving it. This can take a minute."""
        return await self._run(self._calls.preview(definition, first))

    async def _run(self, flow: RequestFlow[_Result]) -> _Result:
        """Perform the flow of a call and return its result."""
        outcome = None
        while not isinstance(step := next_step(flow, outcome), Finished):
            outcome = None
            if isinstance(step, Request):
                outcome = await self._send(step)
            else:
                await anyio.sleep(step)
        return step.result

    async def _send(self, request: Request) -> Outcome:
        """Send a request and return the response or the error."""
        if self._http.is_closed:
            raise UsageError("the client is closed; create another one")
        try:
            return await self._http.request(**self._arguments(request))
        except httpx.RequestError as error:
            return error
