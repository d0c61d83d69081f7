"""How values are written in CSV, JSON Lines and Parquet, and how a spreadsheet is kept from running them."""

import csv
import io
import json
import uuid
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import segbatch
from segbatch import UsageError
from segbatch.exports.writers import escape_formulas, find_formulas, format_cells, format_json
from workspace import Workspace

from .conftest import Export, everybody

pytestmark = pytest.mark.slow

MOMENT = datetime(2025, 6, 1, 10, 0, 0, 250_000)  # noqa: DTZ001 - as programs write it
TOLD = "2025-06-01T10:00:00.250Z"
OBJECT = {"when": MOMENT, "n": [Decimal("1.5")], "b": b"\x01"}
VALUES: list[tuple[str, pa.Array, str | None, Any]] = [
    ("text", pa.array(["x;y"]), '"x;y"', "x;y"),
    ("quotes", pa.array(['say "hi",\r\nyou']), '"say ""hi"",\r\nyou"', 'say "hi",\r\nyou'),
    ("empty", pa.array([""]), '""', ""),
    ("missing", pa.array([None], pa.string()), "", None),
    ("category", pa.array(["a"]).dictionary_encode(), '"a"', "a"),
    ("negative", pa.array([-5]), "-5", -5),
    ("large", pa.array([2**64 - 1], pa.uint64()), str(2**64 - 1), 2**64 - 1),
    ("float", pa.array([-0.5]), "-0.5", -0.5),
    ("nan", pa.array([float("nan")]), "", None),
    ("positive infinity", pa.array([float("inf")]), "inf", None),
    ("infinite", pa.array([float("-inf")]), "-inf", None),
    ("boolean", pa.array([True]), '"true"', True),
    ("decimal", pa.array([Decimal("-12.50")]), "-12.50", -12.5),
    ("date", pa.array([date(2025, 6, 1)]), '"2025-06-01"', "2025-06-01"),
    ("naive", pa.array([MOMENT]), f'"{TOLD}"', TOLD),
    ("zoned", pa.array([MOMENT], pa.timestamp("us", "Europe/Kyiv")), f'"{TOLD}"', TOLD),
    ("time", pa.array([time(9, 30)]), '"09:30:00"', "09:30:00"),
    ("length", pa.array([timedelta(days=1, seconds=1)]), '"P1DT1S"', "P1DT1S"),
    ("bytes", pa.array([b"\x00\xff"]), '"00ff"', "00ff"),
    ("list", pa.array([["a", None]]), '"[""a"",null]"', ["a", None]),
    ("no list", pa.array([None], pa.list_(pa.int8())), "", None),
    ("object", pa.array([OBJECT]), None, {"when": TOLD, "n": [1.5], "b": "01"}),
    ("map", pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int8())), '"{""a"":1}"', {"a": 1}),
    ("odd map", pa.array([[(1, b"\x01")]], pa.map_(pa.int8(), pa.binary())), None, [{"key": 1, "value": "01"}]),
    ("untyped", pa.nulls(1), "", None),
]  # fmt: skip


@pytest.mark.parametrize(("name", "values", "cell", "data"), VALUES, ids=[entry[0] for entry in VALUES])
def test_values(tmp_path: Path, name: str, values: pa.Array, cell: str | None, data: Any) -> None:
    everybody(tmp_path, {"it": values})
    outputs = {}
    for kind in ("csv", "jsonl", "parquet"):
        place = tmp_path / f"x.{kind}"
        segbatch.export("everyone", place, tmp_path / "output", columns=["it"])
        outputs[kind] = place.read_bytes()
    text = outputs["csv"].decode()
    if cell is not None:
        assert text == f'"contact_id","it"\r\n"a",{cell}\r\n'
    else:
        assert json.loads(list(csv.reader(io.StringIO(text)))[1][1]) == data
    assert json.loads(outputs["jsonl"]) == {"contact_id": "a", "it": data}
    [row] = pq.read_table(tmp_path / "x.parquet").to_pylist()
    [expected] = values.to_pylist()
    if name == "naive":
        expected = MOMENT.replace(tzinfo=UTC)  # a column without a zone holds UTC
    assert row == {"contact_id": "a", "it": None if name == "nan" else expected}


IDS: list[tuple[str, pa.Array, str]] = [
    ("text", pa.array(["=1+1"]), '"\'=1+1"'),
    ("number", pa.array([-7], pa.int32()), "-7"),
    ("decimal", pa.array([Decimal(10**20)], pa.decimal128(21, 0)), str(10**20)),
    ("uuid", pa.array([uuid.UUID(int=5).bytes], pa.uuid()), f'"{uuid.UUID(int=5)}"'),
    ("16 bytes", pa.array([uuid.UUID(int=5).bytes], pa.binary(16)), f'"{uuid.UUID(int=5)}"'),
    ("bytes", pa.array([b"\xab"]), '"ab"'),
    ("category", pa.array(["a"]).dictionary_encode(), '"a"'),
]


