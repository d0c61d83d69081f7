"""Columns in the paths of files, tables of other formats, and paths that do not exist."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from .conftest import GOOD, write
from .making import contacts, parquet, rule, segment

if TYPE_CHECKING:
    from .conftest import Program

ACTIVE = {"segments/some.json": segment(rule(field="custom_fields.plan.tier", operator="eq", value="x"))}


def test_an_id_that_is_only_in_the_path_is_refused(program: Program) -> None:
    write({**GOOD, "in/id=7/a.parquet": parquet({"status": ["active"]})})
    reason = "has no id column 'id': a partition would be the id of all its contacts"
    message = f"in/id=7/a.parquet: {reason}; name a column of the file (--id-column NAME)"
    program.refuses(1, [message], "run", "--contacts", "in")


def test_a_column_that_differs_from_the_path_warns(program: Program) -> None:
    write({"segments/good.json": segment(rule(field="country", operator="eq", value="DE"))})
    write({"in/country=AT/a.parquet": contacts(country=["DE", "AT"])})
    outcome = program("run", "--contacts", "in")
    have = "1 contact has another value in the column 'country' than in the path of the file"
    assert outcome.err == f"warning: {have}, first in in/country=AT/a.parquet; the value in the column is used\n"
    assert outcome.status == 0


def test_a_hudi_table_is_refused_with_a_statement_that_copies_it(program: Program) -> None:
    write({**GOOD, "it's/.hoodie/hoodie.properties": "", "it's/a.parquet": contacts()})
    reason = "is a Hudi table, whose folder also has files with rows that were deleted or replaced"
    advice = "write a plain Parquet copy and pass that, for example with Spark: spark.read.format('hudi')"
    load = f".load(\"{Path.cwd()}/it's\").write.parquet('contacts')"
    program.refuses(1, [f"it's: {reason}; {advice}{load}"], "run", "--contacts", "it's")


def test_custom_fields_under_two_names_are_refused(program: Program) -> None:
    write({**GOOD, "contacts.parquet": contacts(custom_fields=[None, None], properties=["{}", "{}"])})
    both = "the snapshot has a column 'custom_fields' and a column 'properties'"
    message = f"{both}; rules can use both names, so omit the option (--custom-fields NAME)"
    program.refuses(1, [message], "run", "--contacts", "contacts.parquet", "--custom-fields", "properties")


@pytest.mark.parametrize(
    ("cells", "warning"),
    [
        (
            ['{"plan": {"name": "a"}}', None],
            "'custom_fields' has 'plan', but no contact has 'tier' in it, so it is missing for every contact",
        ),
        (
            ['{"plan": "pro"}', None],
            "'custom_fields' has 'plan', but no contact has 'tier' in it, so it is missing for every contact",
        ),
    ],
    ids=["an object", "a text"],
)
def test_a_path_below_a_value_that_is_not_an_object_warns(program: Program, cells: Any, warning: str) -> None:
    write({**ACTIVE, "contacts.parquet": contacts(custom_fields=cells)})
    outcome = program("run", "--contacts", "contacts.parquet")
    assert outcome.err == f"warning: segments/some.json: $.rules[0].field: {warning}\n"
    assert outcome.status == 0
