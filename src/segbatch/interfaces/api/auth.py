"""Who asks, for which project, and what they may do."""

import re
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from segbatch.interfaces.api.dependencies import Service, service_of
from segbatch.interfaces.api.keys import Key, KeyRing
from segbatch.interfaces.api.problems import Refusal
from segbatch.text import shown

__all__ = ["Caller", "Reader", "Writer", "only_header"]

_BEARER = re.compile(r"[Bb][Ee][Aa][Rr][Ee][Rr] +([A-Za-z0-9._~+/=-]+) *")
_LONGEST_PROJECT = 200
_REALM = 'Bearer realm="segbatch"'


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks.

    Attributes:
        project: The project whose segments are there for them; None where the server is open and none is named: all.
        key_id: The key, as it is called in logs; None where none is needed.
        read_only: Whether nothing can be changed.
    """

    project: str | None
    key_id: str | None = None
    read_only: bool = False


def only_header(request: Request, name: str) -> str | None:
    """Return a header that can be there once; None where it is not.

    Raises:
        Refusal: It is there twice, and could be read in two ways; or it is no text.
    """
    found = [value for key, value in request.scope["headers"] if key == name.lower().encode()]
    if len(found) > 1:
        raise Refusal("bad-request", f"the header {name} is there {len(found)} times; send it once")
    try:
        return found[0].decode().strip() if found else None
    except UnicodeDecodeError:
        raise Refusal("bad-request", f"the header {name} is no text in UTF-8") from None


async def _reader(request: Request, service: Annotated[Service, Depends(service_of)]) -> Caller:
    """Find out who asks.

    Raises:
        Refusal: They are nobody, or the project is not theirs.
    """
    named = _named_project(request)
    ring = service.ring()
    if ring is None:
        _ensure_from_here(request, service)
        caller = Caller(named)
    else:
        key = _key(request, ring)
        caller = Caller(_project(key, named), key.id, key.read_only)
    request.scope.setdefault("state", {})["caller"] = caller
    return caller


async def _writer(caller: Annotated[Caller, Depends(_reader)]) -> Caller:
    """Let in who may change something.

    Raises:
        Refusal: They may not.
    """
    if caller.read_only:
        raise Refusal("forbidden", "the key is for reading alone; take one that may write")
    return caller


Reader = Annotated[Caller, Depends(_reader)]
Writer = Annotated[Caller, Depends(_writer)]


def _key(request: Request, keys: KeyRing) -> Key:
    header = only_header(request, "Authorization")
    if header is None:
        raise _unauthorized("the header 'Authorization: Bearer KEY' is missing", "")
    match = _BEARER.fullmatch(header)
    if match is None:
        raise _unauthorized("the header Authorization has to be 'Bearer KEY'", ', error="invalid_request"')
    key = keys.find(match[1])
    if key is None:
        raise _unauthorized("there is no such key, or it is revoked", ', error="invalid_token"')
    return key


def _unauthorized(detail: str, error: str) -> Refusal:
    return Refusal("unauthorized", detail, headers={"WWW-Authenticate": _REALM + error})


def _named_project(request: Request) -> str | None:
    """Return the project that the request is for, if it says one."""
    named = only_header(request, "X-Project-ID")
    if named is not None and not (0 < len(named) <= _LONGEST_PROJECT and named.isprintable()):
        raise Refusal("bad-request", f"{shown(named)} is no project (X-Project-ID)")
    return named


def _project(key: Key, named: str | None) -> str:
    """Return the project that a request with a key is for."""
    if named is None:
        if len(key.projects) > 1:
            raise Refusal("bad-request", "the key is for several projects; name one by the header X-Project-ID")
        return key.projects[0]
    if named not in key.projects:
        raise Refusal("forbidden", f"the key is not for the project {shown(named)} (X-Project-ID)")
    return named


def _ensure_from_here(request: Request, service: Service) -> None:
    """Refuse pages of elsewhere in a browser on this machine, where no key keeps them out.

    Raises:
        Refusal: The server is called by another name than its own, or a page of another one asks.
    """
    host = only_header(request, "Host") or ""
    if _name(host) not in service.hosts:
        raise Refusal("misdirected", f"this server is not {shown(host)}; without keys it answers on this machine alone")
    origin = only_header(request, "Origin")
    if origin is not None and origin.partition("://")[2] != host:
        raise Refusal("forbidden", f"without keys, pages of {shown(origin)} are not let in")


def _name(host: str) -> str:
    """Return a host's name without its port, in lower case."""
    return re.sub(r":[0-9]*$", "", host).strip("[]").lower()
