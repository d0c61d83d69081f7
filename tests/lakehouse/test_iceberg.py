"""Contacts of an Iceberg table: its metadata decides which files and columns there are."""

import json
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyiceberg.catalog import Catalog
from pyiceberg.manifest import DataFile, DataFileContent, FileFormat
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table import DataScan, FileScanTask, Table
from pyiceberg.transforms import IdentityTransform
from pyiceberg.types import (
    DateType,
    DecimalType,
    DoubleType,
    FloatType,
    IntegerType,
    ListType,
    LongType,
    MapType,
    NestedField,
    StringType,
    StructType,
    TimestamptzType,
)

from builders import rule, write_segment
from calling import Commands
from segbatch.errors import SegbatchError, SnapshotError, UsageError
from segbatch.snapshot.lakehouse.iceberg import partition_scalar, storage_properties
from segbatch.snapshot.open_snapshot import open_snapshot

from .catalog import configure, for_catalog, opened, texts, write
from .snapshot_rows import contacts, rows

ADDRESS = "iceberg://prod/crm.contacts"


@pytest.fixture(autouse=True)
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    configure(monkeypatch, tmp_path)


@pytest.fixture
def catalog(world: None) -> Iterator[Catalog]:  # noqa: ARG001 - configured before
    with opened() as found:
        yield found


def ids(address: str = ADDRESS) -> list[str]:
    return [row[0] for row in rows(address)]


def refusal(address: str = ADDRESS, error: type[SegbatchError] = SnapshotError) -> str:
    with pytest.raises(error) as raised:
        open_snapshot(address)
    return str(raised.value)


def test_each_snapshot_has_the_files_of_its_time() -> None:
    first, second = write("crm.contacts", contacts("ann", "bob"), contacts("cid"))
    write("crm.contacts", contacts("zoe"), overwrite=True)
    assert [ids(f"{ADDRESS}@{first}"), ids(f"{ADDRESS}@{second}"), ids()] == [
        ["ann", "bob"],
        ["ann", "bob", "cid"],
        ["zoe"],
    ]
    assert open_snapshot(f"{ADDRESS}@{first}").source == open_snapshot(f"{ADDRESS}@{first}").source


def test_renamed_columns_are_found_by_their_ids(catalog: Catalog) -> None:
    element = StructType(NestedField(7, "x", LongType()), NestedField(8, "y", LongType()))
    schema = Schema(
        NestedField(1, "id", StringType()),
        NestedField(2, "plan", StringType()),
        NestedField(3, "s", StructType(NestedField(4, "a", StringType()), NestedField(5, "b", LongType()))),
        NestedField(6, "rows", ListType(9, element, element_required=False)),
        NestedField(
            10, "m", MapType(11, StringType(), 12, StructType(NestedField(13, "v", LongType())), value_required=False)
        ),
    )
    table = catalog.create_table("crm.contacts", schema)
    columns = {"plan": ["pro"], "s": [{"a": "x", "b": 1}], "rows": [[{"x": 1, "y": 2}]], "m": [[("k", {"v": 5})]]}
    map_type = pa.map_(pa.string(), pa.struct([("v", pa.int64())]))
    table.append(contacts("ann", **columns | {"m": pa.array(columns["m"], map_type)}))
    with table.update_schema() as update:
        update.rename_column("plan", "tier")
        update.rename_column("s.a", "b2").rename_column("s.b", "a")
        update.rename_column("rows.element.x", "z").delete_column("rows.element.y")
        update.rename_column("m.value.v", "w")
    with table.update_schema() as update:
        update.add_column("plan", LongType())
    table.append(
        contacts(
            "bob",
            tier=["free"],
            s=[{"b2": "y", "a": 2}],
            rows=[[{"z": 3}]],
            m=pa.array([[("k", {"w": 6})]], pa.map_(pa.string(), pa.struct([("w", pa.int64())]))),
            plan=[7],
        )
    )
    assert rows(ADDRESS, "tier", "plan", "s", "rows") == [
        ("ann", "pro", None, {"b2": "x", "a": 1}, [{"z": 1}]),
        ("bob", "free", 7, {"b2": "y", "a": 2}, [{"z": 3}]),
    ]
    snapshot = open_snapshot(ADDRESS).with_fields(["m.k.w", "s.b2"])
    found = [batch.frame.select("m.k.w").item() for batch in snapshot.batches(["m.k.w"], 10)]
    assert sorted(found) == [5, 6]
    assert snapshot.arrow.names == ["id", "tier", "s", "rows", "m", "plan"]


