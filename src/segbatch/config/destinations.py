"""The settings of destinations, `[destinations.NAME]`."""

import math
import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from segbatch.errors import UsageError
from segbatch.platform.webhook_url import check_webhook_url, has_references
from segbatch.text import clipped, shown

MIN_TIMEOUT = 0.1
MOST_RETRIES = 10

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_FORMATS = ("ndjson", "parquet")
_STARTS = ("now", "all")


def _url(written: str) -> str:
    if has_references(written):
        return written  # checked when the values are known
    try:
        return check_webhook_url(written)
    except UsageError as error:
        raise ValueError(str(error)) from None


def _command(written: str) -> str:
    if not written.strip() or "\0" in written:
        raise ValueError("is not a command; write a shell command")
    return written


def _format(written: str) -> str:
    if written not in _FORMATS:
        raise ValueError(f"must be 'ndjson' or 'parquet'; found {shown(written)}")
    return written


def _start(written: str) -> str:
    if written not in _STARTS:
        raise ValueError(f"must be 'now' or 'all'; found {shown(written)}")
    return written


def _headers(written: dict[str, str]) -> dict[str, str]:
    for name, value in written.items():
        if not _HEADER.fullmatch(name):
            raise ValueError(f"{shown(name)} is not the name of a header")
        if not value.isprintable() or not value.isascii():
            raise ValueError(f"the value of {name} has characters that a header cannot have; use printable ASCII")
    return written


class Destination(BaseModel):
    """The settings of a destination."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)

    segments: list[str] | None = None
    tags: list[str] | None = None
    owners: list[str] | None = None
    command: Annotated[str, AfterValidator(_command)] | None = None
    url: Annotated[str, AfterValidator(_url)] | None = None
    headers: Annotated[dict[str, str], AfterValidator(_headers)] | None = None
    format: Annotated[str, AfterValidator(_format)] | None = None
    start: Annotated[str, AfterValidator(_start)] | None = None
    timeout: float | None = Field(None, ge=MIN_TIMEOUT, lt=math.inf)
    retries: int | None = Field(None, ge=0, le=MOST_RETRIES)

    @model_validator(mode="after")
    def _has_one_receiver(self) -> "Destination":
        if (self.command is None) == (self.url is None):
            raise ValueError("needs either a command or a url")
        if self.headers and self.url is None:
            raise ValueError("has headers, which only a url can have; remove them")
        return self


def named_destinations(written: dict[str, Destination]) -> dict[str, Destination]:
    """Check the names of destinations, which are the names of folders too."""
    for name in written:
        if not _NAME.fullmatch(name):
            allowed = (
                "a name has letters, digits, '-' and '_', begins with a letter or digit, and has at most 64 of them"
            )
            raise ValueError(f"'{clipped(name)}' cannot be the name of a destination; {allowed}")
    return written


Destinations = Annotated[dict[str, Destination], AfterValidator(named_destinations)]