@pytest.mark.parametrize(("ids", "cell"), [entry[1:] for entry in IDS], ids=[entry[0] for entry in IDS])
def test_ids(tmp_path: Path, ids: pa.Array, cell: str) -> None:
    everybody(tmp_path, pa.table({"id": ids, "plan": ["pro"]}))
    segbatch.export("everyone", tmp_path / "x.csv", tmp_path / "output", columns=["plan"])
    assert (tmp_path / "x.csv").read_text().splitlines() == ['"contact_id","plan"', f'{cell},"pro"']
    segbatch.export("everyone", tmp_path / "x.parquet", tmp_path / "output", columns=["id"])
    table = pq.read_table(tmp_path / "x.parquet")
    kept = pq.read_table(tmp_path / "output" / "runs" / "only" / "membership")
    assert table.column("contact_id").to_pylist() == kept.column("contact_id").to_pylist()
    segbatch.export("everyone", tmp_path / "x.jsonl", tmp_path / "output")
    [line] = (tmp_path / "x.jsonl").read_text().splitlines()
    assert str(json.loads(line)["contact_id"]) == cell.strip('"').removeprefix("'")


ASCII = ["=1", "+1", "-1", "@x", "\tx", "\rx", "\nx", " =1"]
FORMULAS = [*ASCII, "\u00a0-1", "\ufeff=1", "\u200b=1", "＝1", "＋1", "－1", "＠x"]  # noqa: RUF001
HARMLESS = ["a=1", "'=1", "1-1", "", " ", "é", "a\t", "(=1)"]


@pytest.mark.parametrize("text", FORMULAS)
def test_a_text_that_looks_like_a_formula_is_escaped(tmp_path: Path, text: str) -> None:
    everybody(tmp_path, {"it": [text], f"{text}, as a name": [text]})
    columns = ["it", f'"{text}, as a name"']
    report = segbatch.export("everyone", tmp_path / "x.csv", tmp_path / "output", columns=columns)
    with (tmp_path / "x.csv").open(newline="") as file:
        header, row = csv.reader(file)
    assert row == ["a", f"'{text}", f"'{text}"]
    assert header == ["contact_id", "it", f"'{text}, as a name"]
    assert report.guarded == 2
    segbatch.export("everyone", tmp_path / "raw.csv", tmp_path / "output", columns=["it"], raw=True)
    with (tmp_path / "raw.csv").open(newline="") as file:
        assert list(csv.reader(file))[1] == ["a", text]


@pytest.mark.parametrize("text", HARMLESS)
def test_other_text_is_unchanged(text: str) -> None:
    assert escape_formulas(pl.Series("it", [text])).to_list() == [text]


INNER = {
    "a;=1": "a;'=1",
    "a;b;@x;c": "a;b;'@x;c",
    "a\t+1": "a\t'+1",
    "a\r\n-1": "a\r\n'-1",
    'a; "=1': "a; \"'=1",
    "=1;=1;;+1": "'=1;'=1;;'+1",
    "\t=1": "'\t'=1",
    "a;＝1": "a;'＝1",  # noqa: RUF001
}


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("text", [*FORMULAS, *INNER])
def test_no_cell_is_a_formula_with_any_separator(tmp_path: Path, text: str, separator: str) -> None:
    """As a spreadsheet reads it that expects semicolons or tabs, in whose cells our quotes may stand."""
    everybody(tmp_path, {"id": [text], "it": [f"x{text}"], "list": [[text]]})
    segbatch.export("everyone", tmp_path / "x.csv", tmp_path / "output", columns=["it,list"])
    with (tmp_path / "x.csv").open(newline="") as file:
        cells = [cell for row in csv.reader(file, delimiter=separator) for cell in row]
    begins = [cell.lstrip('"\ufeff\u200b').strip()[:1] for cell in cells]
    assert not set(begins) & set("=+-@＝＋－＠")  # noqa: RUF001


@pytest.mark.parametrize(("text", "marked"), INNER.items())
def test_a_formula_after_another_separator_is_escaped(text: str, marked: str) -> None:
    assert escape_formulas(pl.Series("it", [text])).to_list() == [marked]


ODD = st.text(st.sampled_from("=+-@;\t\r\n\"', a\u200b")) | st.text() | st.none()


@given(st.lists(ODD, min_size=1))
def test_escaping_only_adds_quotes_before_formulas(texts: list[str | None]) -> None:
    marked = escape_formulas(pl.Series("it", texts, pl.String))
    assert not find_formulas(marked).any()
    for before, after in zip(texts, marked, strict=True):
        assert (before is None) == (after is None)
        assert (before or "").replace("'", "") == (after or "").replace("'", "")
        assert not after or after.strip()[:1] not in {*"=+-@＝＋－＠"}  # noqa: RUF001
        assert not after or after[0] not in "\t\r\n"


