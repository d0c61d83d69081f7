"""What each dialect says, letter for letter, and what it refuses with the rule's place and the reason."""

import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from builders import rule, write_contacts, write_segment
from segbatch import DefinitionError
from segbatch.sql.generate import write_sql
from segbatch.sql.names import DIALECTS

SAMPLE = Path(__file__).parents[2] / "sample_data"
OTHERS = tuple(name for name in DIALECTS if name != "duckdb")

X = "CASE WHEN NOT ISNAN(x) THEN x END"
ISNAN = f"  AND ({X} >= CAST('0.1' AS DOUBLE) OR {X} IS NULL)"

EXPECTED = {
    "duckdb": (
        "WHERE status IS DISTINCT FROM 'it''s'",
        "  AND CONTAINS(status, 'a')",
        ISNAN.replace("NOT ISNAN(x)", "ISFINITE(x) OR ISINF(x)"),
        "  AND NOT (",
        "    COALESCE(n IN (1, 2), FALSE)",
        "    OR born IS NULL",
        "  )",
    ),
    "postgres": (
        "WHERE status IS DISTINCT FROM 'it''s'",
        "  AND POSITION('a' IN status) > 0",
        (
            "  AND (CASE WHEN NOT x = CAST('NaN' AS DOUBLE PRECISION) THEN x END >= CAST('0.1' AS DOUBLE PRECISION)"
            " OR CASE WHEN NOT x = CAST('NaN' AS DOUBLE PRECISION) THEN x END IS NULL)"
        ),
        "  AND NOT (",
        "    COALESCE(n IN (1, 2), FALSE)",
        "    OR born IS NULL",
        "  )",
    ),
    "snowflake": (
        "WHERE status IS DISTINCT FROM 'it\\'s'",
        "  AND CHARINDEX('a', status) > 0",
        (
            "  AND (CASE WHEN NOT x = CAST('NaN' AS DOUBLE) THEN x END >= CAST('0.1' AS DOUBLE)"
            " OR CASE WHEN NOT x = CAST('NaN' AS DOUBLE) THEN x END IS NULL)"
        ),
    ),
    "bigquery": (
        "WHERE status IS DISTINCT FROM 'it\\'s'",
        "  AND INSTR(status, 'a') > 0",
        ISNAN.replace("ISNAN", "IS_NAN").replace("DOUBLE", "FLOAT64"),
    ),
    "clickhouse": (
        "WHERE NOT COALESCE(status = 'it''s', FALSE)",
        "  AND POSITION(status, 'a') > 0",
    ),
    "spark": (
        "WHERE status IS DISTINCT FROM 'it\\'s'",
        "  AND LOCATE('a', status) > 0",
        ISNAN,
    ),
}


def contacts(tmp_path: Path) -> Path:
    moment = datetime(2025, 6, 1, tzinfo=UTC)
    columns: dict[str, Any] = {
        "status": ["a"],
        "x": [0.5],
        "r": pa.array([0.5], pa.float32()),
        "n": [1],
        "born": [date(2025, 6, 1)],
        "at": [moment],
        "plain_at": [moment.replace(tzinfo=None)],
        "tags": [["a"]],
        "cf": [{"plan": "pro", "day": date(2025, 6, 1), "at": moment, "tags": ["a"], "counts": [1], "a\\b": "x"}],
        "custom_fields": ['{"plan": "pro", "mixed": 1}', '{"mixed": "a"}'],
        "map": pa.array([[("plan", "pro")]], pa.map_(pa.string(), pa.string())),
    }
    return write_contacts(
        tmp_path / "contacts.parquet",
        {name: pa.array(cells).take([0, 0]) if name != "custom_fields" else cells for name, cells in columns.items()},
    )


def written(tmp_path: Path, dialect: str, *rules: dict[str, Any]) -> list[str]:
    write_segment(tmp_path / "segments", "s", *rules)
    folder, path = tmp_path / "segments", contacts(tmp_path)
    return write_sql("s", path, folder, dialect=dialect, table="crm.contacts", as_of="2025-06-15").splitlines()


