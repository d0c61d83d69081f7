"""Delta and Iceberg tables in object storage."""

import json
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from builders import rule, write_segment
from calling import Commands
from lakehouse.catalog import for_catalog, opened, write
from lakehouse.delta_log import Data, column, write_delta
from segbatch.errors import SnapshotError
from segbatch.snapshot.discovery import find_files
from segbatch.snapshot.open_snapshot import open_snapshot

from .bucket import Bucket

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def past_the_proxy(bucket: Bucket, moto_port: int, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """Lead to the server itself: deltalake holds the interpreter's lock, and a proxy in this process cannot answer."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{moto_port}")
    return bucket


def contacts(*ids: str, **columns: list[str]) -> pa.Table:
    return pa.table({"id": list(ids), **columns})


def upload(bucket: Bucket, folder: Path, key: str) -> str:
    """Put the files of a table into the bucket, and return its address."""
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            bucket.put(f"{key}/{file.relative_to(folder)}", file)
    return f"delta+{bucket.at(key)}"


def ids(address: str) -> list[str]:
    return sorted(str(contact) for batch in open_snapshot(address).ids() for contact in batch)


def refusal(address: str) -> str:
    with pytest.raises(SnapshotError) as raised:
        open_snapshot(address)
    return str(raised.value)


def test_versions_of_a_delta_table_are_read(bucket: Bucket) -> None:
    write_deltalake("crm", contacts("ann", "bob", plan=["a/b", "free"]), partition_by=["plan"])
    write_deltalake("crm", contacts("zoe", plan=["free"]), mode="overwrite")
    address = upload(bucket, Path("crm"), "exports/crm contacts")
    assert ids(address) == ids(f"{address}/@1") == ids(address.replace("s3:", "s3a:")) == ["zoe"]
    assert ids(f"{address}@0") == ["ann", "bob"]
    [batch] = [batch for batch in open_snapshot(f"{address}@0").batches(["plan"], 10) if batch.ids[0].as_py() == "ann"]
    assert batch.frame.get_column("plan").to_list() == ["a/b"]
    assert refusal(f"{address}@7") == f"{address}@7: the newest version of the table is 1"


def test_rows_of_deletion_vectors_are_left_out(bucket: Bucket) -> None:
    file = Data("a b/ü%41.parquet", contacts("ann", "bob"), deleted=[0])
    write_delta(Path("crm"), [column("id", "string")], [file])
    assert ids(upload(bucket, Path("crm"), "crm")) == ["bob"]


def test_the_address_that_a_refused_folder_suggests_works(bucket: Bucket) -> None:
    write_deltalake("crm", contacts("ann"))
    upload(bucket, Path("crm"), "exports/crm")
    with pytest.raises(SnapshotError) as raised:
        find_files(bucket.at("exports/crm"))
    assert ids(str(raised.value).rpartition("pass it as ")[2]) == ["ann"]


def test_problems_of_the_storage_are_those_of_files(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    address = f"delta+{bucket.at('crm')}"
    assert refusal(address) == f"{bucket.at('crm')}: is not a Delta table; it has no _delta_log"
    nowhere = "delta+s3://no-such-bucket/crm"
    assert refusal(nowhere) == "s3://no-such-bucket/crm: the bucket does not exist; check its name"
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    assert "the storage cannot be reached" in refusal(address)


def test_a_file_that_is_gone_is_reported(bucket: Bucket) -> None:
    write_deltalake("crm", contacts("ann"))
    address = upload(bucket, Path("crm"), "crm")
    [file] = Path("crm").glob("*.parquet")
    bucket.remove(f"crm/{file.name}")
    problem = refusal(address)
    assert problem.startswith(f"{address}@0: {bucket.at('crm')}/part-")
    assert "no longer exists, although it belongs to version 0 of the Delta table; VACUUM removes" in problem


def test_a_log_that_cannot_be_read_is_one_message_without_credentials(bucket: Bucket) -> None:
    bucket.put("crm/_delta_log/00000000000000000000.json", b"{")
    message = "the log of the table cannot be read; check it with another program"
    assert refusal(f"delta+{bucket.at('crm')}") == f"delta+{bucket.at('crm')}: {message}"


def test_a_run_leaves_no_credentials_behind(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_deltalake("crm", contacts("ann", plan=["pro"]))
    address = upload(bucket, Path("crm"), "crm")
    write_segment(Path("segments"), "pro", rule("plan", "eq", "pro"))
    command = Commands(monkeypatch, capsys)
    assert command("run", "--contacts", address, "--log-format", "json") == 0
    shown = command.out + command.err
    [folder] = Path("output/runs").iterdir()
    source = json.loads((folder / "manifest.json").read_text())["source"]
    assert source == {"format": "delta", "table": bucket.at("crm"), "version": 0}
    written = b"".join(file.read_bytes() for file in Path("output").rglob("*") if file.is_file())
    for secret in ("a-very-secret-key", "AKIDTESTTEST"):
        assert secret not in shown
        assert secret.encode() not in written
    assert DeltaTable("crm").version() == 0


def test_an_iceberg_table_is_read(bucket: Bucket, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for_catalog(monkeypatch, "prod", uri=f"sqlite:///{tmp_path}/catalog.db", warehouse=bucket.at("warehouse"))
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    with opened() as catalog:
        catalog.create_namespace("crm")
    first, _ = write("crm.contacts", contacts("ann", "bob"), contacts("cid"))
    assert ids("iceberg://prod/crm.contacts") == ["ann", "bob", "cid"]
    assert ids(f"iceberg://prod/crm.contacts@{first}") == ["ann", "bob"]
