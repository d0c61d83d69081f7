"""Which files of a folder are contacts."""

import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import segbatch
from segbatch import SnapshotError
from segbatch.snapshot.discovery import find_files, find_snapshot

PARQUET = [
    *(
        "a.parquet",
        "B.PARQUET",
        "c.parq",
        "d.pq",
        "e.Pq",
        "f.snappy.parquet",
        "g.parquet.snappy",
        "h.parquet.gz",
        "i.parq.zstd",
    ),
    *("000000_0", "000000000000", "part-00000", "data"),
]
DATA = [
    *(
        "x.csv",
        "x.CSV",
        "x.json",
        "x.ndjson",
        "x.jsonl",
        "x.avro",
        "x.orc",
        "x.gz",
        "x.csv.gz",
        "x.xlsx",
        "x.arrow",
        "x.parquet.tmp",
    ),
    *("x.parquet.crdownload", "part-0.inprogress.3", ".part-0.inprogress.3", "x.parquet.inprogress"),
]
KNOWN = [
    *(
        "_SUCCESS",
        "_committed_1",
        "_started_1",
        "_metadata",
        "_common_metadata",
        ".a.parquet.crc",
        ".hidden.parquet",
        "_x.parquet",
    ),
    *("README", "README.md", "LICENSE", "notes.txt", "schema.yaml"),
]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(*names: str) -> None:
    for number, name in enumerate(names):
        path = Path("in") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table({"id": [number]}), path)


def write_bytes(content: bytes, *names: str) -> None:
    for name in names:
        path = Path("in") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def names(path: str = "in") -> list[str]:
    return [str(place).removeprefix("in/") for place in find_files(path)]


def warnings(path: str = "in") -> list[str]:
    return [str(problem) for problem in find_snapshot(path).problems]


def unread(*shown: str, more: int = 0) -> list[str]:
    number = len(shown) + more
    looks = (
        "other file or folder in in looks like data and is"
        if number == 1
        else "other files or folders in in look like data and are"
    )
    listed = ", ".join(shown) + (", …" if more else "")
    return [f"{number} {looks} not read ({listed}); export it as Parquet into the same folder, or move it elsewhere"]


def test_parquet_of_every_extension_is_read_and_of_none() -> None:
    write(*PARQUET)
    write_bytes(b"", *KNOWN)
    assert names() == sorted(PARQUET)
    assert not warnings()


@pytest.mark.parametrize("name", DATA)
def test_what_looks_like_data_is_named(name: str) -> None:
    write("a.parquet")
    write_bytes(b"text", name)
    assert (names(), warnings()) == (["a.parquet"], unread(name))


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"PARE....", "000000_1"),
        (b"ORC....", "000000_1"),
        (b"Obj\x01..", "part-00001"),
        (b"\x1f\x8b..", "part-00001"),
        (b'{"id": 1}', "000000_1"),
        (b"PAR1....PAR1", "contacts.old"),
        (b"PARE....", "contacts.enc"),
        (b"\x1f\x8b..", "a.parquet.gz"),
    ],
)
def test_content_that_looks_like_data_is_named(content: bytes, name: str) -> None:
    write("a.parquet")
    write_bytes(content, name)
    assert (names(), warnings()) == (["a.parquet"], unread(name))


def test_one_warning_counts_all_and_names_the_first() -> None:
    write("a.parquet", "k=1/b.parquet", "old/c.parquet", "k=1/deep/d.parquet")
    write_bytes(b"x", "z.csv", "k=1/y.csv", "_temporary/0/x.parquet", "empty/notes.txt")
    assert names() == ["a.parquet", "k=1/b.parquet"]
    assert warnings() == unread("_temporary/", "k=1/deep/", "k=1/y.csv", more=2)
    with pytest.raises(SnapshotError, match=r"in: 5 other files or folders in in look like data .* \(--strict\)"):
        segbatch.preview("in", rules=["id eq 1"], strict=True)
    assert [str(problem) for problem in segbatch.preview("in", rules=["id eq 1"]).warnings] == warnings()


def test_a_folder_of_other_formats_is_an_error_that_names_them() -> None:
    write_bytes(b"x", "a.csv", "b.json")
    with pytest.raises(SnapshotError, match=r"^in: the folder has no .parquet file; it has a.csv, b.json; export the"):
        find_files("in")


def test_an_empty_file_of_the_right_name_is_an_error() -> None:
    write("a.parquet")
    write_bytes(b"", "b.parquet")
    with pytest.raises(
        SnapshotError, match=r"in/b.parquet: is not Parquet, is truncated, or is damaged; export it again"
    ):
        segbatch.preview("in", rules=["id eq 1"])


