"""What is printed for DuckDB selects whom a run selects, also where SQL tends to mean something else."""

import math
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from builders import rule, segment, write_contacts, write_segment
from segbatch import DefinitionError, UsageError, compile_segment
from segbatch.snapshot.open_snapshot import open_snapshot
from segbatch.sql.generate import write_sql

MOMENT = datetime(2025, 6, 1, 10, tzinfo=UTC)
STRUCT = pa.struct([("a.b", pa.int64()), ("quo\"te's", pa.string()), ("order", pa.string())])
OPERATORS = ("eq", "neq", "gt", "lt", "gte", "lte")
NUMBER_LIKE = [
    " 12 ",
    "12",
    "1_000",
    "inf",
    "-inf",
    "nan",
    "1e400",
    "\u00a012",
    "\t12\n\v",
    "0x1",
    "5.",
    ".5",
    "",
    None,
]


def rows(sql: str) -> list[Any]:
    with duckdb.connect() as connection:
        return connection.execute(sql).fetchall()


def members(tmp_path: Path, *rules: dict[str, Any], **more: Any) -> list[str]:
    """Return who is in by the SQL, having seen that Polars says the same."""
    path = tmp_path / "contacts.parquet"
    write_segment(tmp_path / "segments", "s", *rules)
    sql = write_sql("s", path, tmp_path / "segments", as_of=MOMENT, **more)
    found = [one for (one,) in rows(sql)]
    whole = segment(*rules)
    snapshot = open_snapshot(str(path)).with_fields({str(one.field) for _, one in whole.rule_paths()})
    frame = pl.concat([batch.frame for batch in snapshot.batches({*snapshot.schema, *snapshot.schema.derived}, 2)])
    condition = compile_segment(whole, snapshot.schema, as_of=MOMENT, **more)
    assert frame.filter(condition)["id"].to_list() == found, sql
    return found


def test_nan_is_found_in_spite_of_file_statistics(tmp_path: Path) -> None:
    ratios = [10.5, 0.0, math.nan, -math.inf]
    write_contacts(tmp_path / "contacts.parquet", {"ratio": ratios, "narrow": pa.array(ratios, pa.float32())})
    for field in ("ratio", "narrow"):
        assert members(tmp_path, rule(field, "exists")) == ["a", "b", "d"]
        assert members(tmp_path, rule(field, "empty")) == ["c"]
        assert members(tmp_path, rule(field, "gt", 5)) == ["a"]
        assert members(tmp_path, rule(field, "lt", 5)) == ["b", "d"]


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (pa.array(NUMBER_LIKE), (12, 0.5, 5, "12", 1000)),
        (
            pa.array([0.1, math.nan, math.inf, -math.inf, None, -0.0, 16777217.0], pa.float32()),
            (0.1, 0, 1e300, 16777217),
        ),
        (pa.array([0.1, math.nan, math.inf, -math.inf, None, -0.0]), (0.1, 0, 1e300, -1e-9)),
        (pa.array([2**53 + 1, 2**63 - 1, -(2**63), None]), (2**53, 2**53 + 1, 2**63, -(2**63) - 1, 0.5, 1e300, "1e1")),
        (pa.array([0, 2**64 - 1, 2**63, None], pa.uint64()), (-1, 2**64 - 1, 2**64, 2**63 + 0.5)),
        (
            pa.array([Decimal("0.10"), Decimal("99999999.99"), None, Decimal("-1.00")], pa.decimal128(10, 2)),
            (0.1, 0.105, 99999999.991, -1e9, 1e9, 10**40),
        ),
        (pa.array([Decimal(10) ** 37, None], pa.decimal128(38, 0)), (10**37, 10**38, 10**37 + 0.5)),
        (pa.array([date(1, 1, 1), date(9999, 12, 31), None]), ("2025-06-01", "0001-01-01", "9999-12-31")),
        (
            pa.array([-1, 0, 1, 1_748_736_000_000_000_001, None], pa.timestamp("ns")),
            ("1970-01-01", "1969-12-31", "1970-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "2025-06-01T00:00:00Z"),
        ),
        (
            pa.array([-1, 0, 1, -3_600_000_000_001, None], pa.timestamp("ns", "UTC")),
            ("1970-01-01", "1969-12-31", "1970-01-01T00:00:00Z", "9999-01-01T00:00:00Z", "1969-12-31T23:00:00Z"),
        ),
        (pa.array([0, 1, None], pa.timestamp("ms", "Europe/Berlin")), ("1970-01-01T00:00:00.0005Z", "1970-01-01")),
        (pa.array(["a", "\uffff", "😀", "", None, "a\\b'c"]), ("a", "\uffff", "a\\b'c", "😀", "\x00", "--\n'; x")),
        (pa.array(["a", "b", None]).dictionary_encode(), ("a", "b")),
    ],
)
@pytest.mark.slow
@pytest.mark.parametrize("timezone", ["UTC", "Europe/Berlin"])
def test_comparisons_are_exact(tmp_path: Path, cells: pa.Array, values: tuple[Any, ...], timezone: str) -> None:
    write_contacts(tmp_path / "contacts.parquet", {"x": cells})
    for value in values:
        for operator in OPERATORS:
            members(tmp_path, rule("x", operator, value), timezone=timezone)
    members(tmp_path, rule("x", "in", list(values)), timezone=timezone)
    members(tmp_path, rule("x", "in", [*values, *([values[0]] * 20)]), timezone=timezone)
    members(tmp_path, {"match": "none", "rules": [rule("x", "not_in", list(values)), rule("x", "exists")]})