@pytest.mark.parametrize("dialect", DIALECTS)
def test_rules_in_each_dialect(tmp_path: Path, dialect: str) -> None:
    lines = written(
        tmp_path,
        dialect,
        rule("status", "neq", "it's"),
        rule("status", "contains", "a"),
        rule("x", "gte", 0.1, missing="include"),
        {"match": "none", "rules": [rule("n", "in", [1, 2]), rule("born", "empty")]},
    )
    assert lines[:3] == ["-- S (s), as of 2025-06-15T00:00:00+00:00", "SELECT id", "FROM crm.contacts"]
    expected = EXPECTED[dialect]
    assert tuple(lines[3 : 3 + len(expected)]) == expected


MD5 = {
    "bigquery": "TO_HEX(MD5({}))",
    "clickhouse": "LOWER(HEX(MD5({})))",
}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_sample_in_each_dialect(tmp_path: Path, dialect: str) -> None:
    value = {"seed": "spring", "from": 0.25, "to": 0.5}
    all_of, none_of = ({"operator": "sample", "value": value | ends} for ends in ({}, {"from": 0}))
    lines = written(tmp_path, dialect, all_of, {"match": "none", "rules": [none_of]})
    digits = MD5.get(dialect, "MD5({})").format("'spring:' || id")
    part = f"SUBSTRING({digits} FROM 1 FOR 16)" if dialect == "postgres" else f"SUBSTRING({digits}, 1, 16)"
    assert lines[3:] == [
        f"WHERE {part} >= '4000000000000000' AND {part} < '8000000000000000'",
        "  AND NOT (",
        f"    COALESCE({part} < '8000000000000000', FALSE)",
        "  )",
    ]


@pytest.mark.parametrize(
    ("ends", "line"),
    [((0.5, 0.5), "WHERE FALSE"), ((0, 1), "WHERE NOT id IS NULL"), ((0.5, 1), "WHERE SUBSTRING(")],
)
def test_a_sample_without_bounds(tmp_path: Path, ends: tuple[float, float], line: str) -> None:
    rule_ = {"operator": "sample", "value": {"seed": "s", "from": ends[0], "to": ends[1]}}
    assert written(tmp_path, "duckdb", rule_)[3].startswith(line)


@pytest.mark.parametrize("dialect", OTHERS)
def test_ids_in_bytes_are_sampled_in_duckdb_only(tmp_path: Path, dialect: str) -> None:
    write_segment(tmp_path, "s", {"operator": "sample", "value": {"seed": "s", "from": 0, "to": 0.5}})
    path = write_contacts(tmp_path / "contacts.parquet", {"id": [b"\xff"]})
    with pytest.raises(DefinitionError, match=r"\$\.rules\[0\]: the text of an id that is stored as bytes may mean"):
        write_sql("s", path, tmp_path, dialect=dialect, table="contacts")


@pytest.mark.parametrize("dialect", OTHERS)
@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (rule("status", "matches", "a"), "a regular expression may mean something else in"),
        (rule("status", "eq", "A", ignore_case=True), "'ignore_case' may mean something else in"),
        (rule("status", "eq", 5), "comparing a text with a number may mean something else in"),
        (rule("status", "contains", ""), "an empty text in another may mean something else in"),
        (rule("status", "eq", "a\\b"), "a backslash or a control character may mean something else in"),
        (rule("tags", "in", ["a", 1]), "may mean something else in|this test of a list is not supported for"),
    ],
)
def test_rules_that_only_duckdb_supports(tmp_path: Path, dialect: str, one: dict[str, Any], reason: str) -> None:
    with pytest.raises(
        DefinitionError, match=rf"\$\.rules\[1\]: .*({reason}) {dialect}; use --dialect duckdb, or change"
    ):
        written(tmp_path, dialect, rule("n", "eq", 1), one)


