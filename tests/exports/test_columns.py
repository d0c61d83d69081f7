"""Columns of the snapshot beside the ids: which, of which snapshot, and for contacts that are not in it."""

import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import segbatch
from builders import rule, write_contacts, write_segment
from segbatch import SnapshotError, UsageError
from workspace import Workspace

from .conftest import Export, as_rows, everybody

PLAN = '{"plan": "pro", "seats": 3, "address": {"city": "Kyiv",\n "zip": null}, "note": 1}'
AS_STRUCT = [{"plan": "pro", "seats": 3, "address": {"city": "Kyiv", "zip": None}, "note": 1}, None]
FORMS = {
    "struct": pa.array(AS_STRUCT),
    "json": pa.array([PLAN, None]),
    "map": pa.array([[("plan", "pro"), ("seats", "3"), ("note", "1")], None], pa.map_(pa.string(), pa.string())),
}


@pytest.mark.parametrize("form", FORMS)
def test_custom_fields_in_all_three_forms(tmp_path: Path, form: str) -> None:
    everybody(tmp_path, {"custom_fields": FORMS[form]})
    names = "custom_fields.plan,custom_fields.seats,custom_fields"
    rows = as_rows(tmp_path, names)
    seats: Any = "3" if form == "map" else 3
    whole: Any = {"plan": "pro", "seats": "3", "note": "1"} if form == "map" else AS_STRUCT[0]
    assert rows == [
        {"contact_id": "a", "custom_fields.plan": "pro", "custom_fields.seats": seats, "custom_fields": whole},
        {"contact_id": "b", "custom_fields.plan": None, "custom_fields.seats": None, "custom_fields": None},
    ]


def test_an_object_inside_json_text_is_exported_as_an_object(tmp_path: Path) -> None:
    everybody(tmp_path, {"custom_fields": FORMS["json"]})
    assert as_rows(tmp_path, "custom_fields.address")[0]["custom_fields.address"] == {"city": "Kyiv", "zip": None}


def test_invalid_json_is_exported_as_text_with_a_warning(tmp_path: Path) -> None:
    everybody(tmp_path, {"custom_fields": ['{"plan": "pro"}', "{plan", '{"a": NaN}', "[1]"]})
    rows = as_rows(tmp_path, "custom_fields")
    assert [row["custom_fields"] for row in rows] == [{"plan": "pro"}, "{plan", '{"a": NaN}', [1]]
    report = segbatch.export("everyone", tmp_path / "x.csv", tmp_path / "output", columns=["custom_fields.plan"])
    assert "'custom_fields' of 3 contacts is not a JSON object and counts as missing" in str(report.warnings[0])


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (["emial"], r"the snapshot has no column 'emial'; did you mean 'email'\? \(--columns\)"),
        (["email,"], r"the name of a column is empty; write them as in email,country \(--columns\)"),
        ([""], "the name of a column is empty"),
        (["email, email"], r"the column 'email' is listed twice \(--columns\)"),
        (["email", "email"], "listed twice"),
        (["contact_id"], "the export already has a column 'contact_id'"),
        (["custom_fields."], r"'custom_fields\.' ends in a dot; name a key in it, or custom_fields for all of it"),
        (["email."], r"'email\.' ends in a dot; .* or email for all of it \(--columns\)"),
        (['"email'], """ cannot be split into names; put a whole name with a comma into double quotes"""),
        (['"em"ail'], "cannot be split into names"),
        (["em\nail"], r"'em\\nail' cannot be split into names"),
    ],
)
@pytest.mark.parametrize("custom_fields", [[{"plan": "pro"}], ['{"plan": "pro"}']], ids=["struct", "json"])
def test_invalid_column_names_are_refused(
    tmp_path: Path, columns: list[str], message: str, custom_fields: list[Any]
) -> None:
    everybody(tmp_path, {"email": ["x"], "contact_id": [1], "custom_fields": custom_fields})
    with pytest.raises(UsageError, match=message):
        segbatch.export("everyone", tmp_path / "x.csv", tmp_path / "output", columns=columns)
    assert not (tmp_path / "x.csv").exists()


def test_a_type_that_cannot_be_exported_is_refused(tmp_path: Path) -> None:
    everybody(tmp_path, {"odd": pa.array([1], pa.decimal256(60, 2))})
    with pytest.raises(UsageError, match="the column 'odd' has a type that cannot be exported"):
        segbatch.export("everyone", tmp_path / "x.csv", tmp_path / "output", columns=["odd"])


def test_a_name_with_a_comma_is_quoted(tmp_path: Path) -> None:
    everybody(tmp_path, {"a,b": [1], "c": [2]})
    assert as_rows(tmp_path, '"a,b", c') == [{"contact_id": "a", "a,b": 1, "c": 2}]


def test_a_name_may_end_in_a_dot(tmp_path: Path) -> None:
    everybody(tmp_path, {"email.": [1], "custom_fields": [{"a": 2, "a.": 3}]})
    row = {"contact_id": "a", "email.": 1, "custom_fields.a.": 3}
    assert as_rows(tmp_path, "email.,custom_fields.a.") == [row]


