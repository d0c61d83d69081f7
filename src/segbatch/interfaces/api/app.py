"""The FastAPI application: its routes and exception handlers, and the middleware for all requests."""

import asyncio
import re
import sys
import time
import traceback
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from datetime import UTC, datetime
from http import HTTPStatus
from itertools import chain
from typing import Any
from urllib.parse import unquote

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Match, Route

from segbatch.errors import SegbatchError
from segbatch.interfaces.api import (
    explanations,
    field_routes,
    member_fields,
    page,
    previews,
    routes,
    run_routes,
    sign_in,
)
from segbatch.interfaces.api.limits import HEALTH, MAX_HEADERS, MAX_REQUESTS
from segbatch.interfaces.api.models import Health
from segbatch.interfaces.api.openapi import Api, errors
from segbatch.interfaces.api.problems import HttpProblem, problem_from, problem_response, too_large_headers
from segbatch.interfaces.api.service import Service
from segbatch.model.invalid_values import invalid_reason
from segbatch.text import clipped, printable, shown

_Message = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]
_App = Callable[[_Message, _Receive, _Send], Awaitable[None]]

ROUTERS = (
    routes.router,
    routes.members_router,
    member_fields.router,
    previews.router,
    explanations.router,
    field_routes.router,
    run_routes.router,
    sign_in.router,
    page.router,
)
_NOT_UNDERSTOOD = HttpProblem("bad-request", "the request cannot be understood")
_FAULT = HttpProblem("fault", "internal error of segbatch; the server's log has the details")
_ABSOLUTE = re.compile(rb"https?://([^/]*)(/.*)?", re.IGNORECASE)
_AROUND = len(": \r\n")
_LOOKED_UP = re.compile(r"(/contacts/)(?!segments(?:/|$)).+")
"""The contact of a path, which a person may have typed: it can be an e-mail address."""
_HEADERS: Iterable[tuple[bytes, bytes]] = (
    (b"cache-control", b"private, no-cache"),
    (b"vary", b"Authorization, Cookie, X-Project-ID"),
    (b"x-content-type-options", b"nosniff"),
)


def make_app(service: Service) -> "RequestMiddleware":
    """Return the application of a server."""
    api = make_api()
    api.state.service = service
    return RequestMiddleware(api)


def make_api() -> FastAPI:
    """Return the endpoints and their OpenAPI document."""
    api = Api()
    for router in ROUTERS:
        api.include_router(router)
    api.get(
        HEALTH, operation_id="health", response_description="The server is running.", responses=errors(431, 500, 503)
    )(health)
    api.add_exception_handler(HttpProblem, _respond_with_problem)
    api.add_exception_handler(SegbatchError, _respond_with_problem)
    api.add_exception_handler(RequestValidationError, _respond_to_wrong_parameters)
    api.add_exception_handler(HTTPException, _respond_to_unknown_endpoint)
    api.add_exception_handler(Exception, lambda _request, _error: problem_response(_FAULT))
    return api


def health() -> Health:
    """Check that the server is running."""
    return Health()


def _respond_with_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, HttpProblem | SegbatchError)  # noqa: S101 - the handler is registered for these classes
    problem = error if isinstance(error, HttpProblem) else problem_from(error)
    request.scope.setdefault("state", {})["log"] = problem.log
    return problem_response(problem)


def _respond_to_wrong_parameters(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - the handler is registered for this class
    return problem_response(HttpProblem("bad-request", "\n".join(map(_explain, error.errors()))))


def _explain(error: Mapping[str, Any]) -> str:
    """Describe a wrong query parameter."""
    name = str(error["loc"][-1])
    if error["type"] == "extra_forbidden":
        return f"unknown query parameter {shown(name)}"
    return f"{name}: {invalid_reason(error)}"


def _respond_to_unknown_endpoint(request: Request, error: Exception) -> Response:
    """Return the response for an unknown path, or for a method that the path does not support."""
    assert isinstance(error, HTTPException)  # noqa: S101 - the handler is registered for this class
    path = shown(request.url.path)
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = ", ".join(_methods(request, request.scope["path"]))
        detail = f"{path} does not support {request.method}; use one of {allowed}"
        return problem_response(HttpProblem("method-not-allowed", detail, headers={"Allow": allowed}))
    if error.status_code == HTTPStatus.NOT_FOUND:
        without = request.url.path.rstrip("/")
        hint = "; leave out the slash at its end" if without != request.url.path and _methods(request, without) else ""
        return problem_response(HttpProblem("no-endpoint", f"there is nothing at {path}{hint}"))
    return problem_response(_NOT_UNDERSTOOD)


def _methods(request: Request, path: str) -> list[str]:
    """Return the methods that a path supports in all of its routes."""
    routes_of_app = [*chain(*(router.routes for router in ROUTERS)), *request.app.router.routes]
    matching = [
        route.methods or set()
        for route in routes_of_app
        if isinstance(route, Route) and route.matches({**request.scope, "path": path})[0] is not Match.NONE
    ]
    methods = set[str]().union(*matching)
    return sorted(methods | {"HEAD"} if "GET" in methods else methods)


def _to_origin_form(scope: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Convert a request for `http://host/path`, as proxies send it, to one for `/path` on that host."""
    match = _ABSOLUTE.fullmatch(scope["raw_path"])
    if match is None:
        return scope
    host, path = match[1], match[2] or b"/"
    headers = [(b"host", host), *(header for header in scope["headers"] if header[0] != b"host")]
    return {**scope, "path": unquote(path.decode("ascii")), "raw_path": path, "headers": headers}


def _has_two_lengths(scope: MutableMapping[str, Any]) -> bool:
    """Return whether a request has two lengths, so that a proxy and the server could disagree about its end."""
    return {b"content-length", b"transfer-encoding"} <= {name for name, _ in scope["headers"]}


class RequestMiddleware:
    """An application with a limit on concurrent requests and an access log."""

    def __init__(self, app: _App, max_requests: int = MAX_REQUESTS) -> None:
        """Wrap an application.

        Args:
            max_requests: The maximum number of concurrent requests.
        """
        self._app = app
        self._max_requests = max_requests
        self._in_progress = 0

    async def __call__(self, scope: _Message, receive: _Receive, send: _Send) -> None:
        """Handle a request."""
        begun, status = time.perf_counter(), 0
        scope = _to_origin_form(scope)
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
        if _has_two_lengths(scope):
            detail = "the request has both Content-Length and Transfer-Encoding; send one of them"
            return HttpProblem("bad-request", detail, headers={"Connection": "close"})
        size = len(scope["raw_path"]) + sum(len(name) + len(value) + _AROUND for name, value in scope["headers"])
        if size + len(scope["query_string"]) > MAX_HEADERS:  # h11 accepts them if they arrive at once
            return too_large_headers()
        return None


def _log(scope: _Message, status: int, seconds: float) -> None:
    """Write a line of the access log. Of the request, it has only the method and path, without what was looked up."""
    state = scope.get("state", {})
    caller, error = state.get("caller"), state.get("log")
    parts = [
        datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        clipped(scope["method"]),
        clipped(_LOOKED_UP.sub(r"\1...", scope["path"])),
        str(status or "-"),
        f"{seconds * 1000:.0f}ms",
        *([f"key={caller.key_id}"] if caller and caller.key_id else []),
        *([f"project={clipped(caller.project)}"] if caller and caller.project else []),
        *([f"error: {printable(error)}"] if error else []),
    ]
    print(" ".join(parts), file=sys.stderr, flush=True)  # noqa: T201 - the log
