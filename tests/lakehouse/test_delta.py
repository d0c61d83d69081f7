"""Contacts of a Delta table: its log decides which files, rows and columns there are."""

import hashlib
import pickle
import shutil
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from threading import Event
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from segbatch.errors import SnapshotError, UsageError
from segbatch.pipeline.field_drift import find_empty
from segbatch.snapshot.encoded_texts import EncodedTexts
from segbatch.snapshot.fields.resolution import resolve
from segbatch.snapshot.open_snapshot import open_snapshot

from .delta_log import Data, column, write_delta
from .snapshot_rows import contacts, rows

ID, PLAN = column("id", "string"), column("plan", "string")


def ids(address: str) -> list[str]:
    return [row[0] for row in rows(address)]


def refusal(address: str) -> str:
    with pytest.raises(SnapshotError) as raised:
        open_snapshot(address)
    return str(raised.value)


def test_each_version_has_the_files_of_its_time() -> None:
    table = "crm"
    write_deltalake(table, contacts("ann", "bob"))
    write_deltalake(table, contacts("cid"), mode="append")
    DeltaTable(table).delete("id = 'ann'")
    write_deltalake(table, contacts("zoe"), mode="overwrite")
    found = [ids(f"delta+{table}@{version}") for version in range(4)]
    assert found == [["ann", "bob"], ["ann", "bob", "cid"], ["bob", "cid"], ["zoe"]]
    assert ids(f"delta+{table}") == ["zoe"]
    assert str(open_snapshot(f"delta+{table}").source) == f"delta+{table}@3"


def test_a_relative_path_and_one_with_odd_characters_work() -> None:
    name = "kö nig#1@7"
    write_delta(Path(name), [ID], [Data("a b/ü%41.parquet", contacts("ann", "bob"), deleted=[0])])
    assert ids(f"delta+{name}@") == ids(f"delta+./{name}@0") == ["bob"]
    assert open_snapshot(f"delta+{name}@").file_rows == [(f"{name}/a b/ü%41.parquet", 1)]


def test_values_of_partitions_are_columns() -> None:
    day, moment = date(2025, 11, 4), datetime(2025, 11, 4, 10, 30, 0, 5, UTC)
    table = contacts("ann", "bob", country=["a/b=%ü", None], day=[day, None], at=[moment, moment], n=[7, 8])
    keys = ["country", "day", "at", "n"]
    write_deltalake("crm", table, partition_by=keys)
    found = rows("delta+crm", *keys)
    assert found == [("ann", "a/b=%ü", day, moment, 7), ("bob", None, None, moment, 8)]


def test_the_log_and_not_the_path_decides_on_a_partition() -> None:
    file = Data("plan=wrong/seats=1/a.parquet", contacts("ann", plan=["stored"]), partition={"plan": "pro"})
    write_delta(Path("crm"), [ID, PLAN], [file], partitions=["plan"])
    snapshot = open_snapshot("delta+crm").with_fields(["plan"])
    assert rows("delta+crm", "plan") == [("ann", "pro")]
    assert list(snapshot.schema) == ["id", "plan"]
    assert snapshot.problems == []


@pytest.mark.parametrize("in_file", [False, True])
def test_rows_of_deletion_vectors_are_left_out(*, in_file: bool) -> None:
    names = [f"c{number}" for number in range(10)]
    files = [
        Data("a.parquet", contacts(*names, n=list(range(10))), deleted=[0, 3, 4, 9], in_file=in_file),
        Data("b.parquet", contacts("x", n=[1])),
        Data("c.parquet", contacts("y", "z", n=[1, 2]), deleted=[0, 1]),
    ]
    write_delta(Path("crm"), [ID, column("n", "long")], files)
    address = "delta+crm"
    snapshot = open_snapshot(address)
    assert rows(address, "n") == [("c1", 1), ("c2", 2), ("c5", 5), ("c6", 6), ("c7", 7), ("c8", 8), ("x", 1)]
    assert [number for _, number in snapshot.file_rows] == [6, 1, 0]
    assert [id_ for batch in snapshot.ids(3) for id_ in batch] == ["c1", "c2", "c5", "c6", "c7", "c8", "x"]