def test_two_columns_that_exchanged_their_names_are_not_mixed_up(catalog: Catalog) -> None:
    table = catalog.create_table("crm.contacts", texts("id", "a", "b"))
    table.append(contacts("ann", a=["1"], b=["2"]))
    with table.update_schema() as update:
        update.rename_column("a", "c")
    with table.update_schema() as update:
        update.rename_column("b", "a")
    with table.update_schema() as update:
        update.rename_column("c", "b")
    assert rows(ADDRESS, "a", "b") == [("ann", "2", "1")]


def test_a_column_that_was_dropped_and_added_again_has_no_old_values(catalog: Catalog) -> None:
    table = catalog.create_table("crm.contacts", texts("id", "plan"))
    table.append(contacts("ann", plan=["old"]))
    with table.update_schema() as update:
        update.delete_column("plan")
    with table.update_schema() as update:
        update.add_column("plan", StringType())
    table.append(contacts("bob", plan=["new"]))
    assert rows(ADDRESS, "plan") == [("ann", None), ("bob", "new")]


def test_types_that_were_widened_are_read_as_the_new_type(catalog: Catalog) -> None:
    schema = Schema(
        NestedField(1, "id", StringType()),
        NestedField(2, "n", IntegerType()),
        NestedField(3, "f", FloatType()),
        NestedField(4, "d", DecimalType(5, 2)),
    )
    table = catalog.create_table("crm.contacts", schema)
    small = {"n": pa.array([1], pa.int32()), "f": pa.array([0.5], pa.float32())}
    table.append(contacts("ann", **small, d=pa.array([Decimal("1.50")], pa.decimal128(5, 2))))
    with table.update_schema() as update:
        update.update_column("n", LongType()).update_column("f", DoubleType()).update_column("d", DecimalType(9, 2))
    table.append(contacts("bob", n=[1 << 40], f=[0.1], d=pa.array([Decimal("1234567.25")], pa.decimal128(9, 2))))
    assert rows(ADDRESS, "n", "f", "d") == [
        ("ann", 1, 0.5, Decimal("1.50")),
        ("bob", 1 << 40, 0.1, Decimal("1234567.25")),
    ]


def _without(file: Path, *names: str) -> None:
    """Write a file again without some columns, as files of a migrated Hive table lack those of partitions."""
    table = pq.read_table(file).drop_columns([*names])
    pq.write_table(table, file)


def test_values_of_partitions_count_if_a_file_does_not_have_the_column(catalog: Catalog, tmp_path: Path) -> None:
    kinds = (StringType(), DateType(), TimestamptzType(), LongType(), DecimalType(9, 2))
    names = ("plan", "day", "at", "n", "price")
    fields = [NestedField(number, name, kind) for number, (name, kind) in enumerate(zip(names, kinds, strict=True), 2)]
    schema = Schema(NestedField(1, "id", StringType()), *fields)
    spec = PartitionSpec(
        *(PartitionField(number, 998 + number, IdentityTransform(), name) for number, name in enumerate(names, 2)),
    )
    table = catalog.create_table("crm.contacts", schema, partition_spec=spec)
    values = {
        "plan": ["a/b%"],
        "day": [date(2025, 11, 4)],
        "at": pa.array([datetime(2025, 11, 4, 10, 30, 0, 5, UTC)], pa.timestamp("us", "UTC")),
        "n": [7],
        "price": pa.array([Decimal("1.50")], pa.decimal128(9, 2)),
    }
    table.append(contacts("ann", **values))
    before = rows(ADDRESS, *names)
    [file] = tmp_path.rglob("data/**/*.parquet")
    _without(file, *names)
    assert rows(ADDRESS, *names) == before
    assert before[0][1:4] == ("a/b%", date(2025, 11, 4), datetime(2025, 11, 4, 10, 30, 0, 5, UTC))


def test_values_of_partitions_may_be_uuids_and_null() -> None:
    key = UUID(int=5)
    assert partition_scalar(key, pa.uuid()).as_py() == partition_scalar(key.bytes, pa.uuid()).as_py() == key
    assert partition_scalar(None, pa.date32()).as_py() is None


def test_files_without_field_ids_are_read_by_the_name_mapping(catalog: Catalog, tmp_path: Path) -> None:
    table = catalog.create_table("crm.contacts", texts("id", "plan"))
    pq.write_table(contacts("ann", plan=["pro"]), tmp_path / "plain.parquet")
    table.add_files([(tmp_path / "plain.parquet").as_uri()])
    assert rows(ADDRESS, "plan") == [("ann", "pro")]
    with table.update_schema() as update:
        update.rename_column("plan", "tier")
    assert rows(ADDRESS, "tier") == [("ann", "pro")]
    with table.transaction() as transaction:
        transaction.remove_properties("schema.name-mapping.default")
    reason = "has no field ids, and the table does not map names to ids; rewrite the data files of the table"
    assert refusal() == f"{tmp_path}/plain.parquet: {reason}"


