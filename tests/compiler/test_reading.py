"""Fields that a rule reads as another type: values, and values that cannot be read."""

import datetime as dt
import uuid
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pyarrow as pa
import pytest

import segbatch
from builders import rule, segment, write_contacts, write_segment
from segbatch import DefinitionError, compile_segment
from segbatch.compiler.clock import read_clock
from segbatch.compiler.literals import LiteralTypeError, read_moment
from segbatch.compiler.read_as import read_as
from segbatch.model.operators import ReadingName
from segbatch.snapshot.fields.json_numbers import of_any_length
from segbatch.snapshot.fields.resolution import resolve
from segbatch.snapshot.fields.types import ANY_LENGTH
from segbatch.storage.manifest_io import read_manifest

NOON = dt.datetime(2025, 6, 1, 12, tzinfo=dt.UTC)
CLOCK = read_clock(NOON, "Europe/Berlin", NOON)


def read(values: pl.Series, reading: ReadingName, zone: str = "Europe/Berlin") -> list[Any]:
    frame = values.alias("it").to_frame()
    field = read_as(resolve("it", frame.schema), reading, read_clock(NOON, zone, NOON))
    return frame.select(field.expr).to_series().to_list()


def utc(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("values", "reading", "expected"),
    [
        (pl.Series([10.0, 0.5, 1e20, -0.0, None]), "text", ["10", "0.5", "1e+20", "0", None]),
        (pl.Series([Decimal("10.50")], dtype=pl.Decimal(10, 2)), "text", ["10.50"]),
        (pl.Series([2**63 - 1]), "text", ["9223372036854775807"]),
        (pl.Series([True, False]), "text", ["true", "false"]),
        (pl.Series([dt.date(2025, 6, 1), None]), "text", ["2025-06-01", None]),
        (pl.Series(["a"]), "text", ["a"]),
        (pl.Series([" 12 ", "1e3", "n/a", "inf", "nan", "1,5", ""]), "number", [12, 1000, *[None] * 5]),
        (pl.Series([7]), "number", [7]),
        (pl.Series(["YES", " no ", "t", "0", "on", ""]), "boolean", [True, False, True, False, None, None]),
        (pl.Series([1.0, 0.0, 2.0]), "boolean", [True, False, None]),
        (
            pl.Series(["2025-06-01", "2025-06-01T22:30:00Z", "1 June"]),
            "date",
            [dt.date(2025, 6, 1), dt.date(2025, 6, 2), None],
        ),
        (pl.Series([NOON, utc("2025-06-01T22:30")]), "date", [dt.date(2025, 6, 1), dt.date(2025, 6, 2)]),
        (
            pl.Series(["2025-06-01", "2025-06-01 10:00", "2025-06-01T10:00:00.123456789+02:00", "2025-06-01T10:60Z"]),
            "datetime",
            [utc("2025-05-31T22:00"), utc("2025-06-01T10:00"), utc("2025-06-01T08:00:00.123456"), None],
        ),
        (pl.Series([dt.date(2025, 6, 1)]), "datetime", [utc("2025-05-31T22:00")]),
        (pl.Series([0, 1748772000, 253402300800]), "epoch_s", [utc("1970-01-01T00:00"), utc("2025-06-01T10:00"), None]),
        (pl.Series([1748772000.25, float("inf"), 1e300]), "epoch_s", [utc("2025-06-01T10:00:00.250"), None, None]),
        (
            pl.Series([-1, 1748772000123, 2**63 - 1]),
            "epoch_ms",
            [utc("1969-12-31T23:59:59.999"), utc("2025-06-01T10:00:00.123"), None],
        ),
        (pl.Series(["1748772000", "soon"]), "epoch_s", [utc("2025-06-01T10:00"), None]),
        (pl.Series([Decimal("1.5")], dtype=pl.Decimal(10, 1)), "epoch_s", [utc("1970-01-01T00:00:01.500")]),
    ],
    ids=str,
)
def test_values_are_read_as_another_type(values: pl.Series, reading: ReadingName, expected: list[Any]) -> None:
    assert read(values, reading) == expected


def test_json_numbers_of_any_length_are_read_as_another_type() -> None:
    frame = pl.DataFrame({"it": ["7", "2.0", "1748772000", "1" + "0" * 40]}).select(it=of_any_length(pl.col("it")))
    assert frame.schema["it"] == ANY_LENGTH
    numbers = frame.to_series()
    assert read(numbers, "text") == ["7", "2", "1748772000", "1" + "0" * 40]
    assert read(numbers, "epoch_s") == [
        utc("1970-01-01T00:00:07"),
        utc("1970-01-01T00:00:02"),
        utc("2025-06-01T10:00"),
        None,
    ]


@pytest.mark.parametrize(
    ("day", "zone", "start"),
    [
        ("2018-11-04", "America/Sao_Paulo", "2018-11-04T03:00"),  # the clocks skip midnight
        ("2025-03-30", "Europe/Berlin", "2025-03-29T23:00"),
        ("2025-11-02", "America/Havana", "2025-11-02T04:00"),  # midnight occurs twice
    ],
)
def test_a_date_is_read_as_the_first_moment_of_its_day(day: str, zone: str, start: str) -> None:
    assert read(pl.Series([day]), "datetime", zone) == [utc(start)]


