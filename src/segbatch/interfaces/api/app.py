"""The FastAPI application: its routes and exception handlers."""

from http import HTTPStatus
from itertools import chain

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.routing import Match

from segbatch.errors import SegbatchError
from segbatch.interfaces.api import members, previews, routes
from segbatch.interfaces.api.dependencies import Service
from segbatch.interfaces.api.limits import HEALTH
from segbatch.interfaces.api.middleware import Watched
from segbatch.interfaces.api.openapi import openapi
from segbatch.interfaces.api.problems import Refusal, problem_response, refusal_of
from segbatch.interfaces.api.responses import json_response
from segbatch.text import shown

_ROUTERS = (routes.router, members.router, previews.router)


def make_app(service: Service) -> Watched:
    """Return the application of a server.

    Args:
        service: The state of the server.
    """
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.state.service = service
    for router in _ROUTERS:
        app.include_router(router)
    app.add_api_route(HEALTH, _healthz, methods=["GET"])
    app.add_api_route("/openapi.json", _openapi, methods=["GET"])
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(SegbatchError, _failed)
    app.add_exception_handler(RequestValidationError, _unreadable)
    app.add_exception_handler(HTTPException, _nowhere)
    app.add_exception_handler(Exception, _fault)
    return Watched(app)


def _healthz() -> Response:
    """Say that the server is there."""
    return json_response({"status": "ok"})


def _openapi() -> Response:
    """Describe the API."""
    return json_response(openapi())


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)  # noqa: S101 - the handler is registered for this class
    request.scope.setdefault("state", {})["log"] = error.log
    return problem_response(error)


def _failed(request: Request, error: Exception) -> Response:
    assert isinstance(error, SegbatchError)  # noqa: S101 - the handler is registered for this class
    return _refused(request, refusal_of(error))


def _unreadable(_request: Request, _error: Exception) -> Response:
    return problem_response(Refusal("bad-request", "the request cannot be understood"))


def _nowhere(request: Request, error: Exception) -> Response:
    """Return the response for an unknown path, or for a method that the path does not support."""
    assert isinstance(error, HTTPException)  # noqa: S101 - the handler is registered for this class
    path = shown(request.url.path)
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = ", ".join(_methods(request, request.scope["path"]))
        detail = f"{request.method} cannot be done at {path}; there are {allowed}"
        return problem_response(Refusal("method-not-allowed", detail, headers={"Allow": allowed}))
    if error.status_code == HTTPStatus.NOT_FOUND:
        without = request.url.path.rstrip("/")
        hint = "; leave out the slash at its end" if without != request.url.path and _methods(request, without) else ""
        return problem_response(Refusal("no-endpoint", f"there is nothing at {path}{hint}"))
    return problem_response(Refusal("bad-request", "the request cannot be understood"))


def _methods(request: Request, path: str) -> list[str]:
    """Return the methods that a path supports in all of its routes."""
    everywhere = [*chain(*(router.routes for router in _ROUTERS)), *request.app.router.routes]
    known = [route for route in everywhere if isinstance(route, APIRoute)]
    there = [
        route.methods or set() for route in known if route.matches({**request.scope, "path": path})[0] is not Match.NONE
    ]
    found = set[str]().union(*there)
    return sorted(found | {"HEAD"} if "GET" in found else found)


def _fault(_request: Request, _error: Exception) -> Response:
    return problem_response(Refusal("fault", "this is a fault of segbatch; the server's log tells more"))
