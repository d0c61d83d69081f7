"""The SQL of the sample segments in every dialect, letter for letter, as it is kept in `expected`.

Where a change is meant, RENEW=1 in the environment writes those files anew; read what `git diff` shows.
"""

import os
from pathlib import Path

import pytest
from sqlglot import exp, parse

from segbatch import DefinitionError
from segbatch.sql.generate import write_sql
from segbatch.sql.names import DIALECTS

SAMPLE = Path(__file__).parents[2] / "sample_data"
EXPECTED = Path(__file__).parent / "expected"
NAMES = sorted(path.stem for path in (SAMPLE / "segments").glob("*.json"))


def written(name: str, dialect: str) -> str:
    """Write a segment, or why it is refused, as comments."""
    contacts, segments = SAMPLE / "contacts.parquet", SAMPLE / "segments"
    try:
        return write_sql(name, contacts, segments, dialect=dialect, table="crm.contacts", as_of="2025-06-15") + ";\n"
    except DefinitionError as error:
        return "".join(f"-- {name}: {problem.path}: {problem.message}\n" for problem in error.problems)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_sql_of_the_samples_is_as_expected(dialect: str) -> None:
    place, text = EXPECTED / f"{dialect}.sql", "\n".join(written(name, dialect) for name in NAMES)
    if os.environ.get("RENEW"):
        place.write_text(text, encoding="utf-8")
    assert text == place.read_text(encoding="utf-8")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_sql_of_the_samples_is_read_in_its_dialect(dialect: str) -> None:
    text = (EXPECTED / f"{dialect}.sql").read_text(encoding="utf-8")
    queries = [query for query in parse(text, dialect=dialect) if query is not None]
    assert [type(query) for query in queries if not isinstance(query, exp.Semicolon)] == [exp.Select] * text.count(
        ";\n"
    )
    assert text.count(";\n") >= len(NAMES) - 1