@pytest.mark.parametrize(
    ("reading", "values", "message"),
    [
        ("number", [True], r"'it' \(boolean\) cannot be read as a number: only number or text can be read so"),
        (
            "date",
            [5],
            r"'it' \(whole number\) cannot be read as a date: only date or text or date-time can be read so",
        ),
        ("version", [5], "cannot be read as a version"),
        ("text", [["a"]], "cannot be read as a text"),
    ],
)
def test_a_type_that_can_never_be_read_so_is_an_error(reading: str, values: list[Any], message: str) -> None:
    frame = pl.DataFrame({"it": values})
    with pytest.raises(DefinitionError, match=rf"\$\.rules\[0\]\.as: .*{message}"):
        compile_segment(segment({"field": "it", "operator": "exists", "as": reading}), frame.schema)


def members(folder: Path, one: dict[str, Any], **columns: list[Any]) -> tuple[list[str], segbatch.Problem | None]:
    """Return the members that a preview finds, and its only warning."""
    contacts = write_contacts(folder / "contacts.parquet", columns)
    write_segment(folder / "segments", "s", one)
    found = segbatch.preview(contacts, "s", segments=folder / "segments", as_of=NOON)
    return [str(one) for one in found.segments[0].first], next(iter(found.warnings), None)


def test_a_value_that_cannot_be_read_is_missing_and_counted(tmp_path: Path) -> None:
    one = {"field": "seats", "operator": "gt", "value": 9, "as": "number"}
    found, warning = members(tmp_path, one, seats=["10", "n/a", "9", None])
    assert found == ["a"]
    assert warning is not None
    assert warning.path == "$.rules[0].as"
    assert warning.message == ("1 of 3 values of 'seats' cannot be read as a number; this rule treats them as missing")


def test_a_rule_for_which_no_value_can_be_read_is_an_error(tmp_path: Path) -> None:
    one = {"field": "seats", "operator": "neq", "value": 9, "as": "number"}
    with pytest.raises(DefinitionError, match="none of the 2 values of 'seats' can be read as a number"):
        members(tmp_path, one, seats=["many", "few", None])


def test_without_any_value_there_is_nothing_that_cannot_be_read(tmp_path: Path) -> None:
    one = {"field": "seats", "operator": "neq", "value": 9, "as": "number"}
    found, _ = members(tmp_path, one, seats=pl.Series([None, None], dtype=pl.String).to_list())
    assert found == ["a", "b"]


@pytest.mark.parametrize(
    ("texts", "operator", "value", "expected"),
    [
        (["2025-05-31", "2025-05-01", None], "within_last", "1w", ["a"]),
        (["2025-05-31", "2025-05-01", None], "not_within_last", "1w", ["b", "c"]),
        (["2025-06-01T11:00:00Z", "2025-06-01T13:00:00Z"], "within_last", "90min", ["a"]),
        (["2025-06-01", "2025-06-01T13:00:00Z"], "eq", "today", ["a", "b"]),
        (["1990-06-03", "1990-07-01"], "anniversary_within_next", "7d", ["a"]),
        (["today", "never"], "eq", "today", ["a"]),
        ([None], "within_last", "36h", []),
    ],
)
def test_texts_that_are_all_dates_count_as_dates(
    tmp_path: Path, texts: list[str | None], operator: str, value: str, expected: list[str]
) -> None:
    assert members(tmp_path, rule("since", operator, value), since=texts)[0] == expected


@pytest.mark.parametrize(("operator", "value"), [("within_last", "30d"), ("gt", "today-30d"), ("eq", "today")])
def test_a_column_with_other_texts_is_an_error_that_counts_them(tmp_path: Path, operator: str, value: str) -> None:
    message = (
        rf"\$\.rules\[0\]\.field: '{operator}' compares dates here, and 1 of the 2 values of 'since' \(text\) are not "
        'ISO 8601 dates; add "as": "datetime" to treat them as missing'
    )
    with pytest.raises(DefinitionError, match=message):
        members(tmp_path, rule("since", operator, value), since=["2025-05-31", "soon", None])


def test_hours_are_an_error_if_all_texts_are_dates_without_times(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="a date has no hours"):
        members(tmp_path, rule("since", "within_last", "36h"), since=["2025-05-31"])


def test_a_frame_has_no_counts_so_texts_need_a_type() -> None:
    frame = pl.DataFrame({"since": ["2025-05-31", "soon"]})
    with pytest.raises(DefinitionError, match='it needs a date or a date-time; add "as": "datetime"'):
        compile_segment(segment(rule("since", "within_last", "1w")), frame.schema, as_of=NOON)
    one = compile_segment(segment({**rule("since", "within_last", "1w"), "as": "datetime"}), frame.schema, as_of=NOON)
    assert frame.select(one).to_series().to_list() == [True, False]


