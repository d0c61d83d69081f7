"""Delta tables that other programs changed, and types of contact ids."""

from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from segbatch.errors import PublishError, UsageError
from segbatch.storage.remote.delta.publication import DeltaPublication
from segbatch.storage.remote.delta.tables import DeltaTables
from segbatch.storage.remote.large_tables import data_folder
from segbatch.storage.remote.store import OutdatedError

from .directory_store import DirectoryStore

IDS = pa.schema([("id", pa.int64())])


@pytest.fixture
def tables(tmp_path: Path) -> DeltaTables:
    return DeltaTables("delta+lake", str(tmp_path / "lake"))


@pytest.fixture
def publication(tables: DeltaTables) -> DeltaPublication:
    return DeltaPublication(DirectoryStore(Path(tables.root)), tables)


@pytest.mark.parametrize("id_type", [pa.string(), pa.int64(), pa.decimal128(20, 0), pa.binary()])
def test_ids_of_types_that_delta_has_are_accepted(publication: DeltaPublication, id_type: pa.DataType) -> None:
    publication.check_id_type(id_type)


@pytest.mark.parametrize(
    ("id_type", "words"),
    [
        (pa.uint64(), "a number (UInt64)"),
        (pa.uuid(), "a UUID"),
        (pa.binary(16), "bytes"),
        (pa.binary(5), "bytes"),
        (pa.int32(), "a number (Int32)"),
    ],
)
def test_ids_of_other_types_are_refused(publication: DeltaPublication, id_type: pa.DataType, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        publication.check_id_type(id_type)
    message = f"delta+lake: each contact id is {words}, which a Delta table cannot store"
    remedy = "export them as text, or publish to a folder or plain Parquet files (--output)"
    assert str(caught.value) == f"{message}; {remedy}"


def test_ids_of_another_type_than_those_of_the_tables_are_refused(publication: DeltaPublication) -> None:
    schema = pa.schema([(name, pa.string()) for name in ("segment_id", "contact_id", "run_id", "publication")])
    publication.tables.ensure("membership", schema)
    publication.check_id_type(pa.string())
    with pytest.raises(UsageError) as caught:
        publication.check_id_type(pa.int64())
    message = "delta+lake: each contact id in the tables is text, and in this run a number (Int64)"
    assert str(caught.value) == f"{message}; export them as before, or publish elsewhere (--output)"


def test_a_table_with_other_columns_is_not_written(tables: DeltaTables) -> None:
    tables.ensure("new", IDS)
    with pytest.raises(PublishError, match="the table 'new' has other columns than this version of segbatch writes"):
        tables.append("new", pa.schema([("id", pa.string())]), [], list)


def test_a_current_with_two_rows_is_damaged(publication: DeltaPublication) -> None:
    rows = pa.table({"publication": ["a", "b"], "publication_number": [1, 2]})
    write_deltalake(f"{publication.tables.root}/current", rows)
    with pytest.raises(PublishError, match="delta\\+lake: the table 'current' is damaged; restore the table"):
        publication.pointer()


@pytest.mark.parametrize("content", [b"PAR1", None])
def test_a_current_whose_file_is_lost_or_damaged_is_damaged(
    publication: DeltaPublication, content: bytes | None
) -> None:
    table = f"{publication.tables.root}/current"
    write_deltalake(table, pa.table({"publication": ["a"], "publication_number": [1]}))
    [file] = (Path(table) / name for name in _paths(table))
    file.unlink() if content is None else file.write_bytes(content)
    with pytest.raises(PublishError, match="the table 'current' is damaged"):
        publication.pointer()


def test_a_table_that_another_process_creates_at_the_same_time_is_used(
    tables: DeltaTables, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = DeltaTable.create

    def create_after_another(*args: object, **options: object) -> DeltaTable:
        create(f"{tables.root}/new", IDS)
        return create(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(DeltaTable, "create", create_after_another)
    assert tables.ensure("new", IDS).version() == 0


def test_a_table_that_cannot_be_created_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PublishError, match="lake: the table 'new' cannot be"):
        DeltaTables("lake", str(tmp_path / "file")).ensure("new", IDS)


def test_a_table_of_another_version_is_not_replaced(tables: DeltaTables) -> None:
    tables.ensure("new", IDS)
    with pytest.raises(OutdatedError):
        tables.replace("new", IDS, [], 1)


def test_names_of_folders_have_no_characters_with_a_meaning_in_paths() -> None:
    assert data_folder("RUN~2") == "RUN_7E2"
    assert data_folder("a_b=c+d@e:f") == "a_5Fb_3Dc_2Bd_40e_3Af"


def _paths(table: str) -> list[str]:
    return [str(path) for path in pa.table(DeltaTable(table).get_add_actions()).column("path").to_pylist()]
