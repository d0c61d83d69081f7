"""Authentication by key or by session, and authorization for projects and changes."""

import hmac
import re
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from segbatch.interfaces.api.keys.key_file import Key
from segbatch.interfaces.api.keys.key_store import KeyRing
from segbatch.interfaces.api.problems import HttpProblem
from segbatch.interfaces.api.service import Service, service_of
from segbatch.interfaces.api.sessions import COOKIE
from segbatch.text import shown

_BEARER = re.compile(r"[Bb][Ee][Aa][Rr][Ee][Rr] +([A-Za-z0-9._~+/=-]+) *")
_LONGEST_PROJECT = 200
_REALM = 'Bearer realm="segbatch"'
_CSRF = "X-CSRF-Token"
_SAFE = {"GET", "HEAD"}


@dataclass(frozen=True, slots=True)
class Caller:
    """The sender of a request.

    Attributes:
        project: The project whose segments the request can access. None means all; it needs a server without keys and a
            request without a project.
        key_id: The id of the key, as used in logs; None without a key.
        read_only: Whether the sender cannot change anything.
    """

    project: str | None
    key_id: str | None = None
    read_only: bool = False


def single_header(request: Request, name: str) -> str | None:
    """Return the value of a header that can be sent once; None if it is missing.

    Raises:
        HttpProblem: The header is sent twice and would be ambiguous, or is not UTF-8.
    """
    found = [value for key, value in request.scope["headers"] if key == name.lower().encode()]
    if len(found) > 1:
        raise HttpProblem("bad-request", f"the header {name} was sent {len(found)} times; send it once")
    try:
        return found[0].decode().strip() if found else None
    except UnicodeDecodeError:
        raise HttpProblem("bad-request", f"the header {name} is not valid UTF-8") from None


async def _reader(request: Request, service: Annotated[Service, Depends(service_of)]) -> Caller:
    """Authenticate the sender of a request.

    Raises:
        HttpProblem: The key is missing or not valid, or does not permit the project.
    """
    requested = _requested_project(request)
    ring = service.ring()
    if ring is None:
        ensure_local(request, service)
        caller = Caller(requested)
    else:
        key = _key(request, ring, service)
        caller = Caller(_permitted_project(key, requested), key.id, key.read_only)
    request.scope.setdefault("state", {})["caller"] = caller
    return caller


async def _writer(caller: Annotated[Caller, Depends(_reader)]) -> Caller:
    """Check that the sender may make changes.

    Raises:
        HttpProblem: The key is read-only.
    """
    if caller.read_only:
        raise HttpProblem("forbidden", "the key is read-only; use a key that may make changes")
    return caller


Reader = Annotated[Caller, Depends(_reader)]
Writer = Annotated[Caller, Depends(_writer)]


def _key(request: Request, keys: KeyRing, service: Service) -> Key:
    header = single_header(request, "Authorization")
    if header is None and COOKIE in request.cookies:
        return _key_of_session(request, keys, service)
    if header is None:
        raise _unauthorized("the header 'Authorization: Bearer KEY' is missing", "")
    match = _BEARER.fullmatch(header)
    if match is None:
        raise _unauthorized("the header Authorization must be 'Bearer KEY'", ', error="invalid_request"')
    key = keys.find(match[1])
    if key is None:
        raise _unauthorized("the key is unknown or revoked", ', error="invalid_token"')
    return key


def _key_of_session(request: Request, keys: KeyRing, service: Service) -> Key:
    """Return the key that a browser signed in with.

    Raises:
        HttpProblem: The session ended, or the request may come from a page of another site.
    """
    sign_in = service.sessions.find(request.cookies[COOKIE], keys)
    if sign_in is None:
        raise _unauthorized("the session has ended; sign in again", ', error="invalid_token"')
    if request.method not in _SAFE:
        ensure_same_site(request)
        sent = single_header(request, _CSRF) or ""
        if not hmac.compare_digest(sent.encode(), sign_in.csrf_token.encode()):
            detail = f"the header {_CSRF} must have the 'csrf_token' of GET /session, because a cookie signs you in"
            raise HttpProblem("csrf", detail)
    return sign_in.key


def ensure_same_site(request: Request) -> None:
    """Check that a request of a browser comes from a page of this server.

    Raises:
        HttpProblem: The `Origin` is another site.
    """
    origin, host = single_header(request, "Origin"), single_header(request, "Host") or ""
    if origin is not None and origin.partition("://")[2] != host:
        raise HttpProblem("forbidden", f"pages of {shown(origin)} may not send requests to {shown(host)}")


def _unauthorized(detail: str, error: str) -> HttpProblem:
    return HttpProblem("unauthorized", detail, headers={"WWW-Authenticate": _REALM + error})


def _requested_project(request: Request) -> str | None:
    """Return the project in the header of a request, if any."""
    requested = single_header(request, "X-Project-ID")
    if requested is not None and not (0 < len(requested) <= _LONGEST_PROJECT and requested.isprintable()):
        raise HttpProblem("bad-request", f"{shown(requested)} is not a valid project id (X-Project-ID)")
    return requested


def _permitted_project(key: Key, requested: str | None) -> str:
    """Return the project of a request with a key."""
    if requested is None:
        if len(key.projects) > 1:
            raise HttpProblem(
                "bad-request", "the key belongs to several projects; select one with the header X-Project-ID"
            )
        return key.projects[0]
    if requested not in key.projects:
        raise HttpProblem("forbidden", f"the key does not belong to project {shown(requested)} (X-Project-ID)")
    return requested


def ensure_local(request: Request, service: Service) -> None:
    """Reject requests from pages of other sites, opened in a browser on this machine, when no key protects the server.

    Raises:
        HttpProblem: The `Host` is not a name of the server, or the `Origin` is another site.
    """
    host = single_header(request, "Host") or ""
    if _host_name(host) not in service.hosts:
        raise HttpProblem(
            "misdirected", f"this server is not called {shown(host)}; without keys it only answers on this machine"
        )
    origin = single_header(request, "Origin")
    if origin is not None and origin.partition("://")[2] != host:
        raise HttpProblem(
            "forbidden", f"pages of {shown(origin)} may not send requests, because the server has no keys"
        )


def _host_name(host: str) -> str:
    """Return the name of a host without its port, in lower case."""
    return re.sub(r":[0-9]*$", "", host).strip("[]").lower()