@pytest.mark.parametrize("operator", OPERATORS)
def test_numbers_beyond_a_narrow_float_are_infinite(tmp_path: Path, operator: str) -> None:
    largest = 3.4028234663852886e38
    narrow = [1.0, largest, -largest, math.inf, -math.inf, math.nan, None]
    wide = [1.0, 1e40, -1e40, 3.402823565e38, 3.4028236e38, largest, 1e300, -1e300, None]
    pairs = [(one, other) for one in narrow for other in wide]
    columns = {"narrow": pa.array([one for one, _ in pairs], pa.float32()), "wide": [other for _, other in pairs]}
    write_contacts(tmp_path / "contacts.parquet", columns)
    for one, other in (("narrow", "wide"), ("wide", "narrow")):
        members(tmp_path, {"field": one, "operator": operator, "value_field": other})
    found = members(tmp_path, {"field": "narrow", "operator": "eq", "value_field": "wide"})
    assert len(found) == 8  # 1 and 1; the largest and two; infinity and three or two beyond it


@pytest.mark.parametrize("value", ["\u03c3", "ας", "i", "i\u0307", "istanbul", "ΑΣ", "ß", "k"])
def test_lower_case_follows_unicode(tmp_path: Path, value: str) -> None:
    texts = ["ΑΣ", "ΑΣ.", "ΑΣΑ", "Σ", "aΣʰ", "İ", "I", "İSTANBUL", "\u1e9e", "K", "ΣΣ ΣΑΣ ΑΣ", None]
    write_contacts(tmp_path / "contacts.parquet", {"x": texts, "y": [[text, None] for text in texts]})
    for operator in ("eq", "contains", "not_contains", "starts_with", "ends_with"):
        members(tmp_path, rule("x", operator, value, ignore_case=True))
    members(tmp_path, rule("y", "contains", value, ignore_case=True))
    members(tmp_path, rule("y", "not_in", [value, 7], ignore_case=True))


@pytest.mark.parametrize(
    "pattern",
    [
        r"\d",
        r"^\w+$",
        r"\s",
        r"[\w.]+",
        r"[^\d]",
        r"\D",
        r"\W",
        r"\S",
        "a.b",
        "^$",
        "b$",
        "(?i)É",
        "x{2,3}?",
        r"\p{Lu}",
    ],
)
def test_patterns_match_as_in_rust(tmp_path: Path, pattern: str) -> None:
    texts = ["\u0663", "e\u0301", "a\nb", "b\n", "\x1c", "\u00a0", "", "xx", "é", "Ⓐ", "\u200d", "_", None]
    write_contacts(tmp_path / "contacts.parquet", {"x": texts})
    members(tmp_path, rule("x", "matches", pattern))
    members(tmp_path, rule("x", "matches", pattern, ignore_case=True))


