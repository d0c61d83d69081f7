"""Runs that are published to a store: what readers see, also when a run dies, or others publish at the same time."""

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from remote.faulty_store import FaultyStore, Killed
from remote.published import published_in
from segbatch import PublishError, UsageError
from segbatch.storage.keep import Keep
from segbatch.storage.output_lock import LockedError
from segbatch.storage.remote import lease
from segbatch.storage.remote.folder_store import FolderStore
from segbatch.storage.remote.pointer_publication import PointerPublication
from segbatch.storage.remote.publication import NewRun, Pointer
from segbatch.storage.targets import output, remote
from workspace import FIRST_RUN, Workspace


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def store(root: Path) -> FaultyStore:
    return FaultyStore(FolderStore(root))


@pytest.fixture(autouse=True)
def output_in_the_store(store: FaultyStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Publish to the store, one file at a time, so that a run makes its calls in the same order each time."""
    monkeypatch.setenv("SEGBATCH_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(output, "open_publication", lambda _output: PointerPublication(store))
    monkeypatch.setattr(remote, "_AT_ONCE", 1)


@pytest.fixture
def place(tmp_path: Path) -> Workspace:
    place = Workspace(tmp_path)
    place.segment("pro")
    place.contacts(a="pro", b="pro", c="free")
    return place


def folders(root: Path) -> list[str]:
    return sorted(path.name for path in (root / "runs").iterdir())


def test_runs_follow_each_other(place: Workspace, root: Path) -> None:
    first = place.run(0)
    assert (first.catalogue, first.membership) == (None, f"{root}/runs/night-0/membership")
    place.contacts(a="pro", b="free", c="pro")
    second = place.run(1)
    assert [(one.member_count, one.entered, one.exited) for one in second.segments] == [(2, 1, 1)]
    found = published_in(root)
    assert found is not None
    assert found.members == [("pro", "a"), ("pro", "c")]
    assert found.changes == [("entered", "c"), ("exited", "b")]
    assert [past.run.run_id for past in found.history.runs] == ["night-0", "night-1"]
    assert not (root / "lock").exists()


def test_the_last_run_can_be_run_again(place: Workspace, root: Path) -> None:
    for number in (0, 1):
        place.run(number)
    place.contacts(a="free", b="free", c="pro")
    place.run(1)
    found = published_in(root)
    assert found is not None
    assert found.members == [("pro", "c")]
    assert found.changes == [("entered", "c"), ("exited", "a"), ("exited", "b")]
    assert [past.folder for past in found.history.runs] == ["night-0", "night-1~2"]
    assert folders(root) == ["night-0", "night-1", "night-1~2"]


def test_runs_are_rolled_back(place: Workspace, root: Path) -> None:
    for number in (0, 1):
        place.run(number)
    with pytest.raises(UsageError, match="--rewind rolls back 1 run"):
        place.run(run_id="other", as_of=FIRST_RUN + timedelta(hours=1))
    report = place.run(run_id="other", as_of=FIRST_RUN + timedelta(hours=1), rewind=True)
    assert report.taken_back == ("night-1",)
    found = published_in(root)
    assert found is not None
    assert [past.run.run_id for past in found.history.runs] == ["night-0", "other"]
    assert [gone.folder for gone in found.history.taken_back] == ["night-1"]
    assert "night-1" in folders(root)  # it may have readers


def test_old_runs_lose_their_members(place: Workspace, root: Path) -> None:
    for number in range(4):
        place.run(number, keep=Keep(runs=2, days=0))
    kept = {folder: sorted(path.name for path in (root / "runs" / folder).iterdir()) for folder in folders(root)}
    assert kept["night-0"] == kept["night-1"] == ["changes.parquet", "claim", "history.json", "manifest.json"]
    assert "state.arrow" in kept["night-2"]
    report = place.run(4, keep=Keep(runs=2, days=0))
    assert report.warnings == ()


def test_a_dry_run_writes_nothing(place: Workspace, store: FaultyStore, root: Path) -> None:
    place.run(0)
    before, files = len(store.calls), sorted(root.rglob("*"))
    place.contacts(a="pro")
    report = place.run(1, dry_run=True)
    assert (report.dry_run, report.membership) == (True, f"{root}/runs/night-1/membership")
    assert [one.exited for one in report.segments] == [1]
    assert {method for method, _ in store.calls[before:]} <= {"read", "files", "download"}
    assert sorted(root.rglob("*")) == files


def test_a_lost_file_of_changes_is_a_warning(place: Workspace, root: Path) -> None:
    place.run(0)
    place.contacts(a="pro", b="free", c="pro")
    place.run(1)
    (root / "runs/night-1/changes.parquet").unlink()
    [warning] = place.run(2).warnings
    assert str(warning).startswith(f"{root}/runs/night-1/changes.parquet: is missing; membership_changes")


@pytest.mark.parametrize("name", ["manifest.json", "history.json", "state.arrow"])
def test_a_lost_or_damaged_file_of_the_last_run_is_an_error(place: Workspace, root: Path, name: str) -> None:
    place.run(0)
    path = root / "runs/night-0" / name
    path.write_bytes(b"x" * path.stat().st_size)
    with pytest.raises(PublishError, match=rf"{name}: (is missing or damaged|was changed|is damaged)"):
        Workspace(place.folder).run(1) if name != "state.arrow" else _without_copy(place).run(1)
    path.unlink()
    with pytest.raises(PublishError, match=rf"{name}: is missing"):
        place.run(1)


def _without_copy(place: Workspace) -> Workspace:
    for path in (place.folder / "cache").rglob("state.arrow"):
        path.unlink()
    return place


def test_files_of_dead_runs_are_removed_after_a_day(
    place: Workspace, store: FaultyStore, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.run(0)
    store.write_new("runs/dead/claim", b"someone")
    place.run(1)
    assert "dead" in folders(root)
    monkeypatch.setattr(remote, "_DEAD_AFTER", timedelta(0))
    place.run(2)
    assert folders(root) == ["night-0", "night-1", "night-2"]


def test_a_run_whose_files_were_removed_is_not_published(
    place: Workspace, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.run(0)
    upload = FolderStore.upload

    def remove_then_upload(folder_store: FolderStore, source: Path, key: str) -> None:
        folder_store.remove(["runs/night-1/claim"])
        upload(folder_store, source, key)

    monkeypatch.setattr(FolderStore, "upload", remove_then_upload)
    with pytest.raises(PublishError, match="another process removed the files of this run; nothing was published"):
        place.run(1)
    assert (root / "current").read_text() == "night-0\n"


def test_a_failure_of_the_pointer_that_may_have_worked_keeps_the_files(
    place: Workspace, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.run(0)
    publish = PointerPublication.publish

    def fail_afterwards(self: PointerPublication, new: NewRun, before: Pointer) -> None:
        publish(self, new, before)
        raise PublishError("the answer is lost")

    monkeypatch.setattr(PointerPublication, "publish", fail_afterwards)
    assert place.run(1).warnings == ()  # the pointer was read again
    pointer, asked = PointerPublication.pointer, itertools.count()

    def fail_later(self: PointerPublication) -> Pointer:
        if next(asked):
            raise PublishError("cannot be reached")
        return pointer(self)

    monkeypatch.setattr(PointerPublication, "pointer", fail_later)
    with pytest.raises(PublishError, match="the answer is lost; the run may be published; segbatch runs shows"):
        place.run(2)
    assert "night-2" in folders(root)


def test_a_pointer_that_is_not_written_is_an_error(
    place: Workspace, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PublishError("access is denied")

    with monkeypatch.context() as patch:
        patch.setattr(PointerPublication, "publish", refuse)
        with pytest.raises(PublishError, match=r"\Aaccess is denied\Z"):
            place.run(0)
    assert not (root / "current").exists()
    place.run(1)
    assert (root / "current").read_text() == "night-1\n"


def test_a_damaged_pointer_is_an_error(place: Workspace, root: Path) -> None:
    place.run(0)
    (root / "current").write_bytes(b"../elsewhere")
    with pytest.raises(PublishError, match="current: does not name a run; restore it"):
        place.run(1)


def test_a_copy_that_cannot_be_written_is_an_error(
    place: Workspace, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("SEGBATCH_CACHE_DIR", str(tmp_path / "file" / "cache"))
    with pytest.raises(PublishError, match="SEGBATCH_CACHE_DIR"):
        place.run(0)
    assert not (root / "runs").exists()
    assert not (root / "lock").exists()


def test_eight_writers_race_and_one_wins(place: Workspace, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the lease, which would stop most of them earlier."""
    place.run(0)
    writers = 8
    barrier, read = Barrier(writers), PointerPublication.pointer

    def read_together(self: PointerPublication) -> Pointer:
        found = read(self)
        if found.folder == "night-0" and self not in waited:
            waited.append(self)
            barrier.wait(120)
        return found

    waited = list[PointerPublication]()
    monkeypatch.setattr(PointerPublication, "pointer", read_together)
    monkeypatch.setattr(remote, "hold_lease", lambda *_: nullcontext())
    as_of = datetime(2025, 12, 1, tzinfo=UTC)

    def write(number: int) -> str:
        try:
            return place.run(run_id=f"writer-{number}", as_of=as_of).run.run_id
        except LockedError as error:
            assert "another run was published meanwhile" in str(error)  # noqa: PT017 - in a thread
            return ""

    with ThreadPoolExecutor(writers) as pool:
        won = [run_id for run_id in pool.map(write, range(writers)) if run_id]
    [winner] = won
    found = published_in(root)
    assert found is not None
    assert [past.run.run_id for past in found.history.runs] == ["night-0", winner]
    assert folders(root) == ["night-0", winner]


Kill = Callable[[FaultyStore, int], None]


def before(store: FaultyStore, number: int) -> None:
    store.dies_before = number


def after(store: FaultyStore, number: int) -> None:
    store.dies_after = number


@pytest.mark.slow
@pytest.mark.parametrize("kill", [before, after])
def test_a_run_that_is_killed_at_any_call_hurts_nobody(
    place: Workspace, store: FaultyStore, root: Path, monkeypatch: pytest.MonkeyPatch, kill: Kill
) -> None:
    """Readers see the old run or the new one, and the next run works."""
    plans: list[Any] = [{"a": "pro", "b": "free", "c": "pro"}, {"a": "free", "b": "pro", "c": "free"}]
    expected = [[("pro", "a"), ("pro", "c")], [("pro", "b")]]
    options = {"keep": Keep(runs=2, days=0)}
    place.run(0)
    for number in itertools.count():
        turn = number % 2
        place.contacts(**plans[turn])
        old = published_in(root)
        store.calls.clear()
        kill(store, number)
        try:
            place.run(number + 1, **options)
        except Killed:
            pass
        else:
            break
        finally:
            store.dies_before = store.dies_after = None
            monkeypatch.setattr(lease, "_tokens_of_this_process", set())  # as the process is dead
        seen = published_in(root)
        assert old is not None
        assert seen is not None
        assert seen == old or seen.members == expected[turn]
        report = place.run(number + 1, **options)
        assert report.warnings == ()
        after_all = published_in(root)
        assert after_all is not None
        assert after_all.members == expected[turn]
        assert (
            sorted(after_all.changes)
            == sorted(
                [("entered", who) for _, who in expected[turn] if ("pro", who) not in expected[1 - turn]]
                + [("exited", who) for _, who in expected[1 - turn] if ("pro", who) not in expected[turn]]
            )
            or number == 0
        )
        assert len({past.run.run_id for past in after_all.history.runs}) == len(after_all.history.runs)
    assert number > 15
