"""Lists of values: their files, formats and errors."""

import hashlib
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from builders import rule, segment
from segbatch.definitions.definition import Definition
from segbatch.definitions.list_files import ListError
from segbatch.definitions.value_lists import NO_LISTS, Lists, ValueList, list_problems, lists_in, read_list, read_lists

NOON = datetime(2025, 6, 1, 12)  # noqa: DTZ001 - as columns have it
ONE = UUID("6f9619ff-8b86-d011-b42d-00c04fc964ff")


def values_in(file: Path, content: str | bytes) -> tuple[Any, ...]:
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_list(file.stem, file.parent).values


def write_parquet(file: Path, **columns: pa.Array) -> None:
    pq.write_table(pa.table(columns), file)


@pytest.mark.parametrize(
    "content",
    ["a@x\nb c\n", "a@x\r\nb c", "\ufeffa@x\n\n  b c \t\r\n\n", "a@x\n \nb c\n"],
    ids=["lf", "crlf", "byte order mark", "blank lines"],
)
def test_a_text_file_has_a_value_in_every_line(tmp_path: Path, content: str) -> None:
    assert values_in(tmp_path / "vip.txt", content) == ("a@x", "b c")


@pytest.mark.parametrize(
    "content",
    ['email\na@x\n"b, ""c"""\n', '\ufeffE-Mail (private)\r\na@x\r\n\r\n"b, ""c"""', 'email\na@x\n"b, ""c"""\n\n'],
)
def test_a_csv_file_has_a_header_and_one_column(tmp_path: Path, content: str) -> None:
    assert values_in(tmp_path / "vip.csv", content) == ("a@x", 'b, "c"')


def test_the_name_of_the_column_is_kept(tmp_path: Path) -> None:
    (tmp_path / "vip.csv").write_text("email\na@x\n")
    write_parquet(tmp_path / "old.parquet", customer=pa.array([1]))
    (tmp_path / "plain.TXT").write_text("a")
    assert [read_list(name, tmp_path).column for name in ("vip", "old", "plain")] == ["email", "customer", None]


@pytest.mark.parametrize(
    ("column", "values"),
    [
        (pa.array(["a", None, ""]), ("a", "")),
        (pa.array(["a", "b"]).dictionary_encode(), ("a", "b")),
        (pa.array([1, None, 2]), (1, 2)),
        (pa.array([1.5, float("nan")]), (1.5,)),
        (pa.array([Decimal(7)], pa.decimal128(5, 0)), (7,)),
        (pa.array([Decimal("7.50"), Decimal("8.00")], pa.decimal128(5, 2)), ("7.50", 8)),
        (pa.array([True, None]), (True,)),
        (pa.array([date(2025, 6, 1), None]), ("2025-06-01",)),
        (
            pa.array([datetime(2025, 6, 1, 12, tzinfo=UTC), None], pa.timestamp("ns", "UTC")),
            ("2025-06-01T12:00:00+00:00",),
        ),
        (pa.array([NOON], pa.timestamp("ms")), ("2025-06-01T12:00:00+00:00",)),
        (pa.array([ONE.bytes, None], pa.uuid()), (str(ONE),)),
        (pa.array([ONE.bytes], pa.binary(16)), (str(ONE),)),
    ],
    ids=str,
)
def test_a_parquet_file_has_values_as_rules_would_have_them(
    tmp_path: Path, column: pa.Array, values: tuple[Any, ...]
) -> None:
    write_parquet(tmp_path / "vip.parquet", x=column)
    found = read_list("vip", tmp_path).values
    assert (found, [*map(type, found)]) == (values, [*map(type, values)])