def test_what_a_glob_names_is_read_as_it_is() -> None:
    write("a.dat", "b.old", "sub.parquet/c.parquet", "k=1/d.dat")
    assert names("in/*.dat") == ["a.dat"]
    assert names("in/[ab].*") == ["a.dat", "b.old"]
    assert names("in/**/*.dat") == ["a.dat", "k=1/d.dat"]
    assert not warnings("in/*.dat")
    assert warnings("in/[as]*") == [message.replace("in in", "in in/[as]*") for message in unread("in/sub.parquet/")]


def test_the_output_of_runs_next_to_the_contacts_gives_no_warning() -> None:
    write("a.parquet")
    Path("segments").mkdir()
    Path("segments/it.json").write_text('{"name": "All", "rules": [{"field": "id", "operator": "exists"}]}')
    segbatch.run("in", output="in/output")
    assert not segbatch.run("in", output="in/output").warnings


def test_a_link_in_a_circle_is_followed_once() -> None:
    write("k=1/a.parquet")
    Path("in/k=1/l=2").symlink_to(Path("in").absolute())
    assert names() == ["k=1/a.parquet"]


DELTA: Any = {"_delta_log/00000000000000000000.json": b"{}"}
HUDI: Any = {".hoodie/hoodie.properties": b""}
ICEBERG: Any = {"metadata/00000-b1a2.metadata.json": b"{}"}
TABLES = {
    "Delta": (DELTA, ["a.parquet", "k=1/b.parquet"]),
    "Delta, only partitions": (DELTA, ["k=1/b.parquet"]),
    "Delta with a checkpoint alone": ({"_delta_log/00000000000000000010.checkpoint.parquet": b""}, ["a.parquet"]),
    "Hudi": (HUDI, ["2025/06/01/a.parquet"]),
    "Iceberg": (ICEBERG, ["data/a.parquet", "data/k=1/b.parquet"]),
    "Iceberg of Hadoop": ({"metadata/version-hint.text": b"1"}, ["data/a.parquet"]),
    "Iceberg, compressed": ({"metadata/v3.gz.metadata.json": b""}, ["data/a.parquet"]),
    "Iceberg with data beside": (ICEBERG, ["a.parquet"]),
}


@pytest.mark.parametrize(("marks", "files"), TABLES.values(), ids=list(TABLES))
def test_a_table_is_refused_however_it_is_given(
    marks: dict[str, bytes], files: list[str], request: pytest.FixtureRequest
) -> None:
    write(*files)
    for name, content in marks.items():
        write_bytes(content, name)
    Path("link").symlink_to("in")
    Path("file.parquet").symlink_to(Path("in") / files[0])
    kind = request.node.callspec.id.partition(" ")[0].rstrip(",")
    paths = [
        "in",
        "in/",
        "in/**/*.parquet",
        "in/**",
        "*/**/*.parquet",
        f"in/{files[0]}",
        "link",
        "file.parquet",
        "*.parquet",
    ]
    paths += [str(Path("in").absolute()), "link/**/*.parquet", "in/../in", str(Path("in") / files[-1])]
    paths += [str(parent) for file in files for parent in (Path("in") / file).parents][:-1]
    for path in paths:
        with pytest.raises(
            SnapshotError, match=f"(in|link): is an? {kind} table, whose folder also has files with rows"
        ):
            find_files(path)


def test_the_message_names_the_address_of_the_table() -> None:
    write("it's/a.parquet")
    write_bytes(b"{}", "it's/_delta_log/0.json")
    with pytest.raises(SnapshotError) as raised:
        find_files("in/it's/a.parquet")
    assert str(raised.value) == (
        "in/it's: is a Delta table, whose folder also has files with rows that were deleted or replaced; pass it as "
        "delta+in/it's"
    )


@pytest.mark.parametrize(
    "name",
    [
        "metadata/schema.json",
        "metadata/contacts.metadata.json",
        "metadata/notes.txt",
        "data/x.txt",
        "metadata.json",
        "_delta_logs/x",
    ],
)
def test_an_ordinary_folder_is_not_a_table(name: str) -> None:
    write("a.parquet", "data/b.parquet")
    write_bytes(b"{}", name)
    assert names() == ["a.parquet"]
    assert names("in/data") == ["data/b.parquet"]


def test_a_file_that_was_copied_out_of_a_table_is_read() -> None:
    write("a.parquet")
    write_bytes(b"{}", "_delta_log/0.json")
    shutil.copy("in/a.parquet", "copy.parquet")
    assert names("copy.parquet") == ["copy.parquet"]