@pytest.mark.parametrize(
    ("pattern", "part"),
    [
        (r"pro\b", r"'\b'"),
        ("[a&&b]", "'&&'"),
        ("[[:alpha:]]", "'[:a'"),
        (r"a(?x)a b", "'(?x)'"),
        (r"[\W]", r"'\W'"),
        ("a*+", "'*+'"),
        (r"a\p{Greek}", r"'\p{Greek}'"),
    ],
)
def test_patterns_that_re2_reads_differently_are_rejected(tmp_path: Path, pattern: str, part: str) -> None:
    write_contacts(tmp_path / "contacts.parquet", {"x": ["a"]})
    with pytest.raises(DefinitionError, match=r"\$\.rules\[0\]: the regular expressions of DuckDB") as told:
        members(tmp_path, rule("x", "matches", pattern))
    assert part in str(told.value)


def test_names_with_dots_quotes_and_keywords_are_read(tmp_path: Path) -> None:
    rows = [{"a.b": 1, "quo\"te's": "x", "order": "y"}, None]
    columns = {"cf": pa.array(rows, STRUCT), "or.der": ["a", None], 'q"': ["a", "b"], "select": ["a", "b"]}
    write_contacts(tmp_path / "contacts.parquet", columns)
    for field in ("cf.a.b", "cf.quo\"te's", "cf.order", "or.der", "cf"):
        assert members(tmp_path, rule(field, "exists")) == ["a"]
    for field in ('q"', "select"):
        assert members(tmp_path, rule(field, "eq", "b")) == ["b"]


def test_names_that_differ_only_by_case_are_rejected(tmp_path: Path) -> None:
    write_contacts(tmp_path / "contacts.parquet", {"status": ["a"], "Status": ["b"]})
    with pytest.raises(DefinitionError, match=r"\$\.rules\[0\]: SQL ignores case in names"):
        members(tmp_path, rule("status", "eq", "a"))


def test_statistics_without_nan_do_not_mislead(tmp_path: Path) -> None:
    cells = [1.0, math.nan, 2.0, math.nan]
    write_contacts(tmp_path / "contacts.parquet", {"x": cells, "y": [[cell] for cell in cells]}, row_group_size=1)
    assert members(tmp_path, rule("x", "gt", 1.5)) == ["c"]
    assert members(tmp_path, {"match": "none", "rules": [rule("x", "lte", 2)]}) == ["b", "d"]
    assert members(tmp_path, rule("y", "neq", 1)) == ["b", "c", "d"]


def test_a_folder_is_read_as_in_a_run(tmp_path: Path) -> None:
    folder = tmp_path / "status=x" / "a[1]*"
    write_contacts(folder / "one.parquet", {"id": ["1"], "status": ["a"], "n": pa.nulls(1)})
    write_contacts(folder / "two.parquet", pa.table({"n": [7], "status": ["a"], "id": ["2"]}))
    write_segment(tmp_path / "segments", "s", rule("status", "eq", "a"), rule("n", "neq", 8))
    sql = write_sql("s", folder, tmp_path / "segments")
    assert sorted(rows(sql)) == [("1",), ("2",)]


def test_json_and_maps_are_read_as_the_snapshot_shows_them(tmp_path: Path) -> None:
    texts = ['{"n": 1, "l": ["A", null], "o": {"p/q~": true}, "0": "z"}', '["z"]', "{", None, '{"n": 2.5, "l": []}']
    pairs = pa.array([[("k", "7")], [], None, [("k", None)], [("j", "x")]], pa.map_(pa.string(), pa.string()))
    write_contacts(tmp_path / "contacts.parquet", {"custom_fields": texts, "m": pairs})
    assert members(tmp_path, rule("custom_fields", "exists")) == ["a", "e"]
    assert members(tmp_path, rule("custom_fields.n", "gt", 0.5)) == ["a", "e"]
    assert members(tmp_path, rule("custom_fields.l", "contains", "a", ignore_case=True)) == ["a"]
    assert members(tmp_path, rule("custom_fields.l", "exists")) == ["a", "e"]
    assert members(tmp_path, rule("custom_fields.o.p/q~", "eq", "true")) == ["a"]
    assert members(tmp_path, rule("custom_fields.0", "exists")) == ["a"]
    assert members(tmp_path, rule("m.k", "eq", 7)) == ["a"]
    assert members(tmp_path, rule("m", "empty")) == ["c"]