def test_two_fields_are_read_as_the_same_type() -> None:
    frame = pl.DataFrame({"a": ["10", "x"], "b": ["9", "1"]})
    one = segment({"field": "a", "operator": "gt", "value_field": "b", "as": "number"})
    assert frame.select(compile_segment(one, frame.schema)).to_series().to_list() == [True, False]


ORDER = ["0.0.1", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11"]
ORDER += ["1.0.0-rc.1", "1.0", "v1.0.1+build", "1.2", "1.10", "2", "10.0.0", "999999999999999999999.0.0"]


def test_versions_are_ordered_by_semantic_versioning() -> None:
    frame = pl.DataFrame({"it": ORDER})
    for number, version in enumerate(ORDER):
        one = segment({"field": "it", "operator": "lt", "value": version, "as": "version"})
        assert frame.select(compile_segment(one, frame.schema)).to_series().sum() == number


@pytest.mark.parametrize(
    "text", ["latest", "1.2.3.4", "01.2", "1.2.3-", "1.2.3-01", "1..2", "1.2.3-a..b", "1.2.3+", ""]
)
def test_other_texts_are_not_versions(text: str) -> None:
    assert read(pl.Series([text]), "version") == [None]
    with pytest.raises(DefinitionError, match=r"write a version like '2\.10\.0', in quotes"):
        compile_segment(segment({"field": "it", "operator": "eq", "value": text, "as": "version"}), {"it": pl.String()})


@pytest.mark.parametrize(("operator", "value"), [("contains", "1"), ("starts_with", "1"), ("within_last", "1d")])
def test_a_version_is_not_a_text(operator: str, value: str) -> None:
    one = segment({**rule("it", operator, value), "as": "version"})
    with pytest.raises(DefinitionError, match="it needs"):
        compile_segment(one, {"it": pl.String()})


def test_the_manifest_records_how_fields_were_read(tmp_path: Path) -> None:
    contacts = write_contacts(tmp_path / "c.parquet", {"since": ["2025-05-31", None], "seats": ["10", "x"]})
    write_segment(
        tmp_path / "segments", "s", rule("since", "older_than", "1mo"), {**rule("seats", "gt", 1), "as": "number"}
    )
    done = segbatch.run(contacts, tmp_path / "segments", tmp_path / "out", as_of=NOON)
    manifest = read_manifest(tmp_path / "out" / "runs" / done.run.run_id)
    readings = {field.field: [one.model_dump() for one in field.readings] for field in manifest.fields or ()}
    assert readings == {
        "since": [{"read_as": "date", "is_inferred": True, "values": 1, "unreadable": 0}],
        "seats": [{"read_as": "number", "is_inferred": False, "values": 2, "unreadable": 1}],
    }
    assert any("1 of 2 values of 'seats' cannot be read as a number" in warning for warning in manifest.warnings)


def test_a_uuid_is_read_as_its_text(tmp_path: Path) -> None:
    keys = pa.array([uuid.UUID(int=number).bytes for number in (1, 2)], pa.uuid())
    path = write_contacts(tmp_path / "contacts.parquet", {"key": keys})
    rule = {"field": "key", "operator": "ends_with", "value": "-000000000002", "as": "text"}
    write_segment(tmp_path / "segments", "one", rule)
    assert segbatch.preview(path, tmp_path / "segments").segments[0].first == ("b",)


def test_a_number_is_not_a_version() -> None:
    with pytest.raises(DefinitionError, match=r"write a version like '2\.10\.0', in quotes"):
        compile_segment(segment({"field": "it", "operator": "eq", "value": 2, "as": "version"}), {"it": pl.String()})


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/New_York"])
@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
def test_the_first_and_the_last_day_are_dates_in_every_zone(tmp_path: Path, zone: str, day: str) -> None:
    contacts = write_contacts(tmp_path / "contacts.parquet", {"id": [1, 2], "at": [day, "2025-06-01T10:00:00Z"]})
    operator = "older_than" if day < "2025" else "later_than"
    for number, one in enumerate((rule("at", operator, "30d"), rule("at", "eq", day, **{"as": "datetime"}))):
        write_segment(tmp_path / "segments", f"s{number}", one)
    run = segbatch.run(contacts, tmp_path / "segments", tmp_path / "output", timezone=zone, as_of=NOON)
    assert [(one.status, one.member_count) for one in run.segments] == [("ok", 1)] * 2
    assert not run.warnings


@pytest.mark.parametrize(
    ("text", "zone"), [("0001-01-01T08:00", "Asia/Tokyo"), ("9999-12-31T20:00", "America/New_York")]
)
def test_a_time_outside_of_the_calendar_in_utc_is_an_error_of_its_own(text: str, zone: str) -> None:
    with pytest.raises(
        LiteralTypeError, match=r"^in UTC, this is before the year 1 or after 9999; write a time between"
    ):
        read_moment(text, ZoneInfo(zone))