@pytest.mark.parametrize(
    ("one", "saying"),
    [
        (rule("cf.plan", "eq", "pro"), set(OTHERS)),
        (rule("cf.a\\b", "eq", "x"), {"postgres", "spark"}),
        (rule("cf.day", "gt", "2025-06-01"), {"postgres", "bigquery", "clickhouse", "spark"}),
        (rule("cf.at", "gt", "2025-06-01"), {"bigquery", "clickhouse", "spark"}),
        (rule("cf.tags", "contains", "a"), set(OTHERS)),
        (rule("cf.counts", "contains", 1), {"bigquery"}),
        (rule("cf", "exists"), set(OTHERS) - {"clickhouse"}),
        (rule("custom_fields.plan", "eq", "pro"), {"postgres", "snowflake"}),
        (rule("custom_fields.mixed", "eq", "pro"), set()),
        (rule("map.plan", "eq", "pro"), {"postgres", "snowflake", "spark"}),
        (rule("tags", "contains", "a"), set(OTHERS)),
        (rule("tags", "not_in", ["a", "b"]), set(OTHERS)),
        (rule("tags", "exists"), {"postgres", "snowflake", "spark"}),
        (rule("tags", "blank"), set(OTHERS)),
        (rule("tags", "not_blank"), set(OTHERS)),
        (rule("status", "blank"), set(OTHERS) - {"clickhouse"}),
        (rule("status", "not_blank"), set(OTHERS) - {"clickhouse"}),
        (rule("cf.tags", "blank"), set(OTHERS)),
        (rule("custom_fields.plan", "not_blank"), {"postgres", "snowflake"}),
        (rule("n", "blank"), set(OTHERS)),
        (rule("cf", "blank"), set(OTHERS) - {"clickhouse"}),
        (rule("at", "gt", "2025-06-01T00:00:00Z"), set(OTHERS)),
        (rule("at", "gt", "1800-06-01T00:00:00Z"), set(OTHERS) - {"clickhouse"}),
        (rule("plain_at", "within_last", "30d"), {"postgres", "snowflake", "bigquery"}),
        (rule("at", "eq", "2025-06-01"), set(OTHERS)),
        (rule("at", "eq", "9999-12-31"), {"postgres"}),
        (rule("r", "eq", 0.1), {"postgres", "clickhouse", "spark"}),
        (rule("born", "within_last", "2w"), set(OTHERS)),
        ({"field": "n", "operator": "gt", "value_field": "n"}, set(OTHERS)),
        ({"field": "status", "operator": "neq", "value_field": "status"}, set(OTHERS)),
        ({"field": "status", "operator": "lt", "value_field": "status", "missing": "include"}, set(OTHERS)),
        ({"field": "n", "operator": "gt", "value_field": "x"}, set()),
        ({**rule("n", "eq", "5"), "as": "text"}, set(OTHERS)),
        ({**rule("n", "eq", value=True), "as": "boolean"}, set(OTHERS)),
        ({**rule("x", "eq", "5"), "as": "text"}, set()),
        ({**rule("born", "older_than", "30d"), "as": "datetime"}, set()),
        ({"field": "born", "operator": "eq", "value_field": "at"}, set()),
        ({"field": "at", "operator": "eq", "value_field": "plain_at"}, set()),
        ({"field": "at", "operator": "eq", "value_field": "at"}, set(OTHERS)),
        (rule("born", "older_than", "2y"), set(OTHERS)),
        (rule("born", "eq", "today-1mo"), set(OTHERS)),
        (rule("born", "anniversary_within_next", "2w"), set(OTHERS)),
        (rule("at", "anniversary_within_next", "2w"), {"postgres"}),
        (rule("status", "ends_with", "a"), set(OTHERS)),
    ],
)
def test_rules_that_some_dialects_support(tmp_path: Path, one: dict[str, Any], saying: set[str]) -> None:
    for dialect in OTHERS:
        if dialect in saying:
            assert written(tmp_path, dialect, one)
        else:
            with pytest.raises(DefinitionError, match=r"\$\.rules\[0\]: "):
                written(tmp_path, dialect, one)


@pytest.mark.parametrize("dialect", OTHERS)
def test_numbers_are_read_as_text_and_as_booleans(tmp_path: Path, dialect: str) -> None:
    as_text, as_boolean = ({**rule("n", "eq", value), "as": name} for value, name in (("5", "text"), (True, "boolean")))
    lines = written(tmp_path, dialect, as_text, as_boolean)
    assert re.fullmatch(r"WHERE CAST\(n AS (TEXT|STRING|VARCHAR|Nullable\(String\))\) = '5'", lines[3])
    assert re.fullmatch(r"  AND CASE WHEN n = 1 THEN TRUE WHEN n = 0 THEN FALSE END( = TRUE)?", lines[4])


def test_what_cannot_be_read_alike_is_refused_with_its_types(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="reading date as text is not supported for postgres"):
        written(tmp_path, "postgres", {**rule("born", "starts_with", "2025"), "as": "text"})


