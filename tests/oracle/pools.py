"""Small pools of cells and values, so that a rule and a contact often meet; the schema that they stand in."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterable

TEN = ("eq", "neq", "contains", "not_contains", "gt", "lt", "gte", "lte", "exists", "empty")
ALL = (
    *TEN,
    *("in", "not_in", "between", "starts_with", "ends_with", "matches"),
    *("within_last", "within_next", "not_within_last", "not_within_next", "older_than", "later_than"),
    *("anniversary_within_last", "anniversary_within_next"),
    *("in_list", "not_in_list", "in_segment", "not_in_segment", "sample"),
    *("blank", "not_blank"),
)
SAMPLES = tuple(
    {"seed": seed, "from": start, "to": end}
    for seed in ("spring", "Ü:")
    for start, end in ((0, 0.5), (0.5, 1), (0.25, 0.75), (0, 1), (0.1, 0.1), (1, 1), (0.123456789, 0.9), (1e-20, 0.3))
)
TIMEZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata")

TEXTS = (
    *(
        "",
        "a",
        "A",
        "pro",
        "PRO",
        "free",
        "program",
        "é",
        "e\u0301",
        "ß",
        "SS",
        "ss",
        "İ",
        "i\u0307",
        "I",
        "i",
    ),
    *("\u0131", "\u017f", "\u1e9e", "\u212a", "k", "\ufb05"),
    *("😀", "Σ", "σς", "ς", "a.b", "a\nb", "a%", "a_b", "[x]", "a\n", " a", "\uffff", "\u00a0"),
    *(" ", " \t\u2028\u3000\x85\r\n", "\x1c", "\u200b", "\ufeff", "\u180e", "\u2003 a"),
    *("true", "false", "True", "2025-03-30"),
)
NUMBER_LIKE = (
    *(
        " 12 ",
        "12",
        "12.0",
        "1e3",
        "1000",
        "inf",
        "-inf",
        "nan",
        "07",
        "7",
        "-0",
        "0",
        "0.1",
        ".5",
        "5.",
        "+7",
    ),
    *(
        "1_000",
        "1,5",
        "0x1",
        "\uff11\uff12",
        "\u00a012",
        "\t12\n",
        "1e400",
        "9007199254740993",
        "1e",
        "-1.5E2",
    ),
)
INTEGERS = (-1, 0, 1, 7, 10, 12, 100)
TINY = (*INTEGERS, 127, -128)
LARGE = (*INTEGERS, 127, 1000, 2**53, 2**53 + 1, 2**63 - 1, -(2**63), 16777217)
UNSIGNED = (0, 1, 7, 10, 12, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1)
FLOATS = (
    math.nan,
    math.inf,
    -math.inf,
    -0.0,
    0.0,
    0.1,
    0.3,
    1.0,
    7.0,
    10.0,
    10.5,
    -1.5,
    1e3,
    1e20,
    16777217.0,
)
DECIMALS = tuple(map(Decimal, ("0.10", "0.00", "10.00", "10.50", "-1.00", "7.00", "99999999.99", "0.30")))
UUIDS = tuple(
    map(
        UUID,
        (
            "00000000-0000-0000-0000-000000000000",
            "6f9619ff-8b86-d011-b42d-00c04fc964ff",
            "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
        ),
    )
)
UUID_TEXTS = (
    *map(str, UUIDS),
    *(str(one).upper() for one in UUIDS),
    *(one.hex.upper() for one in UUIDS),
    *(f"{{{str(one).upper()}}}" for one in UUIDS),
    *(UUIDS[1].urn, f" {UUIDS[2]} ", "12345678-1234-5678-1234-567812345678"),
)
UUID_PARTS = ("6F9", "64ff", "-9C0B-", "0", str(UUIDS[1]).upper(), "x")
DAYS = tuple(
    map(
        date.fromisoformat,
        (
            *("2025-03-09", "2025-03-29", "2025-03-30", "2025-03-31", "2025-06-15", "2025-10-25"),
            *("2025-10-26", "2025-10-27", "2025-11-02", "1969-12-31", "2024-02-29"),
        ),
    )
)
MOMENTS = tuple(
    datetime.fromisoformat(text).replace(tzinfo=UTC)
    for text in (
        *("2025-03-29T01:30:00", "2025-03-29T23:00:00", "2025-03-29T22:59:59.999"),
        *("2025-03-30T00:30:00", "2025-03-30T00:59:59.999", "2025-03-30T01:00:00", "2025-03-30T01:30:00"),
        *("2025-03-30T22:00:00", "2025-03-30T18:30:00", "2025-03-31T00:30:00"),
        *("2025-10-25T00:30:00", "2025-10-25T22:00:00", "2025-10-26T00:00:00", "2025-10-26T00:30:00"),
        *("2025-10-26T01:00:00", "2025-10-26T01:30:00", "2025-10-26T23:00:00", "2025-10-27T01:30:00"),
        *("2025-03-09T06:30:00", "2025-03-09T07:00:00", "2025-03-09T07:30:00", "2025-03-10T06:30:00"),
        *("2025-11-02T05:30:00", "2025-11-02T06:30:00", "2025-11-03T06:30:00", "2025-11-02T04:00:00"),
        *("2025-06-15T12:00:00", "2025-06-15T00:00:00", "1969-12-31T23:59:59.999", "1970-01-01T00:00:00"),
    )
)

GOOD_NUMBERS: tuple[float, ...] = (
    *(-1, 0, -0.0, 1, 7, 10, 10.0, 10.5, 0.1, 0.3, 0.5, 12, 12.0, 100, 127, 128, -129, 1e3, -1.5, -150),
    *(99999999.99, 0.105, 1e-7, 16777216, 16777217),
)
HUGE_NUMBERS: tuple[float, ...] = (
    *(2**53, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1, 2**64, -(2**63), -(2**63) - 1, 1e15, 1e16, 1e20),
)
NUMBER_TEXTS = (
    "10",
    " 10 ",
    "10.0",
    "1e1",
    "0.1",
    "+7",
    "07",
    ".5",
    "9007199254740993",
    "18446744073709551615",
    "-0",
    *("10.00000000000000000001", "99999999.9900000000000000001", "-149.99999999999999999999"),
)
NEEDLES = ("o", "pro", "a.b", "%", "_", ".", "e", "1", "12", "\u0301", "s")
DAY_TEXTS = tuple(day.isoformat() for day in DAYS)
MOMENT_TEXTS = (
    *(moment.strftime("%Y-%m-%dT%H:%M:%SZ") for moment in MOMENTS),
    *(moment.strftime("%Y-%m-%d %H:%M") for moment in MOMENTS),
    *(moment.astimezone(ZoneInfo("Europe/Berlin")).strftime("%Y-%m-%dT%H:%M:%S") for moment in MOMENTS),
    *(moment.astimezone(ZoneInfo("Asia/Kolkata")).strftime("%Y-%m-%dT%H:%M:%S.%f%z") for moment in MOMENTS),
    *("2025-03-30T02:30", "2025-10-26T02:30:00", "2025-03-29T19:00-05", "1969-12-31T23:59:59.999Z"),
)
DURATIONS = (
    *("90min", "1h", "36h", "1d", "2d", "30d", "365d", "1w", "12w", "1mo", "6mo", "1y", "13mo", "55y", "2024y"),
    *("0d", "0mo", "999999w", "99999min"),
)
EPOCHS = (0, 1, -1, 1743296400, 1743296400000, 1761440400, 10**12, -62135596800, 253402300799, 253402300800, 2**62)
ANNIVERSARIES = ("0d", "1d", "7d", "2w", "30d", "100d", "26w", "300d", "364d", "365d", "366d", "999999w")
VERSIONS = (
    *("1.2.3", "1.10", "2", "v2.0.0-rc.1", "2.0.0-rc.10", "2.0.0-beta", "2.0.0+build.7", "1.2.3-alpha.1.x", "0.0.0-0"),
    *("10.0.0", "1.2.3-1", "1.2.3--", "V1"),
)
OTHER_VERSIONS = ("01.2", "1.2.3.4", "1.2.3-", "1.2.3-01", "1..2", "latest", "1.2.3-a..b", "1.2.3+")
ISO_TEXTS = (
    *("2025-03-30", "2024-02-29", "2025-03-30T01:00:00Z", "2025-10-26 02:30", "2025-03-30T02:30:00.123456789+0200"),
    *("1969-12-31T23:59:59.5-05", "2025-10-26T00:30:00+01:00", "0001-01-01", "9999-12-31"),
)
OTHER_DATES = (
    "2025-02-30",
    "2025-03-30T24:00Z",
    "2025-3-30",
    "30.03.2025",
    "2025-03-30T10:00:00+24:00",
    "0000-01-01",
    "",
)
RELATIVE_DAYS = (
    *("today", "today-1d", "today+1w", "today-30d", "today+1mo", "today-56y", "start_of_week", "start_of_week-1w"),
    *("start_of_month", "start_of_month-1d", "start_of_month+1mo-1d", "start_of_quarter", "start_of_quarter+3mo"),
    *("start_of_year", "start_of_year-1y", "today-999999mo", "start_of_week+999999d"),
)
RELATIVE_MOMENTS = ("now", "now-36h", "now+90min", "now-1d", "now+1mo-1h", "now-1y", "now-9999y")
RELATIVE_ENDS = ("2025-03-29", "2025-10-26", "start_of_month", "start_of_week", "today", "today-1d", "start_of_year")
PATTERNS = (
    *("a", "^pro$", "^$", "", "[A-Z]+", r"\d+", r"\w+", r"^\w+$", r"\s", "a.b", "pro|free", "s{2}", "é", "."),
    *(r"1\.0", "b$", r"[^\d]", r"\bpro\b", "i", "ß", "(?:e3)$", r"^\S*$", r"^[\w.]+$", "Σ"),
    *("İ", "\u0131", "\u017f", "\u212a", "[^k]", "^.{1}$", "\u1e9e", "^s$", "\ufb06"),
)
BAD_PATTERNS = ("(", "[a", "*a", "(?=a)", r"\1", "a{2,1}")
UNREADABLE: tuple[Any, ...] = (
    *(
        "abc",
        "",
        "inf",
        "nan",
        "1_000",
        "1e400",
        "yes",
        "TRUE",
        "2025-13-01",
        "2025-3-30",
        "2025-03-30T25:00Z",
    ),
    *("2025-03-30", "2025-03-30T01:00:00Z", True, 3, 2**60, None, [], {}, ["a"], "30", "1m", "-1d", 10**399),
    *("tody", "today-30", "today -1d", "today-1h", "now", "now-1", "start_of_day", "TODAY"),
)
AS_OFS = (*MOMENTS[:28], datetime(2025, 6, 15, 12, 0, 0, 1, UTC) + timedelta(microseconds=1))

_ADDRESS = pa.struct(
    [("city", pa.string()), ("zip", pa.string()), ("geo", pa.struct([("lat", pa.float64())]))],
)
CUSTOM_FIELDS = pa.struct(
    [
        ("plan", pa.string()),
        ("seats", pa.int64()),
        ("rate", pa.float64()),
        ("vip", pa.bool_()),
        ("since", pa.timestamp("us", "UTC")),
        ("birthday", pa.date32()),
        ("labels", pa.list_(pa.string())),
        ("address", _ADDRESS),
        ("override", pa.int64()),
        ("utm.source", pa.string()),
        ("utm", pa.struct([("source", pa.int64()), ("medium", pa.string())])),
    ]
)
FORMS: dict[str, pa.DataType] = {
    "struct": CUSTOM_FIELDS,
    "json": pa.string(),
    "map": pa.map_(pa.string(), pa.string()),
}


def schema(form: str = "struct") -> pa.Schema:
    """Give the schema of all the tables, with `custom_fields` in one of its forms."""
    return pa.schema(
        [
            pa.field("id", pa.string(), nullable=False),
            ("project_id", pa.string()),
            ("status", pa.string()),
            ("nickname", pa.string()),
            ("tiny", pa.int8()),
            ("score", pa.int64()),
            ("big", pa.uint64()),
            ("ratio32", pa.float32()),
            ("ratio", pa.float64()),
            ("balance", pa.decimal128(10, 2)),
            ("subscribed", pa.bool_()),
            ("created_at", pa.timestamp("us", "UTC")),
            ("seen_at", pa.timestamp("ns")),
            ("met_at", pa.timestamp("ms", "Europe/Berlin")),
            ("born_on", pa.date32()),
            ("renews", pa.string()),
            ("release", pa.string()),
            ("epoch", pa.int64()),
            ("device", pa.uuid()),
            ("tags", pa.list_(pa.string())),
            ("numbers", pa.list_(pa.int64())),
            ("weights", pa.list_(pa.float64())),
            ("flags", pa.list_(pa.bool_())),
            ("days", pa.list_(pa.date32())),
            ("moments", pa.list_(pa.timestamp("us", "UTC"))),
            ("pairs", pa.list_(pa.list_(pa.int64()))),
            ("avatar", pa.binary()),
            ("nothing", pa.null()),
            ("geo.city", pa.string()),
            ("*", pa.string()),
            ("^status$", pa.string()),
            ("Twin", pa.string()),
            ("tWIN", pa.int64()),
            ("LOUD", pa.string()),
            ("properties", pa.string()),
            ("records", pa.list_(pa.struct([("key", pa.string()), ("value", pa.string())]))),
            ("custom_fields", FORMS[form]),
            ("custom_fields.override", pa.string()),
        ]
    )


FIELDS = (
    *schema().names,
    *(f"custom_fields.{child.name}" for child in CUSTOM_FIELDS),
    *("custom_fields.address.city", "custom_fields.address.zip", "custom_fields.address.geo.lat"),
    *("loud", "properties.plan", "properties.ids", "properties.Plan", "properties.a.b", "properties.*"),
    *("records.plan", "records.a.b", "records.^id$", "custom_fields.ids", "custom_fields.Plan", "custom_fields.*"),
    *(
        "custom_fields.utm.source",
        "custom_fields.utm.medium",
        "custom_fields.address.geo",
        "custom_fields.mixed",
        "custom_fields.empty_list",
    ),
)
COMPARED = (
    *schema().names[:-2],
    *("custom_fields.plan", "custom_fields.seats", "custom_fields.rate", "custom_fields.ids", "custom_fields.since"),
)
LEADING_NOWHERE = (
    *("custom_fields.nope", "custom_fields.address.nope", "custom_fields.plan.deeper", "status.deeper"),
    *(
        "custom_fields.labels.first",
        "custom_fields.utm.source.deeper",
        "tags.first",
        "custom_fields.address.geo.lat.x",
    ),
)
UNKNOWN = ("nope", "statuss", "geo", "nope.status")


def _in_lines(values: Iterable[str]) -> tuple[str, ...]:
    """Leave the values that a line of a file can hold, without white space around them."""
    return tuple(value for value in values if value.strip(" \t\r\f\v") == value != "" and "\n" not in value)


LISTS: dict[str, tuple[str, ...]] = {
    "texts": _in_lines((*TEXTS[::2], *NUMBER_LIKE[::2], "active", "p1", "pro")),
    "many-texts": (*_in_lines((*TEXTS[1::2], *NUMBER_LIKE[1::2])), *(f"text {number}" for number in range(1_500))),
    "numbers": _in_lines(NUMBER_TEXTS),
    "many-numbers": tuple(str(number) for number in (*range(-3, 1_500), *GOOD_NUMBERS, *HUGE_NUMBERS)),
    "truths": ("true",),
    "days": (*DAY_TEXTS[::2], "today"),
    "moments": (*MOMENT_TEXTS[::3], *DAY_TEXTS[::4]),
    "uuids": _in_lines(UUID_TEXTS[:5]),
}
"""Lists, as they are written in files, each with a value in every line."""

LISTS_OF: dict[str, tuple[str, ...]] = {
    "text": ("texts", "many-texts", "numbers"),
    "boolean": ("truths",),
    "datetime": ("days", "moments"),
    "date": ("days",),
    "uuid": ("uuids",),
    "null": ("texts", "many-numbers"),
}
"""The lists whose values a kind can read; all other kinds are numbers."""
