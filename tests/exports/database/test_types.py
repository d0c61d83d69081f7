"""Contact ids of each type in SQLite, and what is refused."""

from pathlib import Path
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import segbatch
from builders import rule, write_contacts, write_segment
from database_tables import published_tables, sqlite_tables
from id_columns import ID_COLUMNS, LARGE_NUMBERS
from segbatch.exports.database.rows import read_id_type
from workspace import Workspace

from .conftest import Sync

pytestmark = pytest.mark.slow  # each makes several runs


def two_runs(place: Workspace, ids: pa.Array) -> None:
    """Make a run of all contacts and one of the first two, so that there are changes."""
    for number, contacts in enumerate((ids, ids[:2])):
        write_contacts(place.folder / "contacts.parquet", {"id": contacts})
        segments = write_segment(place.folder / "all", "everyone", rule("id", "exists")).parent
        segbatch.run(
            place.folder / "contacts.parquet",
            segments,
            place.output,
            run_id=f"night-{number}",
            as_of=f"2025-11-0{number + 1}",
        )


@pytest.mark.parametrize("name", ID_COLUMNS)
def test_ids_keep_their_values(workspace: Workspace, sync: Sync, file: Path, name: str) -> None:
    two_runs(workspace, ID_COLUMNS[name])
    sync()
    stored, published = sqlite_tables(file), published_tables(workspace.output)
    if name == "16 bytes":  # DuckDB shows them as bytes, as the file does not say that they are UUIDs
        for table in ("membership", "membership_changes"):
            published[table] = published[table][0], [tuple(map(_as_uuid, row)) for row in published[table][1]]
    assert stored == published


def _as_uuid(cell: str | None) -> str | None:
    return str(UUID(cell)) if cell and len(cell) == 32 else cell


@pytest.mark.parametrize("name", LARGE_NUMBERS)
def test_numbers_that_sqlite_lacks_are_refused(workspace: Workspace, sync: Sync, file: Path, name: str) -> None:
    two_runs(workspace, LARGE_NUMBERS[name])
    with pytest.raises(segbatch.UsageError, match=r"contact ids of the type \S.* cannot be written to SQLite"):
        sync()
    assert not file.exists() or file.stat().st_size == 0


@pytest.mark.parametrize(
    ("types", "expected"),
    [
        ([pa.int64(), pa.uint64()], "UBIGINT"),
        ([pa.int32(), pa.int64()], "BIGINT"),
        ([pa.string()], "VARCHAR"),
        ([pa.decimal128(20, 0), pa.decimal128(20, 0)], "DECIMAL(20, 0)"),
    ],
)
def test_one_type_fits_members_and_changes(tmp_path: Path, types: list[pa.DataType], expected: str) -> None:
    assert read_id_type(tmp_path, files_with(tmp_path, types)) == expected


@pytest.mark.parametrize("types", [[pa.float64()], [pa.string(), pa.int64()]])
def test_other_types_are_refused(tmp_path: Path, types: list[pa.DataType]) -> None:
    files = files_with(tmp_path, types)
    with pytest.raises(segbatch.UsageError, match=r"cannot be written to a database; use text"):
        read_id_type(tmp_path, files)


def files_with(folder: Path, types: list[pa.DataType]) -> list[Path]:
    """Write files with contact ids of these types."""
    files = [folder / f"{number}.parquet" for number in range(len(types))]
    for file, kind in zip(files, types, strict=True):
        pq.write_table(pa.table({"contact_id": pa.array([], kind)}), file)
    return files


def test_other_ids_replace_the_tables(workspace: Workspace, sync: Sync, file: Path, tmp_path: Path) -> None:
    two_runs(workspace, ID_COLUMNS["text"])
    sync()
    other = Workspace(tmp_path / "numbers")
    two_runs(other, ID_COLUMNS["int64"])
    report = sync(output=other.output)
    assert report.reason == "the tables were of an earlier version or had other contact ids"
    assert sqlite_tables(file) == published_tables(other.output)


def test_wider_numbers_are_the_same_ids(workspace: Workspace, sync: Sync, file: Path) -> None:
    two_runs(workspace, ID_COLUMNS["int32"])
    sync()
    write_contacts(workspace.folder / "contacts.parquet", {"id": pa.array([2, 3, 2**40], pa.int64())})
    segbatch.run(workspace.folder / "contacts.parquet", workspace.folder / "all", workspace.output, as_of="2025-11-03")
    assert sync().extent == "changes"
    assert sqlite_tables(file) == published_tables(workspace.output)
