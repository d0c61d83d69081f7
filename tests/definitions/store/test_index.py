"""Files that are added, removed and changed without the store."""

import fcntl
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from segbatch.definitions.definition import Definition, Entry
from segbatch.definitions.discovery import find_files
from segbatch.definitions.json_layout import write_definition
from segbatch.definitions.store import files, index, segment_store
from segbatch.definitions.store.entries import read_file
from segbatch.errors import AlreadyThereError, NotFoundError

from .making import definition, put, store


def test_only_changed_files_are_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "b", "c"):
        put(tmp_path / f"{name}.json", definition(name))
    monkeypatch.setattr(index, "_CLOCK_TICK", -10_000_000_000)  # the files are made now, and taken to be old
    read = list[str]()

    def reading(file: Path) -> tuple[Entry, ...]:
        read.append(file.stem)
        return read_file(file)

    monkeypatch.setattr(index, "read_file", reading)
    ours = store(tmp_path)
    ours.list()
    ours.list()
    ours.get("a")
    shutil.copystat(tmp_path / "a.json", tmp_path)
    ours.get("a")
    ours.get("b")
    assert sorted(read) == ["a", "b", "c"]
    read.clear()
    put(tmp_path / "b.json", definition("b", description="longer"))
    (tmp_path / "c.json").unlink()
    assert [entry.segment_id for entry in ours.list()] == ["a", "b"]
    assert read == ["b"]
    ours.update("a", {"name": "A"})
    ours.list()
    ours.list()
    assert read == ["b", "a"]


def test_an_edit_with_the_same_size_and_times_is_seen_while_it_is_fresh(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    ours = store(tmp_path)
    for letter in "ABCDEFGH" * 5:
        file.write_text(json.dumps(definition(letter)))
        assert ours.get("a").segment.name == letter


def test_an_id_written_in_place_into_another_file_is_found_after_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = put(tmp_path / "a.json", definition("a"))
    os.utime(file, ns=(1, 1))
    monkeypatch.setattr(index, "_CLOCK_TICK", -10_000_000_000)  # the file is made now, and taken to be old
    now = [0.0]
    monkeypatch.setattr("segbatch.definitions.store.index.time.monotonic", lambda: now[0])
    ours = store(tmp_path)
    with pytest.raises(NotFoundError):
        ours.get("b")
    put(file, definition("A", id="b"))
    with pytest.raises(NotFoundError):
        ours.get("b")
    now[0] = 1.1
    assert ours.get("b").segment.name == "A"


def test_a_file_that_was_just_written_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "_CLOCK_TICK", 1_000_000_000_000)  # however long the test takes
    ours = store(tmp_path)
    file = put(tmp_path / "a.json", "")
    with pytest.raises(NotFoundError):
        ours.get("b")
    with file.open("r+") as opened:
        opened.write(json.dumps(definition("A", id="b")))
    assert ours.get("b").segment.name == "A"


def test_a_folder_that_goes_takes_its_segments_along(tmp_path: Path) -> None:
    put(tmp_path / "a.json", definition("A"))
    put(tmp_path / "team" / "b.json", definition("B"))
    ours = store(tmp_path)
    assert ours.get("b").segment.name == "B"
    shutil.rmtree(tmp_path / "team")
    with pytest.raises(NotFoundError):
        ours.get("b")


def test_a_folder_that_becomes_a_file_and_a_folder_again(tmp_path: Path) -> None:
    root = tmp_path / "segments"
    put(root / "a.json", definition("A"))
    ours = store(root)
    assert ours.get("a").segment.name == "A"
    shutil.rmtree(root)
    put(root, definition("B", id="b"))
    assert [entry.segment_id for entry in ours.list()] == ["b"]
    root.unlink()
    put(root / "a.json", definition("A"))
    assert [entry.segment_id for entry in ours.list()] == ["a"]


def test_a_folder_that_cannot_be_listed_is_a_broken_entry_until_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "a.json", definition("A"))
    put(tmp_path / "team" / "b.json", definition("B"))
    ours = store(tmp_path)
    scandir = os.scandir

    def closed(path: str) -> Any:
        if str(path).endswith("team"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", closed)
        assert [entry.segment_id for entry in ours.list()] == ["a", "team/"]
        assert find_files(tmp_path) == [tmp_path / "a.json", tmp_path / "team"]
    assert [entry.segment_id for entry in ours.list()] == ["a", "b"]


def test_a_file_that_a_folder_passes_over_while_it_is_replaced_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "a.json", definition("A"))
    ours = store(tmp_path)
    assert ours.get("a").segment.name == "A"
    monkeypatch.setattr(index, "walk", lambda _: iter(()))
    assert isinstance(ours.list()[0], Definition)


def test_a_file_that_comes_while_a_segment_of_its_id_is_made_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = store(tmp_path)

    def slow(new: Any) -> str:
        put(tmp_path / "a.json", definition("By hand"))
        return write_definition(new)

    monkeypatch.setattr(segment_store, "write_definition", slow)
    with pytest.raises(AlreadyThereError):
        ours.create(definition("Mine", id="a"))
    assert ours.get("a").segment.name == "By hand"


def test_a_segment_that_leaves_its_file_while_it_is_opened_is_looked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = put(tmp_path / "a.json", definition("A", id="a"))
    ours = store(tmp_path)
    assert ours.get("a").segment.name == "A"
    read = files.read

    def late(path: Path) -> bytes:
        monkeypatch.setattr(files, "read", read)
        put(file, definition("Other", id="other"))
        put(tmp_path / "moved.json", definition("A", id="a"))
        return read(path)

    monkeypatch.setattr(files, "read", late)
    assert ours.update("a", {"name": "B"}).file.endswith("moved.json")


def test_a_lock_that_is_removed_during_locking_is_locked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "a.json", definition("A"))
    flock = fcntl.flock

    def removed(descriptor: int, how: int) -> None:
        monkeypatch.setattr(fcntl, "flock", flock)
        flock(descriptor, how)
        lock = tmp_path / ".segbatch.lock"
        lock.unlink()
        lock.touch()

    monkeypatch.setattr(fcntl, "flock", removed)
    assert store(tmp_path).update("a", {"name": "B"}).segment.name == "B"


def test_a_segment_that_moves_once_it_is_written_is_answered_from_its_new_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "a.json", definition("A", id="a"))
    replace = files.replace

    def moved(file: Path, content: bytes, was: bytes) -> None:
        replace(file, content, was)
        file.rename(tmp_path / "b.json")

    monkeypatch.setattr(files, "replace", moved)
    updated = store(tmp_path).update("a", {"name": "B"})
    assert (updated.segment.name, Path(updated.file).name) == ("B", "b.json")


def test_each_of_many_projects_gets_its_own_ids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "_CLOCK_TICK", -10_000_000_000)  # the files are made now, and taken to be old
    monkeypatch.setattr(index, "_VIEWS", 3)
    for number in range(5):
        put(tmp_path / f"{number}.json", definition("A", id=f"customers-{number}", project_id=f"p{number}"))
    ours = store(tmp_path)
    for number in [*range(5), *range(5)]:
        with pytest.raises(NotFoundError, match=f"did you mean 'customers-{number}'"):
            ours.get("custmers", project=f"p{number}")
