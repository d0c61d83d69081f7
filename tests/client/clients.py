"""Call both clients in the same way with a fake server."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx

from segbatch.client import AsyncSegmentsClient, SegmentsClient

URL = "http://server:8765"
KEY = "segbatch_" + "5e" * 32
ETAG = "0f" * 16
SAVED: dict[str, Any] = {
    "id": "3f0c",
    "project_id": "proj-1",
    "name": "Pro Plan Users",
    "description": None,
    "rules": [
        {"field": "custom_fields.plan", "operator": "eq", "value": "pro"},
        {"match": "any", "rules": [{"field": "status", "operator": "exists"}]},
    ],
    "list_id": None,
    "created_at": "2025-06-01T10:00:00.000Z",
    "updated_at": None,
}

PAGE: dict[str, Any] = {
    "segment_id": "3f0c",
    "run_id": "tuesday",
    "as_of": "2025-06-01T02:00:00.000Z",
    "status": "ok",
    "member_count": 5,
    "members": ["a", "b"],
    "next_cursor": None,
}
PREVIEW: dict[str, Any] = {
    "as_of": "2025-06-01T02:00:00.000Z",
    "contacts": 10,
    "member_count": 3,
    "share": 0.3,
    "first": [1, 2],
    "warnings": [{"path": "$.rules[0].field", "message": "no contact has it"}],
}

Answer = httpx.Response | Exception


def saved(status: int = 200, etag: str | None = f'"{ETAG}"', **changed: Any) -> httpx.Response:
    return httpx.Response(status, json=SAVED | changed, headers={"ETag": etag} if etag else None)


def problem(status: int, code: str | None = None, detail: str = "what is wrong", **more: Any) -> httpx.Response:
    code = code or {404: "not-found"}.get(status, "some-code")
    headers = more.pop("headers", {})
    document = {"type": f"urn:segbatch:problem:{code}", "title": "In short", "status": status, "detail": detail} | more
    return httpx.Response(status, json=document, headers=headers | {"Content-Type": "application/problem+json"})


@dataclass
class Server:
    """Return the answers in order, repeat the last answer, and record the requests."""

    answers: list[Answer]
    requests: list[httpx.Request] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)

    @property
    def sent(self) -> Any:
        return json.loads(self.requests[-1].content)


Use = Callable[..., Any]
"""Call a method of a client on a server: `use(server, "get_segment", "x", if_match=...)`."""


def synchronously(server: Server, method: str, *arguments: Any, options: Any = None, **named: Any) -> Any:
    transport = httpx.MockTransport(server)
    with SegmentsClient(URL, KEY, "proj-1", transport=transport, **(options or {})) as client:
        found = getattr(client, method)(*arguments, **named)
        return list(found) if isinstance(found, Iterator) else found


def asynchronously(server: Server, method: str, *arguments: Any, options: Any = None, **named: Any) -> Any:
    async def run() -> Any:
        transport = httpx.MockTransport(server)
        async with AsyncSegmentsClient(URL, KEY, "proj-1", transport=transport, **(options or {})) as client:
            found = getattr(client, method)(*arguments, **named)
            return [one async for one in found] if isinstance(found, AsyncIterator) else await found

    return asyncio.run(run())