HEADER = "{file}:1: the first line of a .csv list is the name of its column; add one, or use .txt"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("vip.txt", b"a\n\xff\n", "{file}:2: bytes that are not UTF-8; save the file as UTF-8"),
        ("vip.txt", b"a\nb\0\n", "{file}:2: a NUL character, which no text has; save the file as UTF-8"),
        ("vip.txt", b" \n\n", "{file}: the list has no values; add one, or remove the rules that use it"),
        ("vip.csv", b"email\n", "{file}: the list has no values; add one, or remove the rules that use it"),
        ("vip.csv", b"", "{file}: the list has no values; add one, or remove the rules that use it"),
        ("vip.csv", b"email\na\nb,c\n", "{file}:3: 2 columns; a list has one"),
        ("vip.csv", b'email\n"a', "{file}:2: not valid CSV: unexpected end of data"),
        (
            "vip.csv",
            b"a@x\nb@x\n",
            HEADER,
        ),
        (
            "vip.csv",
            b"123\n",
            HEADER,
        ),
        (
            "vip.csv",
            b"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11\n",
            HEADER,
        ),
        ("vip.parquet", b"PAR1", "{file}: not a valid Parquet file; write it again"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    file = tmp_path / name
    with pytest.raises(ListError) as refused:
        values_in(file, content)
    assert str(refused.value) == message.format(file=file)


def test_a_parquet_file_has_one_column_of_a_simple_type(tmp_path: Path) -> None:
    write_parquet(tmp_path / "two.parquet", x=pa.array([1]), y=pa.array([1]))
    write_parquet(tmp_path / "lists.parquet", x=pa.array([[1]]))
    with pytest.raises(ListError, match=r"two\.parquet: 2 columns; a list has one"):
        read_list("two", tmp_path)
    for number, (column, words) in enumerate(
        [
            (pa.array([[1]]), "lists"),
            (pa.array([[1]], pa.large_list(pa.int64())), "lists"),
            (pa.array([{"a": 1}]), "objects"),
            (pa.array([b"a"]), "bytes"),
            (pa.array([1], pa.duration("s")), "durations"),
            (pa.array([1], pa.time32("s")), "times of day"),
        ]
    ):
        write_parquet(tmp_path / f"n{number}.parquet", x=column)
        with pytest.raises(ListError, match=f"the column has {words}; a list has texts, numbers, dates, UUIDs or"):
            read_list(f"n{number}", tmp_path)


@pytest.mark.parametrize("kind", [pa.null(), pa.string(), pa.int64()], ids=str)
def test_a_column_of_nulls_has_no_values(tmp_path: Path, kind: pa.DataType) -> None:
    write_parquet(tmp_path / "none.parquet", x=pa.nulls(2, kind))
    with pytest.raises(ListError, match="the list has no values; add one"):
        read_list("none", tmp_path)


def test_a_quoted_value_is_in_the_line_where_it_begins(tmp_path: Path) -> None:
    (tmp_path / "vip.csv").write_text('x\n"a\nb"\n\nc\n"d\r\n\ne"\nf\n')
    found = read_list("vip", tmp_path)
    assert (found.values, found.places) == (("a\nb", "c", "d\r\n\ne", "f"), (2, 5, 6, 9))
    for text, message in (('x\n"a\nb",c\n', "vip.csv:2: 2 columns"), ('x\ny\n"a\n\n', "vip.csv:3: not valid CSV")):
        (tmp_path / "vip.csv").write_text(text)
        with pytest.raises(ListError, match=message):
            read_list("vip", tmp_path)


def test_a_list_that_does_not_exist_is_refused_with_the_nearest_one(tmp_path: Path) -> None:
    (tmp_path / "suppressed.txt").write_text("a")
    (tmp_path / ".hidden.txt").write_text("a")
    (tmp_path / "notes.md").write_text("a")
    near = f"there is no list 'supressed' in {tmp_path}; did you mean 'suppressed'?"
    other = f"there is no list 'vip' in {tmp_path}; create {tmp_path}/vip.txt with one value per line"
    for name, message in (("supressed", near), ("vip", other)):
        with pytest.raises(ListError) as refused:
            read_list(name, tmp_path)
        assert str(refused.value) == message
    with pytest.raises(ListError, match=r"there is no list 'vip' in .*nowhere; create"):
        read_list("vip", tmp_path / "nowhere")


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    (tmp_path / "vip.txt").write_text("a")
    (tmp_path / "vip.csv").write_text("x\na")
    with pytest.raises(ListError) as refused:
        read_list("vip", tmp_path)
    assert str(refused.value) == f"the list 'vip' has several files in {tmp_path}: vip.csv and vip.txt; keep one"


def test_what_cannot_be_opened_is_refused(tmp_path: Path) -> None:
    (tmp_path / "vip.txt").mkdir()
    with pytest.raises(ListError, match=r"vip\.txt: cannot be read: Is a directory"):
        read_list("vip", tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(ListError, match=r"file: cannot be read: Not a directory"):
        read_list("vip", tmp_path / "file")
    with pytest.raises(ListError, match=r"the list 'vip' was not read; name the folder of the lists \(--lists\)"):
        read_list("vip", None)


def test_lists_are_found_in_all_rules_and_read_once(tmp_path: Path) -> None:
    (tmp_path / "vip.txt").write_text("a\nb\n")
    (tmp_path / "sku.txt").write_text("1\n")
    on_rows = {
        "table": "orders",
        "operator": "gte",
        "value": 1,
        "where": [{"match": "any", "rules": [rule("sku", "not_in_list", "sku")]}],
    }
    on_aggregate = {"table": "orders", "aggregate": "last", "field": "sku", "operator": "in_list", "value": "gone"}
    definition = Definition(segment(rule("email", "in_list", "vip"), on_rows, on_aggregate), "s.json")
    assert [*lists_in(definition)] == [
        ("$.rules[0]", "vip"),
        ("$.rules[1].where[0].rules[0]", "sku"),
        ("$.rules[2]", "gone"),
    ]
    lists = read_lists([definition], tmp_path)
    digest = hashlib.sha256(b"a\nb\n").hexdigest()
    assert lists.found["vip"] == ValueList("vip", f"{tmp_path}/vip.txt", digest, ("a", "b"), (1, 2))
    [problem] = list_problems([definition], lists)
    assert (problem.path, problem.file) == ("$.rules[2].value", "s.json")
    assert problem.message.startswith("there is no list 'gone' in ")


def test_a_list_that_was_not_read_cannot_be_used() -> None:
    with pytest.raises(ListError, match="the list 'vip' was not read; name the folder of the lists"):
        NO_LISTS.get("vip")
    with pytest.raises(ListError, match=r"^gone$"):
        Lists({}, {"vip": "gone"}).get("vip")
