"""Request bodies: limited in size and time, and parsed as strictly as files of definitions."""

import asyncio
import re
from dataclasses import replace
from email.message import Message
from typing import Annotated, Any

from fastapi import Depends, Request
from starlette.requests import ClientDisconnect

from segbatch.definitions.strict_json import parse
from segbatch.errors import Problem
from segbatch.interfaces.api.auth import Reader, single_header
from segbatch.interfaces.api.limits import MAX_ARRIVING, MAX_BODY, TIME_TO_SEND
from segbatch.interfaces.api.problems import HttpProblem
from segbatch.interfaces.api.service import Service, service_of
from segbatch.text import shown

JSON_TYPES = ("application/json", "application/merge-patch+json")
_FILE = re.compile(r"\b(the|a) file\b")
_CLOSE = {"Connection": "close"}


async def _receive(request: Request, caller: Reader, service: Annotated[Service, Depends(service_of)]) -> bytes:
    """Read the body of a request.

    Raises:
        HttpProblem: The body is not declared as JSON, is too large or too slow; or too many others are being received.
    """
    _ensure_json(request)
    declared = single_header(request, "Content-Length") or "0"
    if len(declared) > len(str(MAX_BODY)) or int(declared) > MAX_BODY:
        raise _too_large()
    if service.arriving[caller.key_id] >= MAX_ARRIVING:
        detail = f"{MAX_ARRIVING} other bodies of this key are still being received; try again soon"
        raise HttpProblem("busy", detail, headers=_CLOSE)
    service.arriving[caller.key_id] += 1
    try:
        return await _receive_in_time(request)
    finally:
        service.arriving[caller.key_id] -= 1


async def _receive_in_time(request: Request) -> bytes:
    body = bytearray()
    try:
        async with asyncio.timeout(TIME_TO_SEND):
            async for part in request.stream():
                body += part
                if len(body) > MAX_BODY:
                    raise _too_large()
    except TimeoutError:
        detail = f"the body did not arrive within {TIME_TO_SEND:g} s"
        raise HttpProblem("too-slow", detail, headers=_CLOSE) from None
    except ClientDisconnect:
        raise HttpProblem("bad-request", "the body is incomplete") from None
    return bytes(body)


def _parse(content: Annotated[bytes, Depends(_receive)]) -> dict[str, Any]:
    """Parse a body as a JSON object.

    Raises:
        HttpProblem: The body is not a JSON object.
    """
    data, problems = parse(content)
    if problems:
        first = [replace(problem, message=_FILE.sub(r"\1 body", problem.message)) for problem in problems[:_MOST]]
        detail = "\n".join(
            f"{problem.path}: {problem.message}" if problem.path else problem.message for problem in first
        )
        raise HttpProblem("not-json", detail, first)
    if not isinstance(data, dict):
        wrong = Problem(f"a segment is a JSON object; found {shown(data)}", path="$")
        raise HttpProblem("invalid-definition", str(wrong), [wrong])
    return dict(data)


Body = Annotated[dict[str, Any], Depends(_parse)]

_MOST = 100


def _ensure_json(request: Request) -> None:
    declared = single_header(request, "Content-Type")
    message = Message()
    message["Content-Type"] = declared or "application/octet-stream"
    charset = str(message.get_param("charset", "utf-8")).lower()
    if message.get_content_type() not in JSON_TYPES or charset not in {"utf-8", "utf8", "us-ascii"}:
        found = "no Content-Type" if declared is None else f"Content-Type: {shown(declared)}"
        raise HttpProblem(
            "not-json-type", f"send the body as 'Content-Type: application/json', in UTF-8; found {found}"
        )
    encoding = single_header(request, "Content-Encoding")
    if encoding not in {None, "identity"}:
        raise HttpProblem(
            "not-json-type", f"send the body uncompressed, without Content-Encoding; found {shown(encoding)}"
        )


def _too_large() -> HttpProblem:
    return HttpProblem("too-large", f"the body has more than {MAX_BODY:,} bytes, the maximum", headers=_CLOSE)