def test_a_key_that_no_contact_has_is_empty_with_a_warning(tmp_path: Path) -> None:
    everybody(tmp_path, {"custom_fields": [{"plan": "pro"}]})
    report = segbatch.export("everyone", tmp_path / "x.parquet", tmp_path / "output", columns=["custom_fields.paln"])
    assert "has no 'paln' in this snapshot, so it is missing for every contact; did you mean 'plan'?" in str(
        report.warnings[0]
    )
    assert pq.read_table(tmp_path / "x.parquet").to_pylist() == [{"contact_id": "a", "custom_fields.paln": None}]


def test_the_id_column_of_the_run_is_exported_once(tmp_path: Path) -> None:
    columns = {"id": [7], "contact_id": ["x"], "change": [True]}
    everybody(tmp_path, columns, id_column="contact_id")
    assert as_rows(tmp_path, "contact_id,id,change") == [{"contact_id": "x", "id": 7, "change": True}]
    with pytest.raises(UsageError, match="already has a column 'change'"):
        as_rows(tmp_path, "change", changes=True)


@pytest.fixture
def two(workspace: Workspace) -> Workspace:
    """Bob leaves with the snapshot, in which the others have changed places."""
    workspace.run(0)
    workspace.contacts(dan="pro", cem="free", ann="pro")
    workspace.run(1)
    return workspace


@pytest.mark.usefixtures("two")
def test_members_have_the_order_of_the_snapshot(export: Export) -> None:
    assert export("pro") == ['"contact_id"', '"dan"', '"ann"']
    assert export("pro", "more.csv", columns=["plan"]) == ['"contact_id","plan"', '"dan","pro"', '"ann","pro"']


@pytest.mark.usefixtures("two")
def test_contacts_missing_from_the_snapshot_come_last_with_empty_columns(export: Export) -> None:
    changes = ['"contact_id","change","plan"', '"dan","entered","pro"', '"bob","exited",']
    assert export("pro", changes=True, columns=["plan"]) == changes
    report = export.last  # type: ignore[attr-defined]
    assert report.not_in_snapshot == 1
    assert "1 contact is not in the snapshot; its columns are empty" in str(report.warnings[0])


def test_another_snapshot_than_that_of_the_run_must_be_named(two: Workspace, export: Export) -> None:
    contacts = two.folder / "contacts.parquet"
    with pytest.raises(SnapshotError, match="is not the snapshot that run night-0 read; pass a snapshot by --contacts"):
        export("pro", run="night-0", columns=["plan"])
    rows = export("pro", run="night-0", columns=["plan"], contacts=contacts)
    assert rows == ['"contact_id","plan"', '"ann","pro"', '"bob",']
    assert "is not the snapshot that run night-0 read" in str(export.last.warnings[0])  # type: ignore[attr-defined]


def test_a_moved_snapshot_is_recognized(two: Workspace, export: Export) -> None:
    moved = two.folder / "moved.parquet"
    shutil.move(two.folder / "contacts.parquet", moved)
    with pytest.raises(
        SnapshotError, match=r"no such file.* \(run night-1 read it; pass another snapshot by --contacts\)"
    ):
        export("pro", columns=["plan"])
    assert export("pro", columns=["plan"], contacts=moved)[1:] == ['"dan","pro"', '"ann","pro"']
    assert export.last.warnings == ()  # type: ignore[attr-defined]


def test_a_file_of_the_same_size_with_other_content_is_not_the_snapshot(two: Workspace, export: Export) -> None:
    contacts = two.folder / "contacts.parquet"
    contacts.write_bytes(contacts.read_bytes().replace(b"free", b"frei"))
    with pytest.raises(SnapshotError, match="is not the snapshot that run night-1 read"):
        export("pro", columns=["plan"])


def test_an_invalid_snapshot_is_refused_as_in_a_run(two: Workspace, export: Export) -> None:
    other = write_contacts(two.folder / "twice.parquet", {"id": ["ann", "ann"], "plan": ["a", "b"]})
    with pytest.raises(SnapshotError, match="1 id occurs more than once"):
        export("pro", columns=["plan"], contacts=other)
    numbers = write_contacts(two.folder / "numbers.parquet", {"id": [1], "plan": ["a"]})
    with pytest.raises(UsageError, match=r"its ids are a number \(Int64\), and those of the run are text"):
        export("pro", columns=["plan"], contacts=numbers)
    with pytest.raises(UsageError, match="--contacts is only used with --columns"):
        export("pro", contacts=other)


def test_all_files_of_a_folder_are_read(tmp_path: Path) -> None:
    for number in range(3):
        ids = [f"c{number}{n}" for n in range(4)]
        write_contacts(tmp_path / "contacts" / f"{number}.parquet", {"id": ids, "n": [number] * 4})
    write_segment(tmp_path / "segments", "odd", rule("n", "gte", 1))
    segbatch.run(tmp_path / "contacts", tmp_path / "segments", tmp_path / "output")
    segbatch.export("odd", tmp_path / "x.csv", tmp_path / "output", columns=["n"])
    rows = (tmp_path / "x.csv").read_text().splitlines()[1:]
    assert rows == [f'"c{number}{n}",{number}' for number in (1, 2) for n in range(4)]


@pytest.mark.usefixtures("two")
def test_the_snapshot_is_never_overwritten(export: Export) -> None:
    with pytest.raises(UsageError, match="is a file of the snapshot"):
        export("pro", "contacts.parquet", columns=["plan"], force=True)