SPACES = "\\0009\\000A\\000B\\000C\\000D\\0020\\0085\\00A0\\1680" + "".join(
    f"\\{code:04X}" for code in (*range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000)
)
ESCAPED = SPACES.replace("\\", "\\u")

BLANK = {
    "duckdb": (
        (
            "COALESCE(REGEXP_MATCHES(status, '[^\\t-\\r\\x{20}\\x{85}\\x{A0}\\x{1680}\\x{2000}-\\x{200A}"
            "\\x{2028}\\x{2029}\\x{202F}\\x{205F}\\x{3000}]'), FALSE)"
        ),
        "LEN(tags) > 0",
    ),
    "postgres": (f"COALESCE(TRIM(U&'{SPACES}' FROM status) <> '', FALSE)", "CARDINALITY(tags) > 0"),
    "snowflake": (f"COALESCE(TRIM(status, '{ESCAPED}') <> '', FALSE)", "ARRAY_SIZE(tags) > 0"),
    "bigquery": (f"COALESCE(TRIM(status, '{ESCAPED}') <> '', FALSE)", "ARRAY_LENGTH(tags) > 0"),
    "spark": (f"COALESCE(TRIM('{ESCAPED}' FROM status) <> '', FALSE)", "SIZE(tags) > 0"),
}


@pytest.mark.parametrize("dialect", BLANK)
def test_blank_lists_the_white_space_characters(tmp_path: Path, dialect: str) -> None:
    said, length = BLANK[dialect]
    lines = written(tmp_path, dialect, rule("status", "blank"), rule("tags", "not_blank"))
    assert lines[3:] == [f"WHERE NOT {said}", f"  AND {length}"]


def test_the_length_of_a_list_in_a_postgres_document_is_its_json_length(tmp_path: Path) -> None:
    [*_, last] = written(tmp_path, "postgres", rule("cf.tags", "blank"))
    assert "JSONB_ARRAY_LENGTH(CASE WHEN JSONB_TYPEOF(cf -> 'tags') = 'array' THEN cf -> 'tags' END) > 0" in last


def day_of(tmp_path: Path, operator: str, timezone: str, day: str = "2025-06-01") -> str:
    write_segment(tmp_path / "segments", "s", rule("at", operator, day))
    path, folder = contacts(tmp_path), tmp_path / "segments"
    return write_sql("s", path, folder, dialect="spark", table="t", timezone=timezone).split("WHERE ")[1]


def test_a_day_is_compared_by_its_first_and_last_instant(tmp_path: Path) -> None:
    first, after = ("CAST('2025-05-31 22:00:00+00:00' AS TIMESTAMP)", "CAST('2025-06-01 22:00:00+00:00' AS TIMESTAMP)")
    zone = "Europe/Berlin"
    assert day_of(tmp_path, "eq", zone) == f"at >= {first} AND at < {after}"
    assert day_of(tmp_path, "gt", zone) == f"at >= {after}"
    assert day_of(tmp_path, "gte", zone) == f"at >= {first}"
    assert day_of(tmp_path, "lt", zone) == f"at < {first}"
    assert day_of(tmp_path, "lte", zone) == f"at < {after}"


@pytest.mark.parametrize(("timezone", "day"), [("America/Havana", "2025-11-02"), ("Pacific/Apia", "2011-12-30")])
def test_a_clock_change_near_midnight_is_rejected(tmp_path: Path, timezone: str, day: str) -> None:
    with pytest.raises(DefinitionError, match=f"on {day} the clocks of {timezone} are changed near midnight"):
        day_of(tmp_path, "gte", timezone, day)


def test_an_unsupported_rule_of_a_referenced_segment_is_reported_with_its_path(tmp_path: Path) -> None:
    write_segment(tmp_path / "segments", "inner", rule("status", "matches", "a"))
    with pytest.raises(DefinitionError, match=r"\$\.rules\[0\]: in segment 'inner', \$\.rules\[0\]: a regular"):
        written(tmp_path, "spark", {"operator": "in_segment", "value": "inner"})


@pytest.mark.parametrize("name", ["pro-plan-users", "german-speaking-region", "never-contacted-leads"])
def test_samples_are_restricted_to_their_project(name: str) -> None:
    sql = write_sql(name, SAMPLE / "contacts.parquet", SAMPLE / "segments", as_of="2025-06-15")
    assert sql.splitlines()[1] == "SELECT id"
    assert "project_id = 'proj-1'" in sql
