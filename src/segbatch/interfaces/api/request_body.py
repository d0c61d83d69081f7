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
    return await receive(request, service, caller.key_id, MAX_BODY)


async def receive(request: Request, service: Service, key_id: str | None, max_size: int) -> bytes:
    """Read the body of a request.

    Args:
        key_id: The id of the key that sends it; None without a key.
        max_size: The maximum size in bytes.

    Raises:
        HttpProblem: The body is not declared as JSON, is too large or too slow; or too many others are being received.
    """
    _ensure_json(request)
    declared = single_header(request, "Content-Length") or "0"
    if len(declared) > len(str(max_size)) or int(declared) > max_size:
        raise _too_large(max_size)
    if service.arriving[key_id] >= MAX_ARRIVING:
        detail = f"{MAX_ARRIVING} other bodies of this key are still being received; try again soon"
        raise HttpProblem("busy", detail, headers=_CLOSE)
    service.arriving[key_id] += 1
    try:
        return await _receive_in_time(request, max_size)
    finally:
        service.arriving[key_id] -= 1


async def _receive_in_time(request: Request, max_size: int) -> bytes:
    body = bytearray()
    try:
        async with asyncio.timeout(TIME_TO_SEND):
            async for part in request.stream():
                body += part
                if len(body) > max_size:
                    raise _too_large(max_size)
    except TimeoutError:
        detail = f"the body did not arrive within {TIME_TO_SEND:g} s"
        raise HttpProblem("too-slow", detail, headers=_CLOSE) from None
    except ClientDisconnect:
        raise HttpProblem("bad-request", "the body is incomplete") from None
    return bytes(body)


def _parse(content: Annotated[bytes, Depends(_receive)]) -> dict[str, Any]:
    """Parse the body of a definition."""
    return parse_object(content, "a segment is a JSON object")


def parse_object(content: bytes, expected: str) -> dict[str, Any]:
    """Parse a body as a JSON object.

    Args:
        expected: What the body should be, for the message.

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
        wrong = Problem(f"{expected}; found {shown(data)}", path="$")
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


def _too_large(max_size: int) -> HttpProblem:
    return HttpProblem("too-large", f"the body has more than {max_size:,} bytes, the maximum", headers=_CLOSE)