def test_texts_that_are_read_as_dictionaries_lose_the_same_rows() -> None:
    size = 30_000
    plan = ["pro" if number % 3 else "free" for number in range(size)]
    table = contacts(*(f"c{number:05}" for number in range(size)), plan=plan)
    write_delta(Path("crm"), [ID, PLAN], [Data("a.parquet", table, deleted=range(100, 20_000, 7))])
    snapshot = open_snapshot("delta+crm")
    kept = [number for number in range(size) if number not in range(100, 20_000, 7)]
    batches = list(snapshot.batches(["plan"], 1024, {"plan": 1}))
    assert all("plan" in batch.texts for batch in batches)
    found = [
        pair for batch in batches for pair in zip(batch.ids.to_pylist(), _decoded(batch.texts["plan"]), strict=True)
    ]
    assert found == [(f"c{number:05}", plan[number]) for number in kept]


def _decoded(texts: EncodedTexts) -> list[Any]:
    return list(texts.frame.get_column("plan").gather(texts.codes))


def test_a_value_in_a_deleted_row_does_not_count() -> None:
    file = Data("a.parquet", contacts("ann", "bob", plan=["pro", None]), deleted=[0], partition={"country": "DE"})
    write_delta(Path("crm"), [ID, PLAN, column("country", "string")], [file], partitions=["country"])
    snapshot = open_snapshot("delta+crm")
    fields = {name: resolve(name, snapshot.schema) for name in ("id", "plan", "country")}
    assert find_empty(snapshot, fields) == {"plan"}


def test_columns_that_were_added_later_are_missing_in_old_files() -> None:
    table = "crm"
    write_deltalake(table, contacts("ann"))
    write_deltalake(table, contacts("bob", plan=["pro"]), mode="append", schema_mode="merge")
    assert rows(f"delta+{table}", "plan") == [("ann", None), ("bob", "pro")]
    assert "plan" not in open_snapshot(f"delta+{table}@0").schema


def test_the_columns_are_those_of_the_table() -> None:
    file = Data("a.parquet", contacts("ann", hidden=["x"]))
    write_delta(Path("crm"), [ID, column("seats", "integer")], [file])
    snapshot = open_snapshot("delta+crm")
    assert list(snapshot.schema) == ["id", "seats"]
    assert rows("delta+crm", "seats") == [("ann", None)]


def test_a_file_of_another_type_than_the_table_is_refused() -> None:
    write_delta(Path("crm"), [ID, column("n", "long")], [Data("a.parquet", contacts("ann", n=["x"]))])
    problem = refusal("delta+crm")
    assert problem.startswith("crm/a.parquet: the column 'n' is string here and int64 in delta+")


def test_a_table_without_files_has_columns_and_no_contacts() -> None:
    table = "crm"
    write_deltalake(table, contacts("ann", plan=["pro"]))
    DeltaTable(table).delete()
    snapshot = open_snapshot(f"delta+{table}").with_fields(["plan"])
    assert (snapshot.rows, list(snapshot.schema), list(snapshot.batches(["plan"], 10))) == (0, ["id", "plan"], [])


@pytest.mark.parametrize("feature", ["typeWidening", "variantType", "aFeatureOfTomorrow"])
def test_a_feature_that_is_not_understood_is_refused_by_its_name(feature: str) -> None:
    write_delta(Path("crm"), [ID], [Data("a.parquet", contacts("ann"))], features=[feature])
    reason = f"the table uses the feature '{feature}', which segbatch does not read"
    assert reason in refusal("delta+crm")