def test_projects_and_other_segments_are_written_out(tmp_path: Path) -> None:
    path, folder = tmp_path / "contacts.parquet", tmp_path / "segments"
    write_contacts(path, {"project_id": ["p1", "p2", None], "x": [1, None, 3]})
    write_segment(folder, "inner", rule("x", "gt", 1), project_id="p1")
    write_segment(folder, "outer", {"operator": "not_in_segment", "value": "inner"}, match="none")
    write_segment(folder, "twice", {"operator": "in_segment", "value": "outer"}, rule("x", "empty"), match="any")
    assert rows(write_sql("outer", path, folder)) == []
    assert rows(write_sql("twice", path, folder)) == [("b",)]
    assert rows(write_sql("twice", path, folder, project="p1")) == []
    assert "-- segment 'inner'" in write_sql("twice", path, folder)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"definition": "t"}, "there is no segment 't'"),
        ({"dialect": "postgre"}, "'postgre' is not a dialect; did you mean 'postgres'"),
        ({"dialect": "spark"}, "spark reads a table; name it with --table"),
        ({"table": "a; DROP TABLE b"}, "is not a valid table name"),
        ({"table": "(SELECT 1)"}, "is not a valid table name"),
    ],
)
def test_wrong_usage_is_reported(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    write_contacts(tmp_path / "contacts.parquet", {"x": [1]})
    write_segment(tmp_path / "segments", "s", rule("x", "eq", 1))
    asked: dict[str, Any] = {"definition": "s", "contacts": tmp_path / "contacts.parquet"}
    with pytest.raises(UsageError, match=message):
        write_sql(**asked | {"segments": tmp_path / "segments"} | options)


def test_without_sqlglot_the_message_names_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segbatch.sql.generate.find_spec", lambda _name: None)
    with pytest.raises(UsageError, match=r"pip install 'segbatch\[sql\]'"):
        write_sql("s", tmp_path)


def test_a_name_cannot_end_its_comment(tmp_path: Path) -> None:
    path = write_contacts(tmp_path / "contacts.parquet", {"x": [1]})
    write_segment(tmp_path / "segments", "s", rule("x", "eq", 2), name="a\nb\r\u2028; DROP")
    assert rows(write_sql("s", path, tmp_path / "segments")) == []
    assert pq.read_table(path).num_rows == 1


@pytest.mark.parametrize("pattern", ["(?:a{32}){32}", "(a{2,}){600}"])
def test_patterns_that_are_too_large_for_re2_are_rejected(tmp_path: Path, pattern: str) -> None:
    write_contacts(tmp_path / "contacts.parquet", {"x": ["a"]})
    advice = "write the pattern with smaller or fewer repetitions"
    with pytest.raises(DefinitionError, match=rf"DuckDB have a limit: .*; {advice}$"):
        members(tmp_path, rule("x", "matches", pattern))


def test_patterns_at_the_limit_of_re2_are_run(tmp_path: Path) -> None:
    write_contacts(tmp_path / "contacts.parquet", {"x": ["a" * 992, "a"]})
    assert members(tmp_path, rule("x", "matches", "^(?:a{31}){32}$")) == ["a"]


@pytest.mark.parametrize("letter", ["\u0390", "\u1fd3", "\u03b0", "\u1fe3", "\ufb05", "\ufb06"])
def test_letters_that_re2_folds_differently_are_rejected_with_ignore_case(tmp_path: Path, letter: str) -> None:
    write_contacts(tmp_path / "contacts.parquet", {"x": ["a", letter]})
    assert members(tmp_path, rule("x", "matches", letter)) == ["b"]
    for pattern, ignore_case in ((letter, True), (f"(?i){letter}", False)):
        with pytest.raises(DefinitionError, match="do not fold the case of"):
            members(tmp_path, rule("x", "matches", pattern, ignore_case=ignore_case))


@pytest.mark.parametrize("pattern", ["İ", "\u0131", "\u017f", "\u212a", "ß", "[^k]", "^.{8}$", r"^\w$", "s+"])
def test_a_pattern_that_ignores_case_folds_letters_as_a_run_does(tmp_path: Path, pattern: str) -> None:
    texts = ["İstanbul", "\u0131stanbul", "\u017f", "S", "k", "K", "\u212a", "ß", "\u1e9e", "ss", "i", "I", "i\u0307"]
    write_contacts(tmp_path / "contacts.parquet", {"x": texts})
    members(tmp_path, rule("x", "matches", pattern, ignore_case=True))
