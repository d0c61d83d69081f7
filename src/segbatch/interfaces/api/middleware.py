"""Middleware for all requests: the access log, response headers, and the limit on concurrent requests."""

import asyncio
import re
import sys
import time
import traceback
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from segbatch.interfaces.api.limits import HEALTH, MAX_HEADERS, MAX_REQUESTS
from segbatch.interfaces.api.problems import HttpProblem, problem_response, too_large_headers
from segbatch.text import clipped, printable

_ABSOLUTE = re.compile(rb"https?://([^/]*)(/.*)?", re.IGNORECASE)


def to_origin_form(scope: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Convert a request for `http://host/path`, as proxies send it, to one for `/path` on that host."""
    match = _ABSOLUTE.fullmatch(scope["raw_path"])
    if match is None:
        return scope
    host, path = match[1], match[2] or b"/"
    headers = [(b"host", host), *(header for header in scope["headers"] if header[0] != b"host")]
    return {**scope, "path": unquote(path.decode("ascii")), "raw_path": path, "headers": headers}


def has_two_lengths(scope: MutableMapping[str, Any]) -> bool:
    """Return whether a request has two lengths, so that a proxy and the server could disagree about its end."""
    return {b"content-length", b"transfer-encoding"} <= {name for name, _ in scope["headers"]}


_Message = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]
_App = Callable[[_Message, _Receive, _Send], Awaitable[None]]

_AROUND = len(": \r\n")

_HEADERS: Iterable[tuple[bytes, bytes]] = (
    (b"cache-control", b"private, no-cache"),
    (b"vary", b"Authorization, X-Project-ID"),
    (b"x-content-type-options", b"nosniff"),
)


class RequestMiddleware:
    """An application with a limit on concurrent requests and an access log."""

    def __init__(self, app: _App, max_requests: int = MAX_REQUESTS) -> None:
        """Wrap an application.

        Args:
            app: The application.
            max_requests: The maximum number of concurrent requests.
        """
        self._app = app
        self._max_requests = max_requests
        self._in_progress = 0

    async def __call__(self, scope: _Message, receive: _Receive, send: _Send) -> None:
        """Handle a request."""
        begun, status = time.perf_counter(), 0
        scope = to_origin_form(scope)
        counts = scope["path"] != HEALTH

        async def respond(message: _Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), *_HEADERS]
            await send(message)

        self._in_progress += counts
        try:
            await self._respond(scope, receive, respond)
        except asyncio.CancelledError:  # the server shuts down and the time limit for requests has passed
            if not status:
                await problem_response(HttpProblem("unavailable", "the server is shutting down"))(
                    scope, receive, respond
                )
        except Exception:  # noqa: BLE001 - an error ends this request and not the server
            print(printable(traceback.format_exc()).replace("\\n", "\n"), end="", file=sys.stderr)  # noqa: T201 - the log
        finally:
            self._in_progress -= counts
            _log(scope, status, time.perf_counter() - begun)

    async def _respond(self, scope: _Message, receive: _Receive, send: _Send) -> None:
        problem = self._find_problem(scope)
        if problem is not None:
            await problem_response(problem)(scope, receive, send)
            return
        if scope["method"] == "HEAD":  # the response to a GET; the server leaves out the body
            scope = {**scope, "method": "GET"}
        await self._app(scope, receive, send)

    def _find_problem(self, scope: _Message) -> HttpProblem | None:
        if self._in_progress > self._max_requests and scope["path"] != HEALTH:
            return HttpProblem("busy", f"{self._max_requests} requests are in progress; try again soon")
        if has_two_lengths(scope):
            detail = "the request has both Content-Length and Transfer-Encoding; send one of them"
            return HttpProblem("bad-request", detail, headers={"Connection": "close"})
        size = len(scope["raw_path"]) + sum(len(name) + len(value) + _AROUND for name, value in scope["headers"])
        if size + len(scope["query_string"]) > MAX_HEADERS:  # h11 accepts them if they arrive at once
            return too_large_headers()
        return None


def _log(scope: _Message, status: int, seconds: float) -> None:
    """Write a line of the access log. Of the request, it has only the method and path."""
    state = scope.get("state", {})
    caller, error = state.get("caller"), state.get("log")
    parts = [
        datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        clipped(scope["method"]),
        clipped(scope["path"]),
        str(status or "-"),
        f"{seconds * 1000:.0f}ms",
        *([f"key={caller.key_id}"] if caller and caller.key_id else []),
        *([f"project={clipped(caller.project)}"] if caller and caller.project else []),
        *([f"error: {printable(error)}"] if error else []),
    ]
    print(" ".join(parts), file=sys.stderr, flush=True)  # noqa: T201 - the log