def test_features_that_deltalake_does_not_read_together_are_refused() -> None:
    features = ["deletionVectors", "vacuumProtocolCheck"]
    write_delta(Path("crm"), [ID], [Data("a.parquet", contacts("ann"))], features=features)
    reason = "the table uses the feature 'vacuumProtocolCheck' together with 'deletionVectors', which segbatch does not"
    assert reason in refusal("delta+crm")


def test_a_path_that_deltalake_cannot_open_is_reported() -> None:
    write_delta(Path("c%20m"), [ID], [Data("a.parquet", contacts("ann"))])
    assert refusal("delta+c%20m").endswith("deltalake cannot open a table whose path has a '%'; rename the folder")


@pytest.mark.parametrize("feature", ["timestampNtz", "v2Checkpoint", "vacuumProtocolCheck", "deletionVectors"])
def test_features_that_are_understood_are_read(feature: str) -> None:
    write_delta(Path("crm"), [ID], [Data("a.parquet", contacts("ann"))], features=[feature])
    assert ids("delta+crm") == ["ann"]


def test_checkpoints_are_read() -> None:
    table = "crm"
    write_deltalake(table, contacts("ann"))
    write_deltalake(table, contacts("bob"), mode="append")
    DeltaTable(table).create_checkpoint()
    for name in range(2):
        Path(f"crm/_delta_log/{name:020}.json").unlink()
    assert ids(f"delta+{table}") == ["ann", "bob"]
    reason = "the log of the table does not lead to this version any more; the newest version is 1"
    assert refusal(f"delta+{table}@0") == f"delta+{table}@0: {reason}"


def test_a_version_of_tomorrow_is_reported() -> None:
    write_deltalake("crm", contacts("ann"))
    assert refusal("delta+crm@5").endswith("@5: the newest version of the table is 0")


def test_files_that_vacuum_removed_are_reported() -> None:
    table = "crm"
    write_deltalake(table, contacts("ann"))
    write_deltalake(table, contacts("bob"), mode="overwrite")
    DeltaTable(table).vacuum(0, dry_run=False, enforce_retention_duration=False)
    reason = (
        " no longer exists, although it belongs to version 0 of the Delta table; VACUUM removes files of old versions"
    )
    problem = refusal(f"delta+{table}@0")
    assert problem.startswith(f"delta+{table}@0: {table}/part-")
    assert problem.endswith(f"{reason}; read a newer version, and keep files for longer than runs need")
    assert ids(f"delta+{table}") == ["bob"]


def test_a_file_that_disappears_during_the_run_is_reported() -> None:
    table = "crm"
    write_deltalake(table, contacts("ann"))
    snapshot = open_snapshot(f"delta+{table}")
    next(Path(table).glob("*.parquet")).unlink()
    with pytest.raises(SnapshotError, match="no longer exists, although it belongs to version 0 of the Delta table"):
        list(snapshot.batches([], 10))


def test_a_deletion_vector_that_is_gone_is_reported() -> None:
    write_delta(Path("crm"), [ID], [Data("a.parquet", contacts("ann", "bob"), deleted=[1], in_file=True)])
    Path("crm/deletion_vector.bin").unlink()
    assert "a deletion vector no longer exists, although it belongs to version 0" in refusal("delta+crm")


def test_a_deletion_vector_that_is_damaged_is_reported() -> None:
    write_delta(Path("crm"), [ID], [Data("a.parquet", contacts("ann", "bob"), deleted=[1], in_file=True)])
    Path("crm/deletion_vector.bin").write_bytes(b"\1" * 60)
    reason = "a deletion vector of the table cannot be read; check the table with another program"
    assert refusal("delta+crm") == f"delta+crm@0: {reason}"