def test_a_table_without_snapshots_has_columns_and_no_contacts(catalog: Catalog) -> None:
    catalog.create_table("crm.contacts", texts("id", "plan"))
    snapshot = open_snapshot(ADDRESS)
    assert (snapshot.rows, list(snapshot.schema), str(snapshot.source)) == (0, ["id", "plan"], ADDRESS)
    assert (
        refusal(f"{ADDRESS}@5") == f"{ADDRESS}@5: the table has no such snapshot; it may have expired, and it has none"
    )


def test_a_snapshot_that_expired_is_reported(catalog: Catalog) -> None:
    first, second = write("crm.contacts", contacts("ann"), contacts("bob"))
    catalog.load_table("crm.contacts").maintenance.expire_snapshots().by_id(first).commit()
    reason = f"the table has no such snapshot; it may have expired, and the newest is {second}"
    assert refusal(f"{ADDRESS}@{first}") == f"{ADDRESS}@{first}: {reason}"


@pytest.mark.parametrize(("pattern", "what"), [("data/*.parquet", "/"), ("metadata/snap-*.avro", "a file of")])
def test_files_that_are_gone_are_reported(tmp_path: Path, pattern: str, what: str) -> None:
    [first] = write("crm.contacts", contacts("ann"))
    for file in tmp_path.rglob(pattern):
        file.unlink()
    problem = refusal()
    assert problem.startswith(f"{ADDRESS}@{first}: {what}")
    assert f"no longer exists, although it belongs to snapshot {first} of the Iceberg table; expiring" in problem


def _planning(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> None:
    """Change what the plan of a scan says of its files."""
    plan = DataScan.plan_files

    def planned(scan: DataScan) -> list[FileScanTask]:
        tasks = list(plan(scan))
        for task in tasks:
            for name, value in changes.items():
                setattr(task if hasattr(task, name) else task.file, name, value)
        return tasks

    monkeypatch.setattr(DataScan, "plan_files", planned)


def test_rows_that_delete_files_remove_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    write("crm.contacts", contacts("ann"))
    deleting = DataFile.from_args(
        content=DataFileContent.POSITION_DELETES, file_path="x", file_format=FileFormat.PARQUET, partition=()
    )
    _planning(monkeypatch, delete_files={deleting})
    assert "the snapshot has delete files, which segbatch does not read; compact the table, or write" in refusal()


def test_equality_deletes_are_refused_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    write("crm.contacts", contacts("ann"))

    def planned(_: DataScan) -> list[FileScanTask]:
        raise ValueError("PyIceberg does not yet support equality deletes: https://…")

    monkeypatch.setattr(DataScan, "plan_files", planned)
    assert "the snapshot has delete files, which segbatch does not read" in refusal()


def test_other_file_formats_and_encrypted_files_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    write("crm.contacts", contacts("ann"))
    tasks = list(_tasks())
    monkeypatch.setattr(DataScan, "plan_files", lambda _: tasks)
    monkeypatch.setattr(DataFile, "file_format", property(lambda _: FileFormat.ORC))
    assert "the table has data files in the format ORC, which segbatch does not read" in refusal()
    monkeypatch.setattr(DataFile, "key_metadata", property(lambda _: b"key"))
    assert "the table has encrypted data files, which segbatch does not read" in refusal()


def _tasks() -> Iterator[FileScanTask]:
    with opened() as catalog:
        yield from catalog.load_table("crm.contacts").scan().plan_files()


def test_a_table_that_does_not_exist_is_reported(catalog: Catalog) -> None:
    catalog.create_table("crm.contacts", texts("id"))
    near = "; did you mean 'crm.contacts'?"
    problem = "iceberg://prod/crm.contact: the catalog has no table 'crm.contact'"
    assert refusal("iceberg://prod/crm.contact") == f"{problem}{near}"
    problem = "iceberg://prod/x.contacts: the catalog has no table 'x.contacts'; check the namespace and the name"
    assert refusal("iceberg://prod/x.contacts") == problem


def test_a_catalog_that_is_not_configured_is_reported() -> None:
    hint = "set PYICEBERG_CATALOG__DEV__URI, or add the catalog to ~/.pyiceberg.yaml"
    message = f"iceberg://dev/crm.contacts: the catalog 'dev' is not configured; {hint}"
    assert refusal("iceberg://dev/crm.contacts", UsageError) == message


def test_the_library_is_named_if_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "pyiceberg.catalog", None)
        found = refusal(error=UsageError)
    hint = "Iceberg tables are read with pyiceberg, which is not installed; run: pip install 'segbatch[iceberg]'"
    assert found == f"{ADDRESS}: {hint}"


