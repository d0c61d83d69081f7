"""Outputs that were moved, copied or mounted elsewhere, perhaps read-only."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from segbatch import PublishError, UsageError
from segbatch.runs.query import query
from segbatch.storage.catalog_rebuild import relink
from segbatch.storage.moved_catalog import relink_to
from workspace import Workspace

pytestmark = pytest.mark.slow

MEMBERS = "FROM membership ORDER BY ALL"
ALL_NAMES = (
    "SELECT (SELECT count(*) FROM membership), (SELECT count(*) FROM main.membership_changes), "
    "(SELECT count(*) FROM segbatch.main.membership_history), (SELECT count(*) FROM segments)"
)


def ask(output: Path, sql: str) -> list[tuple[object, ...]]:
    return list(query(output, sql, 1000).rows)


def read(catalogue: Path, sql: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(catalogue), read_only=True) as connection:
        return connection.execute(sql).fetchall()


@pytest.fixture
def mount(two: Workspace, tmp_path: Path) -> Iterator[Path]:
    """The output, mounted read-only elsewhere; or where that is not possible, a copy that cannot be written."""
    place = tmp_path / "mnt"
    place.mkdir()
    if not subprocess.run(["mount", "--bind", two.output, place], check=False, capture_output=True).returncode:
        subprocess.run(["mount", "-o", "remount,bind,ro", place], check=True)
        yield place
        subprocess.run(["umount", place], check=True)
        return
    shutil.copytree(two.output, place, dirs_exist_ok=True)
    for path in (place, *place.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    yield place
    for path in (place, *place.rglob("*")):
        path.chmod(0o755)


def test_a_read_only_mount_is_asked_without_relink(two: Workspace, mount: Path) -> None:
    expected = ask(two.output, MEMBERS), ask(two.output, ALL_NAMES)
    assert (ask(mount, MEMBERS), ask(mount, ALL_NAMES)) == expected
    shutil.move(two.output / "runs", two.output / "hidden")
    with pytest.raises(PublishError, match="names night-1, whose folder is missing"):
        ask(mount, MEMBERS)


def test_a_copy_shows_its_own_files_and_not_those_of_the_original(two: Workspace, tmp_path: Path) -> None:
    copy = tmp_path / "a copy with 'quotes' [and] more"
    shutil.copytree(two.output, copy)
    expected = ask(two.output, MEMBERS)
    two.contacts(ann="pro", bob="pro", cem="pro")
    two.run(1)
    shutil.rmtree(two.output / "runs" / "night-1")
    assert ask(copy, MEMBERS) == expected
    assert ask(copy, "SELECT run_id FROM runs ORDER BY ALL") == [("night-0",), ("night-1",)]


def test_an_output_behind_a_link_is_not_moved(two: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    link = tmp_path / "link"
    link.symlink_to(two.output)
    monkeypatch.setattr("segbatch.runs.query.temporary_catalogue", None)
    assert ask(link, MEMBERS) == ask(two.output, MEMBERS)


def test_nothing_is_left_of_a_question_and_the_output_is_not_written(
    two: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = two.move("elsewhere")
    spill = tmp_path / "spill"
    spill.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(spill))
    before = {path: path.stat().st_mtime_ns for path in moved.output.rglob("*")}
    assert len(moved.ask(MEMBERS)) == 3
    assert {path: path.stat().st_mtime_ns for path in moved.output.rglob("*")} == before
    assert list(spill.iterdir()) == []


def test_the_tables_of_a_mount_are_written_to_the_given_file(two: Workspace, mount: Path, tmp_path: Path) -> None:
    file = tmp_path / "my audiences.duckdb"
    assert relink_to(mount, file).warnings == ()
    shutil.move(two.output / "segbatch.duckdb", tmp_path / "gone.duckdb")
    assert read(file, MEMBERS) == [("free", "ann"), ("free", "cem"), ("pro", "bob")]
    sql = "SELECT sql FROM duckdb_views() WHERE view_name = 'membership'"
    assert f"{mount}/runs/night-1/" in str(read(file, sql))
    relink_to(mount, file)  # again, over the old one
    assert read(file, "SELECT count(*) FROM membership_history") == [(4,)]
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".")) == []


def test_a_relink_of_a_read_only_mount_is_refused(mount: Path) -> None:
    if os.geteuid() == 0 and os.access(mount, os.W_OK):
        pytest.skip("this user can write everything")
    with pytest.raises(PublishError, match=r"(Read-only file system|Permission denied); the tables are as"):
        relink(mount)


def test_another_file_is_never_replaced(two: Workspace, tmp_path: Path) -> None:
    note, database = tmp_path / "note.txt", tmp_path / "mine.duckdb"
    note.write_text("precious")
    with duckdb.connect(str(database)) as connection:
        connection.execute("CREATE TABLE runs (precious INT)")
    for file in (note, database):
        with pytest.raises(UsageError) as raised:
            relink_to(two.output, file)
        message = "exists and is not a catalogue of segbatch; name another file (--to)"
        assert str(raised.value) == f"{file}: {message}"
    assert note.read_text() == "precious"


@pytest.mark.parametrize("name", ["segbatch.duckdb", "current", "mine.duckdb", "runs/night-1/state.arrow"])
def test_nothing_is_written_into_the_output(two: Workspace, name: str) -> None:
    with pytest.raises(UsageError) as raised:
        relink_to(two.output, two.output / name)
    message = "is in the output folder; name a file elsewhere, or leave out --to"
    assert str(raised.value) == f"{two.output / name}: {message}"


def test_changes_that_are_lost_are_a_warning(two: Workspace, tmp_path: Path) -> None:
    (two.place("night-1") / "changes.parquet").unlink()
    [warning] = relink_to(two.output, tmp_path / "mine.duckdb").warnings
    assert "changes.parquet: is missing; membership_changes and membership_history lack" in str(warning)


def test_a_file_that_cannot_be_written_is_one_line(
    two: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "full")

    monkeypatch.setattr("segbatch.storage.moved_catalog.replace_file", fail)
    file = tmp_path / "mine.duckdb"
    with pytest.raises(PublishError) as raised:
        relink_to(two.output, file)
    assert str(raised.value) == f"{file}: cannot be written: No space left on device; nothing was written"
    assert [path.name for path in tmp_path.iterdir() if "mine" in path.name] == []


def test_where_nothing_is_published_there_is_nothing_to_write(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing is published there"):
        relink_to(tmp_path, tmp_path / "mine.duckdb")