def test_what_is_not_a_table_is_reported() -> None:
    write_deltalake("contacts", contacts("ann"))
    Path("empty").mkdir()
    assert refusal("delta+empty") == "delta+empty: is not a Delta table; it has no _delta_log"
    assert refusal("delta+contact") == "delta+contact: no such folder; did you mean 'contacts'?"
    Path("crm@3").mkdir()
    assert refusal("delta+crm@3") == "delta+crm: no such folder; did you mean delta+crm@3@?"
    assert refusal("delta+a/b") == "delta+a/b: no such folder; check the path of the table"
    assert refusal("delta+x@v1").endswith("no such folder; a version is a whole number after the last '@'")
    assert not Path("contact").exists()
    shutil.copy("contacts/_delta_log/00000000000000000000.json", "empty/x.json")
    Path("contacts/_delta_log/00000000000000000000.json").write_text("{")
    reason = "the log of the table cannot be read; check it with another program"
    assert refusal("delta+contacts") == f"delta+contacts: {reason}"


def test_the_id_column_is_not_a_partition() -> None:
    write_deltalake("crm", contacts("ann", n=[1]), partition_by=["id"])
    assert "has no id column 'id': a partition would be the id of all its contacts" in refusal("delta+crm")


def test_the_library_is_named_if_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "deltalake", None)
    with pytest.raises(UsageError) as raised:
        open_snapshot("delta+crm")
    hint = "Delta tables are read with deltalake, which is not installed; run: pip install 'segbatch[delta]'"
    assert str(raised.value) == f"delta+crm: {hint}"


def test_the_address_that_a_refused_folder_suggests_works() -> None:
    write_deltalake("crm@3", contacts("ann"))
    _, _, address = refusal("crm@3").rpartition("pass it as ")
    assert ids(address) == ["ann"]


def mapped(name: str, physical: str, field_id: int, kind: Any = "string") -> dict[str, Any]:
    return column(name, kind, delta__columnMapping__id=field_id, delta__columnMapping__physicalName=physical)


def test_columns_that_were_renamed_are_found_by_their_physical_names() -> None:
    def inner(field_id: int) -> dict[str, Any]:
        return {"type": "struct", "fields": [mapped("x", "p5", field_id, "long")]}

    in_list = {"type": "array", "elementType": inner(9), "containsNull": True}
    in_map = {"type": "map", "keyType": "string", "valueType": inner(10), "valueContainsNull": True}
    schema = [
        mapped("id", "id", 1),
        mapped("tier", "plan", 2),
        mapped("plan", "p3", 3),
        mapped("s", "p4", 4, inner(5)),
        mapped("rows", "p6", 6, in_list),
        mapped("m", "p7", 7, in_map),
        mapped("country", "p8", 8),
    ]
    map_type = pa.map_(pa.string(), pa.struct([("p5", pa.int64()), ("p9", pa.string())]))
    table = contacts(
        "ann",
        "bob",
        plan=["pro", "free"],
        p4=[{"p5": 1, "gone": "x"}, {"p5": 2, "gone": "y"}],
        p6=[[{"p5": 3}], []],
        p7=pa.array([[("k", {"p5": 4, "p9": "gone"})], []], map_type),
        tier=["dropped", "dropped"],
    )
    data = Data("a.parquet", table, deleted=[1], partition={"p8": "DE"})
    features = ["columnMapping", "deletionVectors"]
    settings = {"delta.columnMapping.mode": "name", "delta.columnMapping.maxColumnId": "10"}
    write_delta(Path("crm"), schema, [data], features=features, configuration=settings, partitions=["country"])
    names = ("tier", "plan", "s", "rows", "country")
    assert rows("delta+crm", *names) == [("ann", "pro", None, {"x": 1}, [{"x": 3}], "DE")]
    snapshot = open_snapshot("delta+crm").with_fields(["m.k.x", "s.x"])
    [batch] = snapshot.batches(["m.k.x", "s.x"], 10)
    assert batch.frame.select("m.k.x").item() == 4
    assert snapshot.arrow.field("s").type == pa.struct([("x", pa.int64())])


