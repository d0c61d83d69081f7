"""Ids, names and links that try to lead out of the folder or into another user's file."""

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from segbatch.definitions.store import SegmentStore
from segbatch.definitions.store.files import lock_folder
from segbatch.errors import BusyError, DefinitionError, NotFoundError, SegbatchError, StoreError

from .making import definition, files, put, store

IDS = [
    "..",
    ".",
    "../x",
    "..%2fx",
    "/etc/passwd",
    "a/b",
    "a\\b",
    "a\0b",
    "a\nb",
    "",
    " a",
    "ä",
    "\N{FULLWIDTH FULL STOP}\N{FULLWIDTH FULL STOP}",
    "a\N{COMBINING ACUTE ACCENT}",
    "x" * 129,
    "\ud800",
    "~",
    "*",
    "$(id)",
    5,
    ["a"],
    True,
]


@pytest.mark.parametrize("segment_id", IDS)
def test_an_invalid_id_does_not_become_a_file(tmp_path: Path, segment_id: Any) -> None:
    with pytest.raises(DefinitionError, match=r"^\$\.id: "):
        store(tmp_path / "in").create(definition(id=segment_id))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("segment_id", [*(text for text in IDS if isinstance(text, str)), ".segbatch", "segbatch.lock"])
def test_an_invalid_id_finds_nothing(tmp_path: Path, segment_id: str) -> None:
    put(tmp_path / "x.json", definition())
    ours = store(tmp_path / "in")
    ours.create(definition())
    for attempt in (ours.get, partial(ours.update, changes={"name": "N"}), ours.delete):
        with pytest.raises(NotFoundError, match="there is no segment"):
            attempt(segment_id)
    assert len(files(tmp_path)) == 2


@pytest.mark.parametrize("segment_id", [".hidden", ".segbatch.lock", ".segbatch.new", "..."])
def test_an_id_with_a_leading_dot_is_refused(tmp_path: Path, segment_id: str) -> None:
    with pytest.raises(
        DefinitionError, match=r"^\$\.id: '\..*' begins with a dot, and files with such names are not read"
    ):
        store(tmp_path).create(definition(id=segment_id))
    assert files(tmp_path) == {}


@pytest.mark.parametrize("segment_id", ["con", "a.json", "a..b", "-rf", "--yes", "a.", "x" * 128, "_", "0"])
def test_an_odd_id_is_a_file_in_the_folder(tmp_path: Path, segment_id: str) -> None:
    ours = store(tmp_path)
    ours.create(definition(id=segment_id))
    assert list(files(tmp_path)) == [f"{segment_id}.json"]
    assert ours.update(segment_id, {"name": "N"}).segment.name == "N"
    ours.delete(segment_id)
    assert files(tmp_path) == {}


def test_a_file_that_contains_another_id_is_not_touched(tmp_path: Path) -> None:
    mine = definition("Mine", id="other")
    put(tmp_path / "a.json", mine)
    put(tmp_path / "B.JSON", definition("Mine too", id="another"))
    ours = store(tmp_path)
    assert ours.create(definition(id="a")).file.endswith("/a~2.json")
    assert ours.create(definition(id="b")).file.endswith("/b~2.json")
    assert ours.get("other").segment.name == "Mine"
    assert ours.delete("a").segment_id == "a"
    assert sorted(files(tmp_path)) == ["B.JSON", "a.json", "b~2.json"]


def test_a_pipe_or_a_folder_of_that_name_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "a.json").mkdir()
    os.mkfifo(tmp_path / "b.json")
    ours = store(tmp_path)
    for segment_id in ("a", "b"):
        assert ours.create(definition(id=segment_id)).file.endswith(f"/{segment_id}~2.json")


@pytest.mark.parametrize("target", ["../outside.json", "inside.txt"])
def test_links_are_not_followed_or_replaced(tmp_path: Path, target: str) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    outside = put(folder / target, definition("Elsewhere"))
    (folder / "link.json").symlink_to(target)
    before = outside.read_text()
    ours = store(folder)
    assert ours.get("link").segment.name == "Elsewhere"
    for attempt in (partial(ours.update, changes={"name": "N"}), ours.delete):
        with pytest.raises(StoreError, match=r"link\.json: is a link, and segbatch does not write through links"):
            attempt("link")
    assert outside.read_text() == before
    assert (folder / "link.json").is_symlink()


@pytest.mark.parametrize("name", [".segbatch.lock", ".segbatch.new"])
def test_a_link_in_place_of_our_own_files_is_not_followed(tmp_path: Path, name: str) -> None:
    outside = put(tmp_path / "outside", "keep me")
    folder = tmp_path / "in"
    put(folder / "a.json", definition())
    (folder / name).symlink_to(outside)
    refused = pytest.raises(StoreError, match="cannot be written") if name == ".segbatch.lock" else nullcontext()
    with refused:
        store(folder).update("a", {"name": "N"})
    assert outside.read_text() == "keep me"


def test_a_folder_that_is_a_link_is_passed_over(tmp_path: Path) -> None:
    put(tmp_path / "elsewhere" / "a.json", definition())
    put(tmp_path / "in" / "b.json", definition())
    (tmp_path / "in" / "more").symlink_to(tmp_path / "elsewhere")
    assert [entry.segment_id for entry in store(tmp_path / "in").list()] == ["b"]


def test_a_crash_leaves_the_old_file_and_nothing_in_the_way(tmp_path: Path) -> None:
    file = put(tmp_path / "a.json", definition("A"))
    os.link(file, tmp_path / ".segbatch.new")
    ours = store(tmp_path)
    ours.create(definition("B"))
    assert ours.get("a").segment.name == "A"
    assert sorted(files(tmp_path)) == ["a.json", "b.json"]


def test_waiting_for_the_lock_has_a_limit(tmp_path: Path) -> None:
    put(tmp_path / "a.json", definition("A"))
    ours = SegmentStore(tmp_path, timeout=0.01)
    with lock_folder(tmp_path, 1), pytest.raises(BusyError, match=r"another program has been writing for 0\.01 s"):
        ours.update("a", {"name": "B"})
    assert ours.update("a", {"name": "B"}).segment.name == "B"


def test_a_thread_that_changes_something_for_too_long_is_not_waited_for(tmp_path: Path) -> None:
    put(tmp_path / "a.json", definition("A"))
    at_work, go_on = Event(), Event()

    def clock() -> datetime:
        at_work.set()
        go_on.wait(30)
        return datetime.now(UTC)

    ours = SegmentStore(tmp_path, clock=clock, timeout=0.01)
    with ThreadPoolExecutor() as threads:
        slow = threads.submit(ours.update, "a", {"name": "B"})
        assert at_work.wait(30)
        with pytest.raises(BusyError, match=r"other writers owned the lock for 0\.01 s; try again later"):
            ours.update("a", {"name": "C"})
        go_on.set()
        assert slow.result().segment.name == "B"


@pytest.mark.parametrize("where", ["folder", "parent"])
def test_a_failed_write_is_reported(tmp_path: Path, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "in"
    if where == "parent":
        put(tmp_path / "in", "a file")
        with pytest.raises(SegbatchError, match="in: is a file"):
            store(folder).create(definition())
        with pytest.raises(StoreError, match="cannot be written: Not a directory; nothing was changed"):
            store(folder / "below").create(definition())
        return
    put(folder / "a.json", definition("A"))
    ours = store(folder)

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="in: cannot be written: No space left on device; nothing was changed"):
        ours.update("a", {"name": "B"})
    assert list(files(folder)) == ["a.json"]
