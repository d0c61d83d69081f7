"""The sign-in of browsers: a session with a cookie in place of a key that scripts could read."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from segbatch.errors import DefinitionError, Problem
from segbatch.interfaces.api.auth import ensure_local, ensure_same_site, single_header
from segbatch.interfaces.api.limits import MAX_SIGN_IN_BODY
from segbatch.interfaces.api.models import SessionState
from segbatch.interfaces.api.openapi import BODY_ERRORS, errors, json_body
from segbatch.interfaces.api.problems import HttpProblem
from segbatch.interfaces.api.request_body import parse_object, receive
from segbatch.interfaces.api.service import Service, service_of
from segbatch.interfaces.api.sessions import COOKIE, SignIn

SESSION = "/session"

router = APIRouter(prefix=SESSION, tags=["session"], responses=errors(400, 403, 421, 431, 500, 503))

_ServiceState = Annotated[Service, Depends(service_of)]
_SHOWN = "The sign-in of the browser."
_SIGNED_OUT = SessionState(
    signed_in=False,
    keys_required=True,
    project_id=None,
    projects=(),
    read_only=True,
    shows_fields=False,
    csrf_token=None,
)


@router.get("", operation_id="getSession", response_description=_SHOWN)
def get_session(request: Request, service: _ServiceState) -> SessionState:
    """Get the state of the sign-in."""
    ring = service.ring()
    if ring is None:
        ensure_local(request, service)
        return _without_keys(service)
    token = request.cookies.get(COOKIE)
    sign_in = None if token is None else service.sessions.find(token, ring)
    return _SIGNED_OUT if sign_in is None else _state(sign_in, service)


@router.post(
    "",
    operation_id="signIn",
    response_description=_SHOWN,
    responses=errors(401, *BODY_ERRORS),
    openapi_extra=json_body("SignIn"),
)
async def sign_in(request: Request, response: Response, service: _ServiceState) -> SessionState:
    """Sign in with a key. The answer sets a cookie that scripts cannot read."""
    ring = service.ring()
    if ring is None:
        ensure_local(request, service)
        return _without_keys(service)
    ensure_same_site(request)
    body = parse_object(await receive(request, service, None, MAX_SIGN_IN_BODY), "a sign-in is a JSON object")
    opened = service.sessions.open(_key_in(body), ring)
    if opened is None:
        raise HttpProblem("unauthorized", "the key is unknown or revoked")
    token, found = opened
    _end(request, service)
    response.set_cookie(COOKIE, token, path="/", httponly=True, samesite="strict", secure=_is_encrypted(request))
    return _state(found, service)


@router.delete("", operation_id="signOut", status_code=204, response_description="The session is ended.")
def sign_out(request: Request, response: Response, service: _ServiceState) -> None:
    """End the session. This needs no token, because the cookie is not sent for pages of other sites."""
    if service.ring() is None:
        ensure_local(request, service)
    ensure_same_site(request)
    _end(request, service)
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict", secure=_is_encrypted(request))


def _end(request: Request, service: Service) -> None:
    if COOKIE in request.cookies:
        service.sessions.close(request.cookies[COOKIE])


def _key_in(body: dict[str, object]) -> str:
    key, unknown = body.get("key"), sorted(body.keys() - {"key"})
    problems = [Problem("not a key of a sign-in; send only 'key'", path=f"$.{name}") for name in unknown]
    if isinstance(key, str) and not problems:
        return key
    if not isinstance(key, str):
        problems.append(Problem("'key' must be the text of an API key", path="$.key"))
    raise DefinitionError(problems)


def _is_encrypted(request: Request) -> bool:
    """Return whether the browser uses HTTPS, so that it sends the cookie only encrypted from now on."""
    origin, forwarded = single_header(request, "Origin") or "", single_header(request, "X-Forwarded-Proto") or ""
    return origin.startswith("https://") or forwarded.lower() == "https"


def _without_keys(service: Service) -> SessionState:
    return SessionState(
        signed_in=True,
        keys_required=False,
        project_id=None,
        projects=(),
        read_only=False,
        shows_fields=service.contacts is not None,
        csrf_token=None,
    )


def _state(found: SignIn, service: Service) -> SessionState:
    projects = found.key.projects
    return SessionState(
        signed_in=True,
        keys_required=True,
        project_id=projects[0] if len(projects) == 1 else None,
        projects=projects,
        read_only=found.key.read_only,
        shows_fields=service.contacts is not None,
        csrf_token=found.csrf_token,
    )
