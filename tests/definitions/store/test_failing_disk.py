"""A disk that fails before, during and after the step that changes definitions."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from failing_disk import refuse_flushes_of_folders, refuse_removal, report_failure
from segbatch.definitions.store import SegmentStore
from segbatch.definitions.store import files as writing
from segbatch.definitions.store.files import UncertainStoreError
from segbatch.errors import Problem, StoreError

from .making import definition, files, put

CHANGES: dict[str, tuple[Callable[[SegmentStore], Any], tuple[Any, str], str]] = {
    "create": (lambda ours: ours.create(definition("New", id="new")), (os, "link"), "new.json"),
    "update": (lambda ours: ours.update("a", {"name": "B"}), (Path, "replace"), "a.json"),
    "update in a list": (lambda ours: ours.update("x", {"name": "B"}), (Path, "replace"), "list.json"),
    "delete": (lambda ours: ours.delete("a"), (Path, "unlink"), "a.json"),
    "delete from a list": (lambda ours: ours.delete("x"), (Path, "replace"), "list.json"),
}


@pytest.fixture
def warned() -> list[Problem]:
    return []


@pytest.fixture
def ours(tmp_path: Path, warned: list[Problem]) -> SegmentStore:
    put(tmp_path / "a.json", definition("A"))
    put(tmp_path / "list.json", [definition("X", id="x"), definition("Y", id="y")])
    return SegmentStore(tmp_path, warn=warned.append)


def without_moments(found: dict[str, str]) -> dict[str, str]:
    """Return files without the lines that have the time of a change."""
    return {
        name: "\n".join(line for line in text.splitlines() if "ated_at" not in line) for name, text in found.items()
    }


def after(change: str, folder: Path) -> dict[str, str]:
    """Make the same change in a folder of its own, and return the files."""
    put(folder / "a.json", definition("A"))
    put(folder / "list.json", [definition("X", id="x"), definition("Y", id="y")])
    CHANGES[change][0](SegmentStore(folder))
    return without_moments(files(folder))


@pytest.fixture(params=CHANGES)
def change(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def ensure_made_with_a_warning(change: str, ours: SegmentStore, tmp_path: Path, warned: list[Problem]) -> None:
    message = "is changed, but that may not survive a power failure: Input/output error; check the disk"
    assert warned == [Problem(message, str(tmp_path / CHANGES[change][2]), severity="warning")]
    assert without_moments(files(tmp_path)) == after(change, tmp_path.with_name(f"{tmp_path.name}-expected"))
    fresh = {entry.segment_id: entry.name for entry in SegmentStore(tmp_path).list()}
    assert {entry.segment_id: entry.name for entry in ours.list()} == fresh


def test_a_change_whose_folder_cannot_be_flushed_is_made(
    change: str, ours: SegmentStore, tmp_path: Path, warned: list[Problem], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        refuse_flushes_of_folders(patch)
        done = CHANGES[change][0](ours)
    assert done.segment_id == {"create": "new", "update": "a", "delete": "a"}.get(change, "x")
    ensure_made_with_a_warning(change, ours, tmp_path, warned)


def test_a_step_that_is_done_in_spite_of_an_error_is_made(
    change: str, ours: SegmentStore, tmp_path: Path, warned: list[Problem], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        report_failure(patch, *CHANGES[change][1], is_done=True, is_blind=False)
        CHANGES[change][0](ours)
    ensure_made_with_a_warning(change, ours, tmp_path, warned)


def test_a_step_that_fails_changes_nothing(
    change: str, ours: SegmentStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = files(tmp_path)
    with monkeypatch.context() as patch:
        report_failure(patch, *CHANGES[change][1], is_done=False, is_blind=False)
        with pytest.raises(StoreError, match=r": cannot be written: Input/output error; nothing was changed$"):
            CHANGES[change][0](ours)
    CHANGES[change][0](ours)  # what the failed change left behind is in nobody's way
    assert files(tmp_path) != before
    assert ".segbatch.new" not in files(tmp_path)


@pytest.mark.parametrize("is_done", [True, False])
def test_a_step_that_fails_on_a_disk_that_cannot_be_read_may_be_done(
    change: str, ours: SegmentStore, monkeypatch: pytest.MonkeyPatch, *, is_done: bool
) -> None:
    with monkeypatch.context() as patch:
        report_failure(patch, *CHANGES[change][1], is_done=is_done, is_blind=True)
        with pytest.raises(UncertainStoreError) as raised:
            CHANGES[change][0](ours)
    message = "cannot be written: Input/output error; the file may have been changed; check its content"
    assert str(raised.value).endswith(f"{CHANGES[change][2]}: {message}")


def test_a_leftover_file_is_removed_by_the_next_change(
    ours: SegmentStore, tmp_path: Path, warned: list[Problem], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        refuse_removal(patch, ".new")
        assert ours.create(definition("New", id="new")).segment_id == "new"
    assert sorted(files(tmp_path)) == [".segbatch.new", "a.json", "list.json", "new.json"]
    ours.update("a", {"name": "B"})
    assert sorted(files(tmp_path)) == ["a.json", "list.json", "new.json"]
    assert warned == []


def test_a_written_segment_is_returned_even_if_it_cannot_be_read(
    ours: SegmentStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = Path.read_bytes

    def fail(path: Path) -> bytes:
        if b"Better" in read(path):
            raise OSError(5, "Input/output error", str(path))
        return read(path)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", fail)
        assert ours.update("a", {"name": "Better"}).segment.name == "Better"
    assert ours.get("a").segment.name == "Better"
    replace = writing.replace

    def gone(file: Path, content: bytes, was: bytes) -> None:
        replace(file, content, was)
        file.unlink()

    with monkeypatch.context() as patch:
        patch.setattr(writing, "replace", gone)
        assert ours.update("a", {"name": "Gone"}).segment.name == "Gone"
    assert [entry.segment_id for entry in ours.list()] == ["x", "y"]


def test_a_written_segment_is_returned_even_if_the_folder_cannot_be_read(
    ours: SegmentStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = writing.replace

    def blind(file: Path, content: bytes, was: bytes) -> None:
        replace(file, content, was)
        patch.setattr("segbatch.definitions.store.index.os.path.exists", lambda _: False)
        report_failure(patch, Path, "is_dir", is_done=False, is_blind=False)

    with monkeypatch.context() as patch:
        patch.setattr(writing, "replace", blind)
        assert ours.update("a", {"name": "Better"}).segment.name == "Better"
        with pytest.raises(StoreError, match="cannot be read: Input/output error"):
            ours.list()
    assert ours.get("a").segment.name == "Better"


def test_a_segment_can_be_moved_to_another_project(ours: SegmentStore) -> None:
    ours.update("a", {"project_id": "p"})
    assert ours.update("a", {"project_id": "q"}, project="p").segment.project_id == "q"


def test_a_warning_that_is_not_asked_for_is_one_of_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_flushes_of_folders(monkeypatch)
    with pytest.warns(RuntimeWarning, match="new.json: is changed, but that may not survive a power failure"):
        SegmentStore(tmp_path).create(definition("New", id="new"))


@pytest.mark.parametrize(("owner", "name"), [(Path, "exists"), (Path, "is_file"), (os, "listdir"), (Path, "lstat")])
def test_an_unreadable_file_is_not_reported_as_unwritable(
    ours: SegmentStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str
) -> None:
    before = files(tmp_path)
    with monkeypatch.context() as patch:
        report_failure(patch, owner, name, is_done=False, is_blind=False)
        with pytest.raises(StoreError, match=f"{tmp_path}.*: cannot be read: Input/output error"):
            CHANGES["update" if name == "lstat" else "create"][0](ours)
    assert files(tmp_path) == before