def test_csv_has_crlf_line_ends_and_an_optional_byte_order_mark(workspace: Workspace) -> None:
    workspace.run(0)
    for bom in (False, True):
        segbatch.export("pro", workspace.folder / f"{bom}.csv", workspace.output, bom=bom)
    content = b'"contact_id"\r\n"ann"\r\n"bob"\r\n'
    assert (workspace.folder / "False.csv").read_bytes() == content
    assert (workspace.folder / "True.csv").read_bytes() == b"\xef\xbb\xbf" + content


@pytest.mark.parametrize(("kind", "content"), [("csv", b'"contact_id","plan"\r\n'), ("jsonl", b"")])
def test_an_empty_segment_is_a_file_without_rows(workspace: Workspace, kind: str, content: bytes) -> None:
    workspace.segment("none", "other")
    workspace.run(0)
    place = workspace.folder / f"x.{kind}"
    segbatch.export("none", place, workspace.output, columns=["plan"])
    assert place.read_bytes() == content
    segbatch.export("none", workspace.folder / "x.parquet", workspace.output, columns=["plan"])
    assert pq.read_schema(workspace.folder / "x.parquet").names == ["contact_id", "plan"]


def test_many_batches_are_the_same_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    everybody(tmp_path, {"id": [f"c{n}" for n in range(1000)], "n": list(range(1000))})
    whole = tmp_path / "whole.csv"
    segbatch.export("everyone", whole, tmp_path / "output", columns=["n"])
    monkeypatch.setattr("segbatch.exports.columns._ROWS", 7)
    monkeypatch.setattr("segbatch.exports.rows._FEWEST", 50)
    seen = list[tuple[int, int]]()
    for kind in ("csv", "jsonl", "parquet"):
        place = tmp_path / f"x.{kind}"
        segbatch.export("everyone", place, tmp_path / "output", columns=["n"], progress=lambda *told: seen.append(told))
    assert (tmp_path / "x.csv").read_bytes() == whole.read_bytes()
    expected = [{"contact_id": f"c{n}", "n": n} for n in range(1000)]
    assert [json.loads(line) for line in (tmp_path / "x.jsonl").read_text().splitlines()] == expected
    assert pq.read_table(tmp_path / "x.parquet").to_pylist() == expected
    assert len(seen) == 3 * 18
    assert seen[-1] == (1000, 1000)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("x.xlsx", {}, r"unknown file extension '.xlsx': use .csv, .jsonl, .ndjson or .parquet, or pass --format"),
        ("x.csv", {"format": "parquet"}, "the file extension .csv contradicts --format parquet; drop one of them"),
        ("x", {"format": "parket"}, r"invalid --format 'parket'; did you mean 'parquet'\?"),
        ("x", {"format": "xml"}, "invalid --format 'xml': use csv, jsonl or parquet"),
        ("x.jsonl", {"raw": True}, "--raw applies only to CSV; leave it out for jsonl"),
        ("x.parquet", {"bom": True}, "--bom applies only to CSV"),
    ],
)
def test_unknown_formats_are_refused(
    workspace: Workspace, export: Export, name: str, options: dict[str, Any], message: str
) -> None:
    workspace.run(0)
    with pytest.raises(UsageError, match=message):
        export("pro", name, **options)


@pytest.mark.parametrize(("name", "options"), [("x.CSV", {}), ("x", {}), ("x.txt", {"format": "csv"})])
def test_the_name_or_the_option_sets_the_format(
    workspace: Workspace, export: Export, name: str, options: dict[str, Any]
) -> None:
    workspace.run(0)
    assert export("pro", name, **options)[0] == '"contact_id"'


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pl.Series([2**63 - 1, 1 - 2**63, None, 0]).cast(pl.Datetime("us")), ["infinity", "-infinity", None, "1970"]),
        (pl.Series([2**63 - 1, 1 - 2**63, 0]).cast(pl.Datetime("ms", "UTC")), ["infinity", "-infinity", "1970"]),
        (pl.Series([2**31 - 1, 1 - 2**31, 0], dtype=pl.Int32).cast(pl.Date), ["infinity", "-infinity", "1970"]),
        (pl.Series([2**63 - 1, 1 - 2**63]).cast(pl.Datetime("ns", "UTC")), ["2262", "1677"]),
        (pl.Series([3_000_000, -1_000_000], dtype=pl.Int32).cast(pl.Date), ["+10183", "-0768"]),
    ],
)
def test_extreme_dates_and_times_are_written(values: pl.Series, expected: list[str | None]) -> None:
    found = format_cells(values).to_list()
    assert len(found) == len(expected)
    assert all(cell == start or str(cell).startswith(f"{start}-") for cell, start in zip(found, expected, strict=True))
    in_lists = format_json(values.implode(), is_json=False).to_list()[0]
    assert all(start is None or start in in_lists for start in expected)
