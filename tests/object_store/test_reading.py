"""Snapshots in object storage: all that can be done with a file can be done with them."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import segbatch
from builders import rule, write_contacts, write_segment
from segbatch import SnapshotError
from segbatch.snapshot import temporary_folder
from segbatch.snapshot.discovery import find_files, find_snapshot
from segbatch.snapshot.object_store import remote_file
from segbatch.snapshot.object_store.remote_file import RemoteFile
from segbatch.sql.generate import write_sql
from segbatch.storage.manifest_io import read_manifest

from .bucket import Bucket
from .proxy import Proxy

pytestmark = pytest.mark.slow

NUMBER = 3000
FORMS: dict[str, Any] = {
    "struct": [{"plan": "pro" if n % 3 else "free", "seats": n} for n in range(NUMBER)],
    "json": [f'{{"plan": "{"pro" if n % 3 else "free"}", "seats": {n}}}' for n in range(NUMBER)],
    "map": pa.array(
        [[("plan", "pro" if n % 3 else "free"), ("seats", str(n))] for n in range(NUMBER)],
        pa.map_(pa.string(), pa.string()),
    ),
}


def write(path: Path, form: str = "struct", begin: int = 0) -> Path:
    """Write a snapshot; its ids begin with this number."""
    ids = [f"c{n:05}" for n in range(begin, begin + NUMBER)]
    return write_contacts(path, {"id": ids, "custom_fields": FORMS[form]}, row_group_size=500)


@pytest.fixture
def segments(tmp_path: Path) -> Path:
    write_segment(tmp_path / "segments", "pro", rule("custom_fields.plan", "eq", "pro"))
    return write_segment(tmp_path / "segments", "large", rule("custom_fields.seats", "gte", 2000)).parent


@pytest.fixture(autouse=True)
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own for copies."""
    place = tmp_path / "room"
    place.mkdir()
    monkeypatch.setenv("TMPDIR", str(place))
    monkeypatch.setattr("tempfile.tempdir", None)
    return place


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_file, "_PIECE", 2_000)


def membership(output: Path) -> list[tuple[str, str]]:
    with duckdb.connect(str(output / "segbatch.duckdb"), read_only=True) as tables:
        return tables.sql("FROM membership ORDER BY ALL").fetchall()


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize("form", FORMS)
def test_a_run_over_an_object_is_that_over_the_file(tmp_path: Path, bucket: Bucket, segments: Path, form: str) -> None:
    file = write(tmp_path / "contacts.parquet", form)
    address = bucket.put("exports/contacts.parquet", file)
    there = segbatch.run(address, segments, tmp_path / "there", run_id="r", as_of="2025-11-04")
    here = segbatch.run(file, segments, tmp_path / "here", run_id="r", as_of="2025-11-04")
    assert there.run.snapshot_fingerprint == here.run.snapshot_fingerprint
    assert membership(tmp_path / "there") == membership(tmp_path / "here")
    assert len(membership(tmp_path / "there")) == 3000
    [record] = read_manifest(tmp_path / "there" / "runs" / "r").snapshot
    assert (record.path, record.rows, record.size) == (address, NUMBER, file.stat().st_size)
    again = segbatch.run(bucket.put("next.parquet", file), segments, tmp_path / "there", run_id="s", as_of="2025-11-05")
    assert {segment.entered for segment in again.segments} == {0}


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("day=1/a.parquet", ["day=1/a"]),
        ("day=1", ["day=1/a", "day=1/b"]),
        ("day=1/", ["day=1/a", "day=1/b"]),
        ("day=1/*.parquet", ["day=1/a", "day=1/b"]),
        ("day=*/a.parquet", ["day=1/a", "day=2/a"]),
        ("**/*.parquet", ["day=1/a", "day=1/b", "day=2/a", "day=2/deep/c"]),
        ("day=2/**", ["day=2/a", "day=2/deep/c"]),
        ("day=[2-9]/?.parquet", ["day=2/a"]),
        ("odd name/ü+&#?%41 [1].parquet", ["odd name/ü+&#?%41 [1]"]),
    ],
)
def test_objects_are_named_as_files_are(bucket: Bucket, tmp_path: Path, written: str, expected: list[str]) -> None:
    names = ["day=1/a", "day=1/b", "day=1/_hidden", "day=2/a", "day=2/deep/c", "_tmp/d", "odd name/ü+&#?%41 [1]"]
    for number, name in enumerate(names):
        bucket.put(f"{name}.parquet", write_contacts(tmp_path / "x.parquet", {"n": [number]}))
    bucket.put("day=1/_SUCCESS", b"")
    bucket.put("day=1/notes.txt", b"x")
    if "odd" not in written:
        bucket.remove("odd name/ü+&#?%41 [1].parquet")
    for scheme in ("s3", "S3A"):
        address = bucket.at(written).replace("s3", scheme)
        found = [str(place) for place in find_files(address)]
        assert found == [f"{scheme.lower()}://{bucket.name}/{name}.parquet" for name in expected]


