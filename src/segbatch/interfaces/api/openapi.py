"""Parts of the OpenAPI document that FastAPI cannot derive from the endpoints: errors, request bodies, headers."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, FastAPI, Security
from fastapi.security import HTTPBearer
from pydantic.json_schema import models_json_schema
from starlette.convertors import Convertor, register_url_convertor

from segbatch.interfaces.api.models import Problem
from segbatch.interfaces.api.problems import CODES, PROBLEM_TYPE
from segbatch.interfaces.api.schemas import request_schemas
from segbatch.platform.version import __version__

API_PREFIX = "/api/v1"
PREFIX = f"{API_PREFIX}/contacts/segments"

Responses = dict[int | str, dict[str, Any]]

BODY_ERRORS = (408, 413, 415, 422)
"""The statuses of errors in a request body."""

_COMMON_ERRORS = (400, 401, 403, 421, 431, 500, 503)
_REF = "#/components/schemas/{model}"
_VALIDATION_ERRORS = ("HTTPValidationError", "ValidationError")
_KEY = Security(
    HTTPBearer(
        scheme_name="key",
        description="An API key of segbatch. If it belongs to several projects, the header `X-Project-ID` selects one.",
        auto_error=False,  # for OpenAPI; `auth.py` reads the header, and a server without keys needs none
    )
)

ETAG = {"ETag": {"schema": {"type": "string"}, "description": "The fingerprint of the definition.", "required": True}}
READ_ETAG = {"ETag": {"schema": {"type": "string"}, "description": "A checksum of the answer.", "required": True}}
LOCATION = {"Location": {"schema": {"type": "string"}, "description": "The path of the segment.", "required": True}}


def segments_router(tag: str) -> APIRouter:
    """Return a router for endpoints below the path of segments, which need a key."""
    return APIRouter(prefix=PREFIX, tags=[tag], dependencies=[_KEY], responses=errors(*_COMMON_ERRORS))


def read_router(tag: str, path: str) -> APIRouter:
    """Return a router for other endpoints of the API, below a path, which need a key."""
    return APIRouter(prefix=API_PREFIX + path, tags=[tag], dependencies=[_KEY], responses=errors(*_COMMON_ERRORS))


class _Rest(Convertor[str]):
    """The rest of a path, as `{name:rest}`: an id that may have any characters, also slashes and line feeds."""

    regex = "(?s:.+)"

    def convert(self, value: str) -> str:
        """Return the value of the parameter."""
        return value

    def to_string(self, value: str) -> str:
        """Return the part of the path."""
        return value


register_url_convertor("rest", _Rest())


def errors(*statuses: int) -> Responses:
    """Return the responses for errors with these statuses."""
    content = {PROBLEM_TYPE: {"schema": {"$ref": _REF.format(model=Problem.__name__)}}}
    titles = {
        status: " ".join(f"{title}." for known, title in CODES.values() if known == status) for status in statuses
    }
    return {status: {"description": title, "content": content} for status, title in titles.items()}


def json_body(schema: str) -> dict[str, Any]:
    """Return the description of a request body that FastAPI does not parse."""
    content = {"application/json": {"schema": {"$ref": _REF.format(model=schema)}}}
    return {"requestBody": {"required": True, "content": content}}


class Api(FastAPI):
    """A FastAPI application whose OpenAPI document is complete."""

    def __init__(self) -> None:
        """Create an application without endpoints."""
        super().__init__(
            title="segbatch",
            version=__version__,
            summary="Segments of contacts: their definitions, members, and previews.",
            license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
            servers=[{"url": "/"}],
            openapi_tags=[
                {"name": "segments", "description": "Definitions."},
                {"name": "audiences", "description": "Contacts."},
                {"name": "runs", "description": "Published runs."},
                {"name": "session", "description": "The sign-in of browsers."},
            ],
            docs_url=None,
            redoc_url=None,
            redirect_slashes=False,
        )

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document."""
        if self.openapi_schema is not None:
            return self.openapi_schema
        document = super().openapi()
        _remove_validation_errors(document["paths"])
        _, problem = models_json_schema([(Problem, "serialization")], ref_template=_REF)
        schemas = {**document["components"]["schemas"], **problem["$defs"], **request_schemas()}
        document["components"]["schemas"] = {
            name: schema for name, schema in sorted(schemas.items()) if name not in _VALIDATION_ERRORS
        }
        return document


def _remove_validation_errors(paths: Mapping[str, Any]) -> None:
    """Remove the 422 response that FastAPI adds to endpoints with parameters. Their errors have status 400."""
    for operation in (operation for path in paths.values() for operation in path.values()):
        schema = operation["responses"].get("422", {}).get("content", {}).get("application/json", {}).get("schema", {})
        if schema.get("$ref") == _REF.format(model=_VALIDATION_ERRORS[0]):
            del operation["responses"]["422"]
