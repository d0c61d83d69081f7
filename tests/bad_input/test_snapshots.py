"""Snapshots that cannot be used: one line with the reason, and nothing published."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from .conftest import GOOD, write
from .making import ABSENT, contacts, parquet

if TYPE_CHECKING:
    from .conftest import Program

NOT_PARQUET = "is not Parquet, is truncated, or is damaged; export it again"
CHECK_PATH = "no such file; check the path of the export"
NO_MATCH = "matches no file; check the path of the export"
NO_FILE_IN = "the folder has no .parquet file"
NOT_IDS = "ids are text, whole numbers, UUIDs or bytes (--id-column NAME)"
NOT_UTF_8 = "has text that is not UTF-8, or is damaged; write it as UTF-8 in the export"
ALL_ALIKE = "export all files with the same schema"
EMPTY_ID = "an empty id (an empty text in 'id'), the first in row"
ONE_ROW_EACH = "keep one row per contact in the export"
FIRST_ELEVEN = ", ".join(f"c{number}" for number in range(11))


def latin_1(*texts: str) -> pa.Array:
    """A column that is declared as UTF-8 and is not."""
    stored = pa.array([text.encode("latin-1") for text in texts], pa.binary())
    return pa.Array.from_buffers(pa.string(), len(stored), stored.buffers())


def coded(texts: pa.Array) -> pa.Array:
    """The same texts, as a dictionary and numbers into it."""
    return pa.DictionaryArray.from_arrays(pa.array(range(len(texts))), texts)


def twice(*names: str) -> pa.Table:
    return pa.table([pa.array(["x"])] * len(names), names=list(names))


UNOPENED: dict[str, tuple[dict[str, Any], str, str]] = {
    "no such file": ({}, "export.zip", f"export.zip: {CHECK_PATH}"),
    "nearly that name": ({}, "contact.parquet", "contact.parquet: no such file; did you mean 'contacts.parquet'?"),
    "nearly that name in a folder": (
        {"in/people.parquet": contacts()},
        "in/people.parqet",
        "in/people.parqet: no such file; did you mean 'people.parquet'?",
    ),
    "no such folder": ({}, "nowhere/new.parquet", f"nowhere/new.parquet: {CHECK_PATH}"),
    "a file as a folder": ({}, "contacts.parquet/2025", f"contacts.parquet/2025: {CHECK_PATH}"),
    "a glob without match": ({}, "export/**/*.parquet", f"export/**/*.parquet: {NO_MATCH}"),
    "too long a name": ({}, "x" * 300, f"{'x' * 300}: cannot be read: File name too long"),
    "a glob of what a program left": (
        {"in/_temporary/0/a.parquet": contacts(), "in/_x.parquet": b"", "in/.y.parquet": b""},
        "in/**/*.parquet",
        f"in/**/*.parquet: {NO_MATCH}",
    ),
    "CSV": ({"c.csv": "id,status\n1,new"}, "c.csv", f"c.csv: {NOT_PARQUET}"),
    "nothing in it": ({"c.parquet": b""}, "c.parquet", f"c.parquet: {NOT_PARQUET}"),
    "cut short": ({"c.parquet": contacts()[:-20]}, "c.parquet", f"c.parquet: {NOT_PARQUET}"),
    "one of two cut short": (
        {"in/a.parquet": contacts(), "in/b.parquet": contacts()[:100]},
        "in",
        f"in/b.parquet: {NOT_PARQUET}",
    ),
    "an empty folder": ({"in/.keep": ""}, "in", f"in: {NO_FILE_IN}; export the contacts"),
    "a folder of CSV": ({"in/c.csv": "id"}, "in", f"in: {NO_FILE_IN}; it has c.csv; export the contacts as Parquet"),
    "a folder of folders": (
        {"in/2025/06.parquet": contacts()},
        "in",
        f"in: {NO_FILE_IN}; for those in folders below it write 'in/**/*.parquet'",
    ),
    "a glob of a file without ids": (
        {"c.parquet": contacts(), "d.parquet": contacts(id=ABSENT)},
        "*.parquet",
        f"d.parquet: has no id column 'id', which other files of the snapshot have; {ALL_ALIKE}",
    ),
    "files with other types": (
        {"in/a.parquet": contacts(), "in/b.parquet": contacts(status=[1, 2])},
        "in",
        f"in/b.parquet: the column 'status' is int64 here and string in in/a.parquet; {ALL_ALIKE}",
    ),
    "the id column twice": (
        {"c.parquet": parquet(twice("id", "id", "status"))},
        "c.parquet",
        "c.parquet: the column 'id' occurs twice; rename one of them in the export",
    ),
    "no id column, but nearly": (
        {"c.parquet": contacts(id=ABSENT, ids=["a", "b"])},
        "c.parquet",
        "the snapshot has no id column 'id'; did you mean 'ids'? (--id-column NAME)",
    ),
    "no id column": (
        {"c.parquet": contacts(id=ABSENT, key=["a", "b"])},
        "c.parquet",
        "the snapshot has no id column 'id'; it has status, key (--id-column NAME)",
    ),
    "no id column among many": (
        {"c.parquet": contacts(id=ABSENT, **{f"c{number}": [1, 2] for number in range(500)})},
        "c.parquet",
        f"the snapshot has no id column 'id'; it has status, {FIRST_ELEVEN} and 489 more (--id-column NAME)",
    ),
    "ids of floats": (
        {"c.parquet": contacts(id=[1.0, 2.0])},
        "c.parquet",
        f"the id column 'id' is a number (Float64); {NOT_IDS}",
    ),
    "ids of booleans": (
        {"c.parquet": contacts(id=[True, False])},
        "c.parquet",
        f"the id column 'id' is a boolean; {NOT_IDS}",
    ),
    "ids of lists": (
        {"c.parquet": contacts(id=[["a"], ["b"]])},
        "c.parquet",
        f"the id column 'id' is a list of text; {NOT_IDS}",
    ),
    "ids of nothing": (
        {"c.parquet": contacts(id=pa.nulls(2))},
        "c.parquet",
        "the id column 'id' contains only nulls; give each contact an id (--id-column NAME)",
    ),
    "ids of numbers in lists": (
        {"c.parquet": contacts(id=[[[1]], []])},
        "c.parquet",
        f"the id column 'id' is a list of lists of numbers (Int64); {NOT_IDS}",
    ),
    "ids of decimals": (
        {"c.parquet": contacts(id=[Decimal("1.50"), None])},
        "c.parquet",
        f"the id column 'id' is a number (Decimal(3, 2)); {NOT_IDS}",
    ),
    "ids of hours": (
        {"c.parquet": contacts(id=[time(1), None])},
        "c.parquet",
        f"the id column 'id' is a time of day; {NOT_IDS}",
    ),
    "ids of durations": (
        {"c.parquet": contacts(id=[timedelta(1), None])},
        "c.parquet",
        f"the id column 'id' is a duration; {NOT_IDS}",
    ),
    "ids of structs in lists": (
        {"c.parquet": contacts(id=[[{"a": b""}], None])},
        "c.parquet",
        f"the id column 'id' is a list of structs; {NOT_IDS}",
    ),
    "files with other lists": (
        {"in/a.parquet": contacts(n=[["x"], []]), "in/b.parquet": contacts(n=[[1], []])},
        "in",
        f"in/b.parquet: the column 'n.element' is int64 here and string in in/a.parquet; {ALL_ALIKE}",
    ),
    "files with other parts of a struct": (
        {
            "in/a.parquet": contacts(s=[{"home": {"n": 1}}, None]),
            "in/b.parquet": contacts(s=[{"home": {"n": 1, "m": 2}}, None]),
            "in/c.parquet": contacts(s=[{"home": {"m": True}}, None]),
        },
        "in",
        f"in/c.parquet: the column 's.home.m' is bool here and int64 in in/b.parquet; {ALL_ALIKE}",
    ),
    "a map and a struct": (
        {
            "in/a.parquet": contacts(s=pa.array([[("a", "b")], None], pa.map_(pa.string(), pa.string()))),
            "in/b.parquet": contacts(s=[{"a": "b"}, None]),
        },
        "in",
        "in/b.parquet: the column 's' is struct<a: string> here and map<string, string> in in/a.parquet; " + ALL_ALIKE,
    ),
    "whole numbers and exact decimals beside floats": (
        {"in/a.parquet": contacts(n=[Decimal("1" * 16), None]), "in/b.parquet": contacts(n=[0.5, None])},
        "in",
        f"in/b.parquet: the column 'n' is double here and decimal128(16, 0) in in/a.parquet; {ALL_ALIKE}",
    ),
    "ids of dates": (
        {"c.parquet": contacts(id=[date(2025, 6, 1), date(2025, 6, 2)])},
        "c.parquet",
        f"the id column 'id' is a date; {NOT_IDS}",
    ),
    "ids of times": (
        {"c.parquet": contacts(id=[datetime(2025, 6, 1, tzinfo=UTC)] * 2)},
        "c.parquet",
        f"the id column 'id' is a date-time; {NOT_IDS}",
    ),
}

UNREAD: dict[str, tuple[bytes, str]] = {
    "no id for one": (
        contacts(id=["ann", None]),
        "1 contact has no id (the column 'id' is null), the first in row 2; give each an id in the export",
    ),
    "no id for many": (
        contacts(id=["a", None, "b", None, None], status=["x"] * 5),
        "3 contacts have no id (the column 'id' is null), the first in row 2; give each an id in the export",
    ),
    "an empty id": (
        contacts(id=["ann", ""]),
        f"1 contact has {EMPTY_ID} 2; give each an id in the export",
    ),
    "empty ids, repeated and not": (
        contacts(id=coded(pa.array(["", "a", "b", ""])), status=["x"] * 4),
        f"2 contacts have {EMPTY_ID} 1; give each an id in the export",
    ),
    "empty ids beside null": (
        contacts(id=["", None]),
        "1 contact has no id (the column 'id' is null), the first in row 2; give each an id in the export",
    ),
    "one id twice": (
        contacts(id=["ann", "ann"]),
        f"1 id occurs more than once in 'id' (ann); {ONE_ROW_EACH}",
    ),
    "two ids twice": (
        contacts(id=[7, 8, 7, 8], status=["x"] * 4),
        f"2 ids occur more than once in 'id' (7, 8); {ONE_ROW_EACH}",
    ),
    "many ids twice": (
        contacts(id=[*range(1200)] * 2, status=["x"] * 2400),
        f"1,200 ids occur more than once in 'id' (0, 1, 2, …); {ONE_ROW_EACH}",
    ),
    "a long id twice": (
        contacts(id=["x" * 500] * 2),
        f"1 id occurs more than once in 'id' ({'x' * 60}…); {ONE_ROW_EACH}",
    ),
    "a long binary id twice": (
        contacts(id=[b"\x00" * 500] * 2),  # zero bytes are not texts
        f"1 id occurs more than once in 'id' ({'0' * 60}…); {ONE_ROW_EACH}",
    ),
    "ids with control characters twice": (
        contacts(id=["a\n\x1b[31mb\u202ec"] * 2),
        rf"1 id occurs more than once in 'id' (a\n\x1b[31mb\u202ec); {ONE_ROW_EACH}",
    ),
    "ids like markup twice": (
        contacts(id=[":warning: [red]x"] * 2),
        f"1 id occurs more than once in 'id' (:warning: [red]x); {ONE_ROW_EACH}",
    ),
    "ids that are not UTF-8": (contacts(id=latin_1("ann", "zoë")), f"c.parquet: the column 'id' {NOT_UTF_8}"),
    "a text that is not UTF-8": (
        contacts(status=latin_1("active", "größer")),
        f"c.parquet: the column 'status' {NOT_UTF_8}",
    ),
    "a repeated text that is not UTF-8": (
        contacts(status=coded(latin_1("active", "größer"))),
        f"c.parquet: the column 'status' {NOT_UTF_8}",
    ),
    "repeated ids that are not UTF-8": (
        contacts(id=coded(latin_1("a", "zoë"))),
        f"c.parquet: the column 'id' {NOT_UTF_8}",
    ),
    "binary ids twice": (
        contacts(id=[b"\x00\xff", b"\x00\xff"]),
        f"1 id occurs more than once in 'id' (00ff); {ONE_ROW_EACH}",
    ),
    "no contacts": (
        contacts(id=pa.array([], pa.string()), status=pa.array([], pa.string())),
        "c.parquet: has no contacts, which would empty every segment; check the export, or pass --allow-empty",
    ),
    "cut at the front": (contacts()[20:], f"c.parquet: {NOT_PARQUET}"),
}


@pytest.mark.parametrize(("files", "path", "message"), UNOPENED.values(), ids=list(UNOPENED))
def test_both_commands_report_a_snapshot_that_cannot_be_opened(
    program: Program, files: dict[str, Any], path: str, message: str
) -> None:
    write(GOOD | files)
    program.refuses(1, [message], "check", "--contacts", path)
    program.refuses(1, [message], "run", "--contacts", path)


@pytest.mark.parametrize(("content", "message"), UNREAD.values(), ids=list(UNREAD))
def test_a_snapshot_with_wrong_contacts_is_not_published(program: Program, content: bytes, message: str) -> None:
    write(GOOD | {"c.parquet": content})
    program.refuses(1, [message], "run", "--contacts", "c.parquet")


def test_an_id_in_two_files_is_reported(program: Program) -> None:
    write(GOOD | {"in/a.parquet": contacts(), "in/b.parquet": contacts(id=["cid", "ann"])})
    message = "1 id occurs more than once in 'id' (ann), in in/a.parquet and in in/b.parquet"
    advice = "keep one row per contact in all files together, or pass only one file"
    program.refuses(1, [f"{message}; {advice}"], "run", "--contacts", "in")
    for command in (["preview", "good"], ["explain", "good"], ["lint"]):
        program.refuses(1, [f"{message}; {advice}"], *command, "--contacts", "in")
    message = "'ann' is the id of 2 contacts, in in/a.parquet and in in/b.parquet"
    program.refuses(2, [f"{message}; {advice}"], "explain", "good", "ann", "--contacts", "in")


def test_exports_of_two_days_are_named(program: Program) -> None:
    write(GOOD | {"in/dt=2025-06-01/a.parquet": contacts(), "in/dt=2025-06-02/a.parquet": contacts(id=["ann", "bob"])})
    message = "2 ids occur more than once in 'id' (ann, bob), one of them in in/dt=2025-06-01/a.parquet and in "
    advice = "if they are exports of two days, pass the folder of one day, such as in/dt=2025-06-02"
    for path in ("in", "in/**/*.parquet", "in/*/a.parquet"):
        program.refuses(1, [f"{message}in/dt=2025-06-02/a.parquet; {advice}"], "run", "--contacts", path)
    assert program("run", "--contacts", "in/dt=2025-06-02").status == 0


def test_an_id_in_two_partitions_that_are_not_days_is_reported(program: Program) -> None:
    write(GOOD | {"in/country=DE/a.parquet": contacts(), "in/country=US/a.parquet": contacts(id=["cid", "ann"])})
    places = "in in/country=DE/a.parquet and in in/country=US/a.parquet"
    advice = "keep one row per contact in all files together, or pass only one file"
    program.refuses(1, [f"1 id occurs more than once in 'id' (ann), {places}; {advice}"], "run", "--contacts", "in")


BY_NAME = "pass it by its name in a catalog: iceberg://CATALOG/NAMESPACE.TABLE"
TABLES = {
    "Delta": ({"in/_delta_log/0.json": "{}", "in/a.parquet": contacts()}, "in", "a Delta", "pass it as delta+in"),
    "a file of Delta": (
        {"in/_delta_log/0.json": "{}", "in/a.parquet": contacts()},
        "in/a.parquet",
        "a Delta",
        "pass it as delta+in",
    ),
    "Iceberg": (
        {"in/metadata/v1.metadata.json": "{}", "in/data/a.parquet": contacts()},
        "in/data/*.parquet",
        "an Iceberg",
        BY_NAME,
    ),
}


@pytest.mark.parametrize(("files", "path", "kind", "remedy"), TABLES.values(), ids=list(TABLES))
def test_both_commands_report_a_table_of_a_lake(
    program: Program, files: dict[str, Any], path: str, kind: str, remedy: str
) -> None:
    write(GOOD | files)
    reason = f"in: is {kind} table, whose folder also has files with rows that were deleted or replaced"
    for command in ("run", "check"):
        program.refuses(1, [f"{reason}; {remedy}"], command, "--contacts", path)


def test_another_id_column_is_suggested(program: Program) -> None:
    write(GOOD)
    message = "the snapshot has no id column 'statuss'; did you mean 'status'? (--id-column NAME)"
    program.refuses(1, [message], "run", "--contacts", "contacts.parquet", "--id-column", "statuss")


def test_a_file_that_may_not_be_read_is_reported(program: Program) -> None:
    write(GOOD)
    locked = Path("contacts.parquet")
    locked.chmod(0)
    if os.access(locked, os.R_OK):
        pytest.skip("this user can read everything")
    program.refuses(1, ["contacts.parquet: cannot be read: Permission denied"], "run", "--contacts", str(locked))


def test_a_bad_snapshot_keeps_the_published_run(program: Program) -> None:
    write(GOOD)
    assert program("run", "--contacts", "contacts.parquet").status == 0
    published = Path("output/current").read_text(encoding="utf-8")
    write({"contacts.parquet": contacts(id=["ann", "ann"])})
    outcome = program("run", "--contacts", "contacts.parquet")
    assert (outcome.status, outcome.out) == (1, "")
    assert Path("output/current").read_text(encoding="utf-8") == published