FOLDER = {
    "a.PARQUET": b"PAR1",
    "000000_0": b"PAR1",
    "b.parquet.snappy": b"PAR1",
    "country=DE/c.pq": b"PAR1",
    "country=DE/day=1/000000000000": b"PAR1",
    "country=DE/deep/d.parquet": b"PAR1",
    "country=DE/d.csv": b"id",
    "000000_1": b"ORC",
    "old/e.parquet": b"PAR1",
    "_temporary/0/f.parquet": b"PAR1",
    "_SUCCESS": b"",
    "README": b"text",
    ".hidden.parquet": b"PAR1",
}


def test_objects_of_a_folder_are_those_that_files_would_be(tmp_path: Path, bucket: Bucket) -> None:
    for name, content in FOLDER.items():
        bucket.put(f"in/{name}", content)
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_bytes(content)
    local, remote = find_snapshot(str(tmp_path / "in")), find_snapshot(bucket.at("in"))
    there, here = bucket.at("in"), str(tmp_path / "in")
    assert [str(place) for place in remote.locations] == [str(place).replace(here, there) for place in local.locations]
    assert [str(one) for one in remote.problems] == [str(one).replace(here, there) for one in local.problems]
    assert "5 other files or folders in" in str(remote.problems[0])
    for name in [name for name in FOLDER if not name.startswith("country=")]:
        bucket.remove(f"in/{name}")
    assert len(find_snapshot(bucket.at("in/")).locations) == 2


def test_partitions_of_objects_are_columns(tmp_path: Path, bucket: Bucket) -> None:
    for number, country in enumerate(["DE", "U%20S", "__HIVE_DEFAULT_PARTITION__"]):
        path = write_contacts(tmp_path / "x.parquet", {"id": [f"c{number}"]})
        bucket.put(f"in/country={country}/n={number}/x.parquet", path)
    for address in (bucket.at("in"), bucket.at("in/**/*.parquet")):
        for rules, first in (
            (["country eq DE"], "c0"),
            (['country eq "U S"', "n gte 1"], "c1"),
            (["country empty"], "c2"),
        ):
            [found] = segbatch.preview(address, rules=rules).segments
            assert found.first == (first,)


@pytest.mark.parametrize(
    ("mark", "kind", "advice"),
    [
        ("_delta_log/00000000000000000000.json", "a Delta", "pass it as delta+{table}"),
        (".hoodie/hoodie.properties", "a Hudi", "('{table}')"),
        ("metadata/00000-a.metadata.json", "an Iceberg", "iceberg://CATALOG/NAMESPACE.TABLE"),
        ("metadata/version-hint.text", "an Iceberg", "iceberg://CATALOG/NAMESPACE.TABLE"),
    ],
)
def test_tables_in_a_bucket_are_refused(bucket: Bucket, mark: str, kind: str, advice: str) -> None:
    bucket.put("crm/contacts/data/k=1/a.parquet", b"PAR1")
    bucket.put("crm/contacts/b.parquet", b"PAR1")
    bucket.put("crm/plain/c.parquet", b"PAR1")
    bucket.put("crm/plain/metadata/notes.json", b"{}")
    bucket.put(f"crm/contacts/{mark}", b"{}")
    places = ["", "/", "/data", "/data/k=1/a.parquet", "/b.parquet", "/*.parquet", "/**/*.parquet", "/data/*/*.parquet"]
    for address in (*(bucket.at(f"crm/contacts{place}") for place in places), bucket.at("crm/**/*.parquet")):
        with pytest.raises(SnapshotError) as raised:
            find_files(address)
        table = bucket.at("crm/contacts")
        assert str(raised.value).startswith(f"{table}: is {kind} table, whose folder also has files with rows")
        assert advice.format(table=table) in str(raised.value)
    for place in ("crm/plain", "crm/plain/c.parquet", "crm/plain/*.parquet", "crm/p*/*.parquet"):
        assert len(find_files(bucket.at(place))) == 1


def test_what_looks_at_a_snapshot_looks_at_an_object_too(tmp_path: Path, bucket: Bucket, segments: Path) -> None:
    address = bucket.put("c.parquet", write(tmp_path / "contacts.parquet", "json"))
    assert segbatch.check(segments, address).errors == ()
    [previewed] = segbatch.preview(address, rules=["custom_fields.plan eq pro"], first=1).segments
    assert (previewed.members, previewed.first) == (2000, ("c00001",))
    assert segbatch.explain(address, "pro", "c00001", segments=segments).member
    assert segbatch.funnel(address, "large", segments=segments).members == 1000
    assert segbatch.lint(segments, address).errors == ()
    assert f"READ_PARQUET('{address}')" in write_sql("pro", address, segments)
    with pytest.raises(segbatch.DefinitionError, match="has no column 'stats'; did you mean"):
        segbatch.preview(
            bucket.put("d.parquet", write_contacts(tmp_path / "d", {"status": ["x"]})), rules=["stats eq x"]
        )


