"""The OpenAPI 3.1 document of the API, for people and client generators."""

from collections.abc import Iterable
from functools import cache
from typing import Any

from segbatch.interfaces.api.limits import MAX_MEMBERS, MEMBERS
from segbatch.interfaces.api.problems import CODES, PROBLEM_TYPE
from segbatch.interfaces.api.routes import PREFIX
from segbatch.interfaces.api.schemas import schemas
from segbatch.version import __version__

Described = dict[str, Any]

_ETAGS = r'^(\*|(W/)?"[!#-~]*"(, ?(W/)?"[!#-~]*")*)$'
_ALWAYS = (400, 401, 403, 421, 431, 500, 503)
_BODY = (408, 413, 415, 422)

_TAG = {"schema": {"type": "string"}, "description": "The fingerprint of the definition.", "required": True}
_KEY = {
    "type": "http",
    "scheme": "bearer",
    "description": "A key of segbatch. One of several projects goes with the header `X-Project-ID`, which names one.",
}
_ID = {"name": "id", "in": "path", "required": True, "description": "The segment's id.", "schema": {"type": "string"}}
_IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "description": "Only if the segment has this ETag still.",
    "schema": {"type": "string", "pattern": _ETAGS},
}
_IF_NONE_MATCH = {**_IF_MATCH, "name": "If-None-Match", "description": "Only if it has another ETag than this."}
_CURSOR = {
    "name": "cursor",
    "in": "query",
    "description": "`next_cursor` of the page before.",
    "schema": {"type": "string"},
}
_LIMIT = {
    "name": "limit",
    "in": "query",
    "description": f"How many members a page has at most; {MEMBERS:,}, if not given.",
    "schema": {"type": "integer", "minimum": 1, "maximum": MAX_MEMBERS},
}


@cache
def openapi() -> Described:
    """Return the OpenAPI document."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "segbatch",
            "version": __version__,
            "summary": "Segments of contacts: their definitions, members, and previews.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"key": []}],
        "tags": [
            {"name": "segments", "description": "Definitions."},
            {"name": "audiences", "description": "Contacts."},
        ],
        "paths": {
            PREFIX: {"get": _list(), "post": _create()},
            f"{PREFIX}/{{id}}": {"parameters": [_ID], "get": _get(), "patch": _update(), "delete": _delete()},
            f"{PREFIX}/{{id}}/members": {"parameters": [_ID], "get": _list_members()},
            f"{PREFIX}/preview": {"post": _preview()},
            "/healthz": {"get": _health()},
        },
        "components": {
            "schemas": schemas(),
            "securitySchemes": {"key": _KEY},
        },
    }


def _list() -> Described:
    found = {"type": "array", "items": _ref("Segment")}
    return _operation("listSegments", "List the segments", {"200": _json("The segments, ordered by id.", found)})


def _create() -> Described:
    place = {"schema": {"type": "string"}, "description": "Where the segment is.", "required": True}
    made = _json("The segment as it is saved.", _ref("Segment"), {"ETag": _TAG, "Location": place})
    by_id = {"parameters": {"id": "$response.body#/id"}}
    of_it = ("getSegment", "updateSegment", "deleteSegment", "listMembers")
    made["links"] = {f"{name}OfIt": {"operationId": name, **by_id} for name in of_it}
    return _operation("createSegment", "Make a segment", {"201": made}, _BODY, body="SegmentCreate")


def _get() -> Described:
    tagged = {"ETag": _TAG}
    answers = {
        "200": _json("The segment.", _ref("Segment"), tagged),
        "304": {"description": "The client has it already.", "headers": tagged},
    }
    return _operation("getSegment", "Get a segment", answers, (404, 409), [_IF_NONE_MATCH])


def _update() -> Described:
    answers = {"200": _json("The segment as it is now.", _ref("Segment"), {"ETag": _TAG})}
    summary = "Change what is sent of a segment, and nothing else"
    return _operation("updateSegment", summary, answers, (404, 409, 412, *_BODY), [_IF_MATCH], "SegmentUpdate")


def _delete() -> Described:
    answers = {"204": {"description": "The segment is deleted."}}
    return _operation("deleteSegment", "Delete a segment", answers, (404, 409, 412), [_IF_MATCH])


def _list_members() -> Described:
    answers = {"200": _json("A page of the members.", _ref("Members"))}
    summary = "List the contacts in a segment, as of the last run"
    described = _operation("listMembers", summary, answers, (404, 409, 410), [_CURSOR, _LIMIT])
    return {**described, "tags": ["audiences"]}


def _preview() -> Described:
    answers = {"200": _json("What the segment would hold.", _ref("Preview"))}
    summary = "Count whom rules hold, without saving anything"
    described = _operation("previewSegment", summary, answers, (409, 504, *_BODY), body="SegmentPreview")
    return {**described, "tags": ["audiences"]}


def _health() -> Described:
    status = {"type": "object", "properties": {"status": {"const": "ok"}}, "required": ["status"]}
    answers = {"200": _json("The server is there.", status), **_problems((431, 500, 503))}
    return {"operationId": "health", "summary": "Ask whether the server is there", "security": [], "responses": answers}


def _operation(
    name: str,
    summary: str,
    answers: Described,
    mishaps: Iterable[int] = (),
    parameters: Iterable[Described] = (),
    body: str | None = None,
) -> Described:
    described: Described = {
        "operationId": name,
        "summary": summary,
        "tags": ["segments"],
        "parameters": list(parameters),
        "responses": {**answers, **_problems({*_ALWAYS, *mishaps})},
    }
    if body is not None:
        described["requestBody"] = {"required": True, "content": {"application/json": {"schema": _ref(body)}}}
    return described


def _problems(statuses: Iterable[int]) -> Described:
    """Return the responses for errors."""
    titles = {
        status: " ".join(f"{title}." for known, title in CODES.values() if known == status) for status in statuses
    }
    content = {PROBLEM_TYPE: {"schema": _ref("Problem")}}
    return {str(status): {"description": titles[status], "content": content} for status in sorted(titles)}


def _json(description: str, schema: Described, headers: Described | None = None) -> Described:
    answer: Described = {"description": description, "content": {"application/json": {"schema": schema}}}
    return answer | ({"headers": headers} if headers else {})


def _ref(name: str) -> Described:
    return {"$ref": f"#/components/schemas/{name}"}