def test_a_catalog_that_needs_more_packages_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    for_catalog(monkeypatch, "dev", type="hive", uri="thrift://127.0.0.1:1")
    problem = refusal("iceberg://dev/crm.contacts", UsageError)
    assert "the catalog 'dev' needs a package that is not installed; install pyiceberg with its extra" in problem


@pytest.mark.parametrize(
    "uri",
    [
        "http://127.0.0.1:1/?token=CANARY-SECRET",
        "http://user:CANARY-SECRET@127.0.0.1:1/",
        "sqlite:////none/CANARY-SECRET/catalog.db",
    ],
)
def test_credentials_of_a_catalog_are_in_no_message_and_no_log(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], uri: str
) -> None:
    for_catalog(monkeypatch, "dev", uri=uri, credential="id:CANARY-SECRET")
    write_segment(Path("segments"), "all", rule("id", "is_not_null"))
    command = Commands(monkeypatch, capsys)
    assert command("run", "--contacts", "iceberg://dev/crm.contacts", "--log-format", "json") == 1
    assert "the catalog 'dev' or the metadata of the table cannot be read" in command.err
    assert "CANARY" not in command.out + command.err


def test_a_run_records_the_snapshot_and_no_credentials(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for_catalog(monkeypatch, "prod", token="CANARY-SECRET")  # noqa: S106
    [snapshot] = write("crm.contacts", contacts("ann", "bob", plan=["pro", "free"]))
    write("crm.orders", pa.table({"contact_id": ["bob"], "shop": ["a"]}))
    write_segment(Path("segments"), "buyers", {"table": "orders", "aggregate": "count", "operator": "gte", "value": 1})
    command = Commands(monkeypatch, capsys)
    orders = ("--table", "orders=iceberg://prod/crm.orders")
    assert command("run", "--contacts", ADDRESS, *orders) == 0
    [folder] = Path("output/runs").iterdir()
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["source"] == {"format": "iceberg", "table": "prod/crm.contacts", "version": snapshot}
    assert manifest["tables"][0]["source"]["table"] == "prod/crm.orders"
    assert manifest["segments"][0]["member_count"] == 1
    assert b"CANARY" not in b"".join(file.read_bytes() for file in Path("output").rglob("*") if file.is_file())
    Path("pro.json").write_text(json.dumps({"id": "pro", "name": "Pro", "rules": [rule("plan", "eq", "pro")]}))
    plain = ("sql", "pro", "--segments", "pro.json", "--contacts", ADDRESS)
    assert command(*plain) == 0
    assert duckdb.connect().execute(command.out).fetchall() == [("ann",)]
    write("crm.contacts", contacts("cid", plan=["pro"]))
    assert command("export", "buyers", "--to", "-", "--columns", "plan") == 0
    assert command.out.split() == ['"contact_id","plan"', '"bob","free"']
    with opened() as catalog, catalog.load_table("crm.contacts").update_schema() as update:
        update.rename_column("plan", "tier")
    Path("pro.json").write_text(json.dumps({"id": "pro", "name": "Pro", "rules": [rule("tier", "eq", "pro")]}))
    assert command(*plain) == 2
    assert "DuckDB cannot read this version of the table from its Parquet files" in command.err


def _with_schema(monkeypatch: pytest.MonkeyPatch, *fields: NestedField) -> None:
    """Let the table have another schema than its metadata, such as one of version 3, which pyiceberg does not write."""
    monkeypatch.setattr(Table, "schema", lambda _: Schema(NestedField(1, "id", StringType()), *fields))


def test_old_files_have_the_default_of_a_column(monkeypatch: pytest.MonkeyPatch) -> None:
    write("crm.contacts", contacts("ann"))
    day = NestedField(3, "day", DateType(), initial_default=20396)
    _with_schema(monkeypatch, NestedField(2, "plan", StringType(), initial_default="free"), day)
    assert rows(ADDRESS, "plan", "day") == [("ann", "free", date(2025, 11, 4))]


def test_a_default_inside_a_struct_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    write("crm.contacts", contacts("ann"))
    inner = StructType(NestedField(3, "plan", StringType(), initial_default="free"))
    _with_schema(monkeypatch, NestedField(2, "s", inner))
    assert "the field 'plan' in a struct has a default for old files, which segbatch does not read" in refusal()


def test_settings_of_aws_count_if_the_catalog_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ENDPOINT_URL_S3", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9000")
    assert storage_properties("prod") == {"s3.endpoint": "http://127.0.0.1:9000", "s3.region": "us-east-1"}
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    for_catalog(monkeypatch, "prod", s3__endpoint="http://127.0.0.1:1")
    assert storage_properties("prod") == {"s3.region": "eu-central-1"}