def test_an_export_takes_columns_from_the_object_that_the_run_read(
    tmp_path: Path, bucket: Bucket, segments: Path
) -> None:
    address = bucket.put("c.parquet", write(tmp_path / "contacts.parquet"))
    bucket.put("folder/d.parquet", write(tmp_path / "more.parquet", begin=NUMBER))
    segbatch.run(address, segments, tmp_path / "output")
    options: dict[str, Any] = {"output": tmp_path / "output", "columns": ["custom_fields.seats"]}
    segbatch.export("large", tmp_path / "x.csv", **options)
    assert (tmp_path / "x.csv").read_text().splitlines()[1] == '"c02000",2000'
    bucket.put("c.parquet", write(tmp_path / "contacts.parquet", begin=1))
    with pytest.raises(SnapshotError, match=f"{address}: is not the snapshot that run"):
        segbatch.export("large", tmp_path / "y.csv", **options)
    report = segbatch.export("large", tmp_path / "y.csv", contacts=bucket.at("folder/"), **options)
    assert report.not_in_snapshot == 1000


def test_a_check_fetches_the_end_of_an_object_alone(
    tmp_path: Path, bucket: Bucket, proxy: Proxy, segments: Path
) -> None:
    table = pa.table({"id": range(200_000), "custom_fields": [{"plan": "pro", "seats": 1}] * 200_000})
    file = write_contacts(tmp_path / "contacts.parquet", table, compression="none")
    assert file.stat().st_size > 1_000_000
    address = bucket.put("c.parquet", file)
    segbatch.check(segments, address)
    assert proxy.bytes < 200_000
    segbatch.preview(address, rules=["custom_fields.plan eq pro"])
    assert proxy.bytes > file.stat().st_size


def test_an_object_is_fetched_once_however_often_it_is_read(
    tmp_path: Path, bucket: Bucket, proxy: Proxy, segments: Path
) -> None:
    file = write(tmp_path / "contacts.parquet", "json")
    segbatch.run(bucket.put("c.parquet", file), segments, tmp_path / "output", run_id="first")
    before = proxy.bytes
    segbatch.run(bucket.put("d.parquet", file), segments, tmp_path / "output")
    assert proxy.bytes - before < 2 * file.stat().st_size + 70_000


