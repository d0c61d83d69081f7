"""Random definitions over contacts in many files: some columns are in the paths, and nothing else is different."""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from oracle.fields import Form
from oracle.strategies import ALL, Case, cases
from segbatch.compiler.prepare import EvaluationOptions, PreparedEvaluation, prepare
from segbatch.definitions.definition import Definition, Definitions
from segbatch.engine.local import LocalEngine
from segbatch.snapshot.id_checks import ids_as_series
from ways import by_oracle, by_sql, difference, lists_folder, valid

KEYS = ("project_id", "status", "score", "born_on")
NULL = "__HIVE_DEFAULT_PARTITION__"


def without_types(case: Case, keys: list[str]) -> Case:
    """Let keys without any value be texts: no path shows another type."""
    table = case.table
    for key in keys:
        if table[key].null_count == table.num_rows:
            table = table.set_column(table.schema.get_field_index(key), key, pa.nulls(table.num_rows, pa.string()))
    return replace(case, table=table)


def write(table: pa.Table, keys: list[str], parts: int, folder: Path) -> None:
    """Write each contact below the folders of its values, into one of some files there."""
    groups: dict[Path, list[int]] = {}
    for number, row in enumerate(table.select(keys).to_pylist()):
        values = [NULL if row[key] is None else quote(str(row[key]), safe=" ") for key in keys]
        place = folder.joinpath(*(f"{key}={value}" for key, value in zip(keys, values, strict=True)))
        groups.setdefault(place / f"{number % parts}.parquet", []).append(number)
    for path, rows in groups.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table.drop_columns(keys).take(rows), path)


def members(ready: PreparedEvaluation, case: Case) -> dict[str, list[bool] | None]:
    """Return the contacts of each segment, in the order of the table."""
    found: dict[str, set[Any]] = {planned.definition.segment_id: set() for planned in ready.plan.segments}
    for batch in LocalEngine().evaluate(ready.plan, ready.snapshot):
        ids = ids_as_series(batch.ids)
        for segment_id, own in found.items():
            own.update(ids.filter(batch.frame.get_column(segment_id)))
    ids = case.table["id"].to_pylist()
    return {name: [one in found[name] for one in ids] if name in found else None for name in case.segments}


@pytest.mark.parametrize("form", ["struct", "json"])
@given(data=st.data())
def test_columns_in_paths_are_columns(form: Form, data: st.DataObject) -> None:
    case = data.draw(cases(ALL, form).filter(lambda case: case.table.num_rows > 0))
    keys = data.draw(st.lists(st.sampled_from(KEYS), min_size=1, max_size=3, unique=True))
    case = without_types(case, keys)
    definitions = Definitions(tuple(map(Definition, valid(case.segments.values()))), (), lists_folder())
    moment, zone = case.options.get("as_of"), case.options["timezone"]
    with TemporaryDirectory() as folder:
        write(case.table, keys, data.draw(st.integers(1, 3)), Path(folder) / "in")
        contacts = folder + data.draw(st.sampled_from(["/in", "/in/**/*.parquet"]))
        ready = prepare(EvaluationOptions(contacts, as_of=moment, timezone=zone), definitions)
        found = members(ready, case)
        for definition in definitions.good:
            written = case.segments[definition.segment_id]
            expected = by_oracle(written, case)
            event("refused" if expected is None else "evaluated")
            if found[definition.segment_id] != expected:
                pytest.fail(f"{keys}: {difference(written, case, expected, found[definition.segment_id])}")
            selected = by_sql(definition.segment_id, ready, case)
            if not isinstance(selected, str) and selected != expected:
                pytest.fail(f"{keys}, SQL: {difference(written, case, expected, selected)}")
