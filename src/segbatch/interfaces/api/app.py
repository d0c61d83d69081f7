"""The FastAPI application: its routes and exception handlers."""

from collections.abc import Mapping
from http import HTTPStatus
from itertools import chain
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Match, Route

from segbatch.errors import SegbatchError
from segbatch.interfaces.api import members, previews, routes
from segbatch.interfaces.api.dependencies import Service
from segbatch.interfaces.api.limits import HEALTH
from segbatch.interfaces.api.middleware import RequestMiddleware
from segbatch.interfaces.api.models import Health
from segbatch.interfaces.api.openapi import Api, errors
from segbatch.interfaces.api.problems import HttpProblem, problem_from, problem_response
from segbatch.model.invalid_values import invalid_reason
from segbatch.text import shown

_ROUTERS = (routes.router, members.router, previews.router)
_NOT_UNDERSTOOD = HttpProblem("bad-request", "the request cannot be understood")
_FAULT = HttpProblem("fault", "internal error of segbatch; the server's log has the details")


def make_app(service: Service) -> RequestMiddleware:
    """Return the application of a server.

    Args:
        service: The state of the server.
    """
    api = make_api()
    api.state.service = service
    return RequestMiddleware(api)


def make_api() -> FastAPI:
    """Return the endpoints and their OpenAPI document."""
    api = Api()
    for router in _ROUTERS:
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
    routes_of_app = [*chain(*(router.routes for router in _ROUTERS)), *request.app.router.routes]
    matching = [
        route.methods or set()
        for route in routes_of_app
        if isinstance(route, Route) and route.matches({**request.scope, "path": path})[0] is not Match.NONE
    ]
    methods = set[str]().union(*matching)
    return sorted(methods | {"HEAD"} if "GET" in methods else methods)