def put_when(number: int, bucket: Bucket, key: str, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write an object anew when so many pieces of it were fetched."""
    whole, seen = RemoteFile._whole, list[int]()  # noqa: SLF001 - each piece passes through it

    def passing(self: RemoteFile, data: bytes, size: int) -> bytes:
        seen.append(size)
        if len(seen) == number:
            bucket.put(key, file)
        return whole(self, data, size)

    monkeypatch.setattr(RemoteFile, "_whole", passing)


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize("number", [1, 2, 5])
@pytest.mark.parametrize("form", ["struct", "json"])
def test_an_object_that_is_replaced_while_it_is_fetched_publishes_nothing(
    tmp_path: Path, bucket: Bucket, segments: Path, monkeypatch: pytest.MonkeyPatch, number: int, form: str
) -> None:
    address = bucket.put("c.parquet", write(tmp_path / "contacts.parquet", form))
    put_when(number, bucket, "c.parquet", write(tmp_path / "other.parquet", form, begin=7), monkeypatch)
    with pytest.raises(SnapshotError, match=f"{address}: was written while it was read; run again when the export is"):
        segbatch.run(address, segments, tmp_path / "output")
    assert not (tmp_path / "output").exists()


def test_an_object_that_is_gone_while_it_is_fetched_publishes_nothing(
    tmp_path: Path, bucket: Bucket, segments: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = bucket.put("c.parquet", write(tmp_path / "contacts.parquet"))
    write_copy = RemoteFile._write  # noqa: SLF001 - fetches all pieces

    def removing(*arguments: Any) -> str:
        digest = write_copy(*arguments)
        bucket.remove("c.parquet")
        return digest

    monkeypatch.setattr(RemoteFile, "_write", removing)
    with pytest.raises(SnapshotError, match=f"{address}: no longer exists; run again when the export is done"):
        segbatch.run(address, segments, tmp_path / "output")


def test_changes_after_an_object_was_fetched_are_ignored(tmp_path: Path, bucket: Bucket, segments: Path) -> None:
    address = bucket.put("c.parquet", write(tmp_path / "contacts.parquet"))

    def replace(_done: int, _total: int) -> None:
        bucket.put("c.parquet", b"something else")

    report = segbatch.run(address, segments, tmp_path / "output", progress=replace)
    assert report.run.memberships == 3000


def test_one_replaced_object_of_several_is_reported(
    tmp_path: Path, bucket: Bucket, segments: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        bucket.put(f"{number}.parquet", write(tmp_path / "x.parquet", begin=number * NUMBER))
    fetch, other = RemoteFile._fetch, write(tmp_path / "x.parquet", begin=9 * NUMBER)  # noqa: SLF001

    def fetching(self: RemoteFile, *arguments: Any) -> Any:
        if str(self).endswith("/0.parquet"):
            bucket.put("2.parquet", other)
        return fetch(self, *arguments)

    monkeypatch.setattr(RemoteFile, "_fetch", fetching)
    with pytest.raises(SnapshotError, match=f"{bucket.at('2.parquet')}: was written while it was read"):
        segbatch.run(bucket.at(""), segments, tmp_path / "output")


def test_a_copy_has_no_name_that_could_stay(tmp_path: Path, bucket: Bucket, segments: Path, room: Path) -> None:
    address, names = bucket.put("c.parquet", write(tmp_path / "contacts.parquet")), list[Path]()
    segbatch.run(address, segments, tmp_path / "output", progress=lambda *_: names.extend(room.iterdir()))
    assert names == []
    script = (
        "import os, signal, segbatch, sys; segbatch.run(*sys.argv[1:], progress=lambda *_: os.kill(os.getpid(), 9))"
    )
    ended = subprocess.run([sys.executable, "-c", script, address, segments, tmp_path / "output"], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert list(room.iterdir()) == []


def test_a_disk_without_space_is_reported_before_anything_is_fetched(
    tmp_path: Path, bucket: Bucket, segments: Path, room: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = bucket.put("c.parquet", write(tmp_path / "contacts.parquet"))
    usage = shutil.disk_usage(room)._replace(free=10)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    message = f"{address}: cannot be fetched: {room} has too little space; set TMPDIR to a folder with room for a copy"
    with pytest.raises(SnapshotError, match=message):
        segbatch.run(address, segments, tmp_path / "output")


def test_a_disk_that_becomes_full_is_reported(
    tmp_path: Path, bucket: Bucket, segments: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> str:
        raise OSError(28, "No space left on device")

    address = bucket.put("c.parquet", write(tmp_path / "contacts.parquet"))
    monkeypatch.setattr(RemoteFile, "_write", full)
    with pytest.raises(SnapshotError, match="cannot be written: No space left on device; set TMPDIR to"):
        segbatch.run(address, segments, tmp_path / "output")


def test_copies_are_put_where_large_files_belong(monkeypatch: pytest.MonkeyPatch, room: Path) -> None:
    assert temporary_folder.temporary_folder() == room
    monkeypatch.delenv("TMPDIR")
    monkeypatch.setattr(os, "access", lambda *_: True)
    assert temporary_folder.temporary_folder() == Path("/var/tmp")  # noqa: S108


@pytest.mark.parametrize("content", [b"", b"PAR1", b"not Parquet at all", b"PAR1" + b"x" * 5000 + b"PAR1"])
def test_an_object_that_is_not_parquet_is_reported(bucket: Bucket, segments: Path, content: bytes) -> None:
    address = bucket.put("c.parquet", content)
    with pytest.raises(SnapshotError, match=f"{address}: is not Parquet, is truncated, or is damaged; export it again"):
        segbatch.check(segments, address)


def test_an_object_that_is_damaged_inside_is_reported(tmp_path: Path, bucket: Bucket, segments: Path) -> None:
    file = write(tmp_path / "contacts.parquet")
    content = bytearray(file.read_bytes())
    content[100:400] = b"x" * 300
    address = bucket.put("c.parquet", bytes(content))
    with pytest.raises(SnapshotError, match=f"{address}: is not Parquet, is truncated, or is damaged"):
        segbatch.run(address, segments, tmp_path / "output")


def test_the_program_runs_over_an_object(tmp_path: Path, bucket: Bucket, segments: Path) -> None:
    address = bucket.put("c.parquet", write(tmp_path / "contacts.parquet"))
    command = [sys.executable, "-m", "segbatch", "run", "--contacts", address, "--segments", str(segments), "--json"]
    ended = subprocess.run([*command, "--output", str(tmp_path / "o")], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert json.loads(ended.stdout)["memberships"] == 3000
    shown = pq.read_table(tmp_path / "o" / "runs" / json.loads(ended.stdout)["run_id"] / "membership")
    assert shown.num_rows == 3000