def test_statistics_and_dictionaries_follow_the_names_of_the_table() -> None:
    size = 2_000
    table = contacts(*(f"c{number}" for number in range(size)), plan=["x"] * size, p3=["pro", "free"] * (size // 2))
    schema = [mapped("id", "id", 1), mapped("old", "plan", 2), mapped("plan", "p3", 3), mapped("new", "p4", 4)]
    settings = {"delta.columnMapping.mode": "name", "delta.columnMapping.maxColumnId": "4"}
    data = Data("a.parquet", table)
    write_delta(Path("crm"), schema, [data], features=["columnMapping"], configuration=settings)
    snapshot = open_snapshot("delta+crm")
    fields = {name: resolve(name, snapshot.schema) for name in ("plan", "new")}
    assert find_empty(snapshot, fields) == {"new"}
    [batch] = snapshot.batches(["plan"], size, {"plan": 1})
    assert _decoded(batch.texts["plan"])[:3] == ["pro", "free", "pro"]


def test_columns_are_found_by_their_ids_if_the_table_says_so() -> None:
    def numbered(name: str, field_id: int) -> pa.Field:
        return pa.field(name, pa.string(), metadata={"PARQUET:field_id": str(field_id)})

    table = pa.table([["ann"], ["pro"]], pa.schema([numbered("a", 1), numbered("b", 2)]))
    schema = [mapped("id", "p1", 1), mapped("plan", "p2", 2)]
    settings = {"delta.columnMapping.mode": "id", "delta.columnMapping.maxColumnId": "2"}
    write_delta(Path("crm"), schema, [Data("a.parquet", table)], features=["columnMapping"], configuration=settings)
    assert rows("delta+crm", "plan") == [("ann", "pro")]
    without = [Data("a.parquet", contacts("ann"))]
    write_delta(Path("no-ids"), schema, without, features=["columnMapping"], configuration=settings)
    assert "has no field ids, and the table does not map names to ids" in refusal("delta+no-ids")


def test_the_case_of_a_column_may_differ_in_a_file() -> None:
    files = [Data("a.parquet", pa.table({"ID": ["ann"], "Plan": ["pro"]})), Data("b.parquet", contacts("bob"))]
    write_delta(Path("crm"), [ID, PLAN], files)
    assert rows("delta+crm", "plan") == [("ann", "pro"), ("bob", None)]
    both = Data("a.parquet", contacts("ann", ID=["x"], plan=["pro"], PLAN=["other"]))
    write_delta(Path("both"), [ID, PLAN], [both])
    assert rows("delta+both", "plan") == [("ann", "pro")]


def test_a_deletion_vector_of_an_unknown_file_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    write_delta(Path("crm"), [ID], [Data("a.parquet", contacts("ann", "bob"), deleted=[1])])
    unknown = pa.table({"filepath": ["file:///elsewhere/a.parquet"], "selection_vector": [[True, False]]})
    monkeypatch.setattr(DeltaTable, "deletion_vectors", lambda _: unknown.to_reader())
    assert refusal("delta+crm") == "delta+crm@0: the log has deletion vectors of 1 unknown file"


def test_a_table_behind_a_link_is_read() -> None:
    write_delta(Path("crm"), [ID], [Data("a.parquet", contacts("ann", "bob"), deleted=[1])])
    Path("link").symlink_to("crm")
    assert ids("delta+link") == ["ann"]


def test_another_process_reads_the_same_rows() -> None:
    write_delta(Path("crm"), [ID, PLAN], [Data("a.parquet", contacts("ann", "bob", PLAN=["x", "y"]), deleted=[0])])
    snapshot = open_snapshot("delta+crm")
    again = pickle.loads(pickle.dumps(snapshot))  # noqa: S301 - our own
    assert again.files == snapshot.files
    [batch] = again.batches(["plan"], 10)
    assert batch.frame.select("id", "plan").rows() == [("bob", "y")]
    assert again.files[0].digest(Event()) == hashlib.sha256(Path("crm/a.parquet").read_bytes()).hexdigest()
