"""Models of query parameters. FastAPI describes them in the OpenAPI document."""

import re
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from segbatch.interfaces.api.limits import (
    COMPARED,
    MAX_COMPARED,
    MAX_FIELDS,
    MAX_MEMBERS,
    MAX_MEMBERS_WITH_FIELDS,
    MAX_RUNS,
    MAX_SEGMENTS,
    MAX_VALUES,
    MEMBERS,
    MEMBERS_WITH_FIELDS,
    RUNS,
    SEGMENTS,
    VALUES,
)
from segbatch.model.values import wrong
from segbatch.text import shown

_DIGITS = re.compile(r"[0-9]{1,6}")


def _number_to(most: int) -> BeforeValidator:
    """Return a parser for a number in a query. Pydantic alone would accept `1_0`, ` 5 ` and `5.0` as well."""

    def read(value: object) -> object:
        if isinstance(value, str) and not (_DIGITS.fullmatch(value) and 0 < int(value) <= most):
            raise wrong(f"{shown(value)} is not a whole number from 1 to {most:,}")
        return value

    return BeforeValidator(read)


class _Query(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Cursor(_Query):
    cursor: str | None = Field(None, description="The `next_cursor` of the previous page; omit it for the first page.")


class PageQuery(_Cursor):
    """The query parameters of a page of members."""

    limit: Annotated[int, _number_to(MAX_MEMBERS)] = Field(
        MEMBERS, ge=1, le=MAX_MEMBERS, description="The maximum number of members on the page."
    )


class MembersFieldsQuery(_Cursor):
    """The query parameters of a page of members with fields of the contacts."""

    field: list[str] = Field(
        min_length=1, max_length=MAX_FIELDS, description="A field as rules name it. Can be repeated."
    )
    limit: Annotated[int, _number_to(MAX_MEMBERS_WITH_FIELDS)] = Field(
        MEMBERS_WITH_FIELDS,
        ge=1,
        le=MAX_MEMBERS_WITH_FIELDS,
        description="The maximum number of members on the page.",
    )

    @field_validator("field")
    @classmethod
    def _check_fields(cls, fields: list[str]) -> list[str]:
        if "" in fields:
            raise wrong("a field has no name")
        return list(dict.fromkeys(fields))


class RunsQuery(_Cursor):
    """The query parameters of a page of runs."""

    limit: Annotated[int, _number_to(MAX_RUNS)] = Field(
        RUNS, ge=1, le=MAX_RUNS, description="The maximum number of runs on the page."
    )


class HistoryQuery(_Query):
    """The query parameter for earlier runs."""

    history: Annotated[int, _number_to(MAX_RUNS)] = Field(
        RUNS, ge=1, le=MAX_RUNS, description="The maximum number of runs, up to this one, that sizes are shown of."
    )


class RunSegmentsQuery(_Cursor, HistoryQuery):
    """The query parameters of a page of segments of a run."""

    limit: Annotated[int, _number_to(MAX_SEGMENTS)] = Field(
        SEGMENTS, ge=1, le=MAX_SEGMENTS, description="The maximum number of segments on the page."
    )


class OverlapQuery(_Query):
    """The query parameters of a comparison of segments."""

    segments: str | None = Field(
        None, min_length=1, description="The ids of the segments, separated by commas; the largest ones by default."
    )
    top: Annotated[int, _number_to(MAX_COMPARED)] = Field(
        COMPARED, ge=1, le=MAX_COMPARED, description="The number of largest segments; not used with `segments`."
    )

    @property
    def segment_ids(self) -> list[str] | None:
        """The ids of the segments; None for the largest ones."""
        return None if self.segments is None else list(dict.fromkeys(self.segments.split(",")))

    @field_validator("segments")
    @classmethod
    def _check_number(cls, segments: str | None) -> str | None:
        if segments is not None and segments.count(",") >= MAX_COMPARED:
            raise wrong(f"there are more than {MAX_COMPARED} segments; compare fewer")
        return segments


class ExplanationQuery(_Query):
    """The query parameters of an explanation."""

    contact: str | None = Field(None, min_length=1, description="The id of a contact to explain the segment for.")
    funnel: Literal["true", "false"] = Field("false", description="Whether to count the contacts that each rule keeps.")

    @property
    def wants_funnel(self) -> bool:
        """Whether to count the contacts that each rule keeps."""
        return self.funnel == "true"


class ValuesQuery(_Query):
    """The query parameters of the values of a field."""

    field: str = Field(min_length=1, description="The field as rules name it.")
    prefix: str = Field("", description="Only values that start with this text, in any case.")
    limit: Annotated[int, _number_to(MAX_VALUES)] = Field(
        VALUES, ge=1, le=MAX_VALUES, description="The maximum number of values."
    )
