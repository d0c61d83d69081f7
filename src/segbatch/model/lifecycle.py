"""Keys for the life of a definition: its owner, its tags, and the time when it expires."""

import re
from datetime import UTC, date, datetime, time
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field

from segbatch.model.limits import MAX_OWNER_LENGTH, MAX_TAG_LENGTH, MAX_TAGS
from segbatch.model.values import wrong
from segbatch.text import shown

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DATETIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:[0-9]{2})?"
)
_JOINED = re.compile("(?<=\\S)[\u200c\u200d](?=\\S)|(?<=\U0001f3f4)[\U000e0020-\U000e007e]+\U000e007f")
"""Characters that are not printed but change others: joiners inside words and emojis, and the tags of flags."""

_LIKE = "write a date like 2026-12-31, or a time like 2026-12-31T18:00:00Z"


def _label(what: str, most: int, text: str) -> str:
    """Validate a text that users choose segments by on the command line."""
    if not text.strip():
        raise wrong(f"the {what} is blank; write a text, or remove it")
    if text != text.strip():
        raise wrong(f"the {what} {shown(text)} begins or ends with white space; remove it")
    if not _JOINED.sub("", text).isprintable():
        raise wrong(f"the {what} {shown(text)} has a character that cannot be printed; remove it")
    if len(text) > most:
        raise wrong(f"the {what} has {len(text):,} characters; at most {most:,} are allowed")
    return text


def _owner(text: str) -> str:
    return _label("owner", MAX_OWNER_LENGTH, text)


def _tag(value: object) -> str:
    if not isinstance(value, str):
        raise wrong(f"a tag is a text; found {shown(value)}")
    return _label("tag", MAX_TAG_LENGTH, value)


def _distinct(tags: tuple[str, ...]) -> tuple[str, ...]:
    if len(tags) > MAX_TAGS:
        raise wrong(f"there are {len(tags):,} tags; at most {MAX_TAGS:,} are allowed")
    duplicate = next((tag for tag in tags if tags.count(tag) > 1), None)
    if duplicate is not None:
        raise wrong(f"the tag {shown(duplicate)} is listed twice; remove it")
    return tags


def _expiry(text: str) -> str:
    """Validate a date or a time, and keep its text: without an offset, its meaning depends on the run's time zone."""
    if _DATE.fullmatch(text) or _DATETIME.fullmatch(text):
        try:
            datetime.fromisoformat(text)
        except ValueError:
            raise wrong(f"{shown(text)} does not exist; {_LIKE}") from None
        return text
    raise wrong(f"{shown(text)} is not a valid date or time; {_LIKE}")


Owner = Annotated[str, AfterValidator(_owner)]
"""The person or team that owns a segment."""

Tags = Annotated[tuple[Annotated[str, BeforeValidator(_tag)], ...], Field(strict=False), AfterValidator(_distinct)]
"""Labels of a segment, without duplicates."""

Expiry = Annotated[str, AfterValidator(_expiry)]
"""An ISO 8601 date or date-time."""


def expiry_time(expires_at: str, timezone: ZoneInfo) -> datetime:
    """Return the moment of an expiry, in UTC.

    Args:
        expires_at: A validated expiry. A date means the start of that day.
        timezone: The time zone of dates, and of times without an offset. A time that the clocks skip is moved forward;
            of a time that occurs twice, the first is used.
    """
    if _DATE.fullmatch(expires_at):
        moment = datetime.combine(date.fromisoformat(expires_at), time(), timezone)
    else:
        moment = datetime.fromisoformat(expires_at)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=timezone)
    try:
        return moment.astimezone(UTC)
    except OverflowError:  # at the ends of the calendar
        return moment.replace(tzinfo=UTC)


def readable_texts(data: object) -> tuple[str, ...]:
    """Return the texts in a value that should be a list of texts, and is not validated."""
    return tuple(text for text in data if isinstance(text, str)) if isinstance(data, list) else ()
