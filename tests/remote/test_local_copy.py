"""Copies of outputs that are stored elsewhere: what is copied, checked, healed and removed."""

import errno
import os
import shutil
import stat
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

import segbatch
from remote.folder_store import FolderPublication, FolderStore
from remote.published_tables import expected_tables, tables
from segbatch.runs.diff import diff
from segbatch.runs.history import list_runs
from segbatch.runs.prune import prune_runs
from segbatch.storage.keep import Keep
from segbatch.storage.remote.copied_files import copy_files
from segbatch.storage.remote.local_copy import LocalCopy
from workspace import Workspace

pytestmark = pytest.mark.slow  # most copy an output of several runs

LONG_AGO = time.time() - 3 * 24 * 3600


def runs(output: Path) -> list[tuple[str, bool]]:
    return [(run.past.run.run_id, run.keeps_members) for run in list_runs(output)]


def age(place: Path) -> None:
    """Let the members of a run be unread for days."""
    os.utime(place / "used", (LONG_AGO, LONG_AGO))


def start_over(place: Workspace) -> None:
    """Replace an output by another one that has runs of the same names."""
    shutil.rmtree(place.output)
    place.contacts(x="pro", y="free")
    place.run(0)
    place.contacts(x="free", y="free")
    place.run(1)


def test_a_copy_has_the_tables_of_the_output(origin: Workspace, copy: LocalCopy) -> None:
    folder = copy.refresh()
    assert tables(folder) == expected_tables(origin.output)
    assert runs(folder) == runs(origin.output)
    assert diff(folder, "previous", "last") == diff(origin.output, "previous", "last")


def test_only_members_of_the_published_run_are_copied(copy: LocalCopy, store: FolderStore) -> None:
    folder = copy.refresh()
    copied = sorted({path.relative_to(folder / "runs").parts[:2] for path in (folder / "runs").rglob("*.*")})
    first = [path for path in copied if path[0] == "night-0"]
    assert first == [("night-0", "changes.parquet"), ("night-0", "manifest.json")]
    assert ("night-1", "membership") in copied
    assert ("night-1", "state.arrow") in copied
    assert len(store.downloads) == len(set(store.downloads))


def test_nothing_is_copied_twice(origin: Workspace, copy: LocalCopy, store: FolderStore) -> None:
    copy.refresh()
    before = [*store.downloads]
    copy.refresh()
    assert store.downloads == before
    origin.run(2)
    folder = copy.refresh()
    assert {key.split("/")[1] for key in store.downloads[len(before) :]} == {"night-2"}
    assert tables(folder) == expected_tables(origin.output)


def test_history_and_changes_need_no_members(origin: Workspace, copy: LocalCopy, store: FolderStore) -> None:
    folder = copy.refresh(members=False)
    assert not [key for key in store.downloads if "membership" in key or "state" in key]
    assert runs(folder) == [("night-0", True), ("night-1", True)]
    assert diff(folder, "previous", "last") == diff(origin.output, "previous", "last")
    assert tables(copy.refresh()) == expected_tables(origin.output)


def test_runs_without_members_are_listed_as_such(origin: Workspace, copy: LocalCopy) -> None:
    for number in (2, 3):
        origin.run(number)
    folder = copy.refresh()
    assert runs(folder)[0] == ("night-0", True)
    prune_runs(origin.output, Keep(2, 0), datetime.now(UTC))
    copy.refresh()
    assert runs(folder) == runs(origin.output) == [(f"night-{number}", number > 1) for number in range(4)]


def test_an_earlier_run_is_copied_when_asked_for(origin: Workspace, copy: LocalCopy) -> None:
    folder = copy.refresh()
    copy.fetch("night-0", "state.arrow")
    names = {path.name for path in (folder / "runs" / "night-0").iterdir()}
    assert names == {"changes.parquet", "manifest.json", "history.json", "state.arrow", "membership", "used"}
    copy.fetch("night-0")
    for path in origin.place("night-0").rglob("*.*"):
        copied = folder / "runs" / "night-0" / path.relative_to(origin.place("night-0"))
        assert copied.read_bytes() == path.read_bytes()


@pytest.mark.parametrize("name", ["membership", "state.arrow", "changes.parquet", "manifest.json", "history.json"])
@pytest.mark.parametrize("damage", ["cut", "lost"])
def test_a_damaged_copy_heals(origin: Workspace, copy: LocalCopy, name: str, damage: str) -> None:
    run = copy.refresh() / "runs" / "night-1"
    path = next(run.glob(f"{name}/*.parquet"), run / name)
    whole = path.read_bytes()
    if damage == "cut":
        path.write_bytes(whole[:-5])
    else:
        path.unlink()
    folder = copy.refresh()
    assert path.read_bytes() == whole
    assert tables(folder) == expected_tables(origin.output)


@pytest.mark.parametrize("name", ["current", "segbatch.duckdb", "address", "runs", "runs/night-0"])
def test_lost_parts_of_a_copy_are_made_again(origin: Workspace, copy: LocalCopy, name: str) -> None:
    path = copy.refresh() / name
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
    assert tables(copy.refresh()) == expected_tables(origin.output)
    assert path.exists()


def test_tables_show_changes_again_once_the_output_has_them(origin: Workspace, copy: LocalCopy) -> None:
    origin.run(2)
    whole = expected_tables(origin.output)
    changes = origin.place("night-1") / "changes.parquet"
    content = changes.read_bytes()
    changes.unlink()
    folder = copy.refresh()
    assert tables(folder)["membership_changes"] == []
    changes.write_bytes(content)
    assert tables(copy.refresh()) == whole


def test_an_interrupted_copy_is_continued(origin: Workspace, copy: LocalCopy, store: FolderStore) -> None:
    def fail(key: str) -> None:
        if key.endswith("state.arrow"):
            store.is_offline = True
            raise segbatch.PublishError(f"{store.address}: connection lost")

    store.on_download = fail
    with pytest.raises(segbatch.PublishError, match=r"connection lost|cannot be reached"):
        copy.refresh()
    assert not (copy.folder / "current").exists()
    before = [*store.downloads]
    store.is_offline, store.on_download = False, lambda _: None
    assert tables(copy.refresh()) == expected_tables(origin.output)
    assert len(store.downloads) == len(set(store.downloads)) > len(before)
    assert not list(copy.folder.rglob("*.part"))


def test_a_reader_keeps_the_last_run_while_the_storage_is_offline(
    origin: Workspace, copy: LocalCopy, store: FolderStore
) -> None:
    before = tables(copy.refresh())
    store.is_offline = True
    with pytest.raises(segbatch.PublishError, match=r"^s3://bucket/audiences: cannot be reached$"):
        copy.refresh()
    assert tables(copy.folder) == before == expected_tables(origin.output)


@pytest.mark.parametrize("fault", ["changed", "cut", "lost"])
def test_damaged_members_of_the_output_are_refused(origin: Workspace, copy: LocalCopy, fault: str) -> None:
    [path] = (origin.place("night-1") / "membership").glob("*.parquet")
    content = path.read_bytes()
    if fault == "lost":
        path.unlink()
    else:
        path.write_bytes(content[:-1] if fault == "cut" else content[:-1] + b"?")
    problem = {"changed": "was changed", "cut": "has [0-9,]+ bytes instead of", "lost": "is missing"}[fault]
    with pytest.raises(segbatch.PublishError, match=f"^s3://bucket/audiences/runs/night-1/membership/.*: {problem}"):
        copy.refresh()
    assert not (copy.folder / "current").exists()
    path.write_bytes(content)
    assert tables(copy.refresh()) == expected_tables(origin.output)


@pytest.mark.parametrize("name", ["manifest.json", "history.json"])
@pytest.mark.parametrize("fault", ["damaged", "missing"])
def test_a_damaged_record_of_the_output_is_named(origin: Workspace, copy: LocalCopy, name: str, fault: str) -> None:
    path = origin.place("night-1") / name
    content = path.read_bytes()
    if fault == "damaged":
        path.write_bytes(b"{")
    else:
        path.unlink()
    with pytest.raises(segbatch.PublishError, match=f"^s3://bucket/audiences/runs/night-1/{name}: is {fault}"):
        copy.refresh()
    path.write_bytes(content)
    assert tables(copy.refresh()) == expected_tables(origin.output)


def test_a_run_that_is_replaced_meanwhile_is_not_missed(origin: Workspace, copy: LocalCopy, store: FolderStore) -> None:
    def replace(key: str) -> None:
        if "night-1/membership" in key:
            store.on_download = lambda _: None
            origin.run(2)
            shutil.rmtree(origin.place("night-1") / "membership")

    store.on_download = replace
    folder = copy.refresh()
    assert runs(folder)[-1] == ("night-2", True)
    assert tables(folder) == expected_tables(origin.output)


def test_a_full_disk_is_reported(copy: LocalCopy, store: FolderStore) -> None:
    def fill(_: str) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    store.on_download = fill
    with pytest.raises(segbatch.PublishError) as error:
        copy.refresh()
    assert str(error.value) == (
        f"s3://bucket/audiences: cannot be copied to {copy.folder}: No space left on device; "
        "free some space, or name another folder in SEGBATCH_CACHE_DIR"
    )


def test_a_cache_folder_that_is_a_file_is_reported(
    copy: LocalCopy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("SEGBATCH_CACHE_DIR", str(tmp_path / "file"))
    with pytest.raises(segbatch.PublishError) as error:
        copy.refresh()
    assert str(error.value).endswith("; name another folder in SEGBATCH_CACHE_DIR")
    assert "free some space" not in str(error.value)


def test_an_address_that_another_output_uses_starts_over(origin: Workspace, copy: LocalCopy) -> None:
    old = tables(copy.refresh())
    start_over(origin)
    new = tables(copy.refresh())
    assert new == expected_tables(origin.output) != old


def test_an_emptied_address_has_no_runs(origin: Workspace, copy: LocalCopy) -> None:
    folder = copy.refresh()
    (origin.output / "current").unlink()
    assert copy.refresh() == folder
    with pytest.raises(segbatch.UsageError, match="nothing is published there"):
        list_runs(folder)


def test_members_stay_for_a_day_after_the_last_reader(origin: Workspace, copy: LocalCopy) -> None:
    place = copy.refresh() / "runs" / "night-1"
    age(place)
    origin.run(2)
    copy.refresh()
    assert (place / "state.arrow").exists()  # it was the published run until now
    age(place)
    copy.refresh()
    assert not (place / "state.arrow").exists()
    assert list((place / "membership").iterdir()) == []
    assert runs(copy.folder) == [(f"night-{number}", True) for number in range(3)]
    copy.fetch("night-1")
    assert (place / "state.arrow").read_bytes() == (origin.place("night-1") / "state.arrow").read_bytes()


def test_pruned_members_are_removed_from_a_copy(origin: Workspace, copy: LocalCopy) -> None:
    place = copy.refresh() / "runs" / "night-1"
    for number in (2, 3):
        origin.run(number)
    prune_runs(origin.output, Keep(2, 0), datetime.now(UTC))
    copy.refresh()
    assert (place / "state.arrow").exists()
    age(place)
    copy.refresh()
    assert not (place / "membership").exists()
    assert runs(copy.folder) == runs(origin.output)


def test_rolled_back_runs_are_removed_a_day_after_the_output_removed_them(origin: Workspace, copy: LocalCopy) -> None:
    place = copy.refresh() / "runs" / "night-1"
    origin.run(1)
    copy.refresh()
    assert (place / "manifest.json").exists()
    shutil.rmtree(origin.place("night-1"))
    copy.refresh()
    assert (place / "manifest.json").exists()
    age(place)
    copy.refresh()
    assert not place.exists()
    assert tables(copy.folder) == expected_tables(origin.output)


def test_rolled_back_runs_have_a_folder_as_long_as_the_output_has_them(origin: Workspace, copy: LocalCopy) -> None:
    origin.run(1)
    folder = copy.refresh()
    assert sorted(path.name for path in (folder / "runs").iterdir()) == ["night-0", "night-1", "night-1~2"]
    shutil.rmtree(origin.place("night-1"))
    copy.refresh()
    age(folder / "runs" / "night-1")
    copy.refresh()
    assert sorted(path.name for path in (folder / "runs").iterdir()) == ["night-0", "night-1~2"]


def test_an_uploaded_run_is_adopted(origin: Workspace, copy: LocalCopy, store: FolderStore) -> None:
    copy.refresh()
    origin.run(2)
    before = [*store.downloads]
    for _ in range(2):
        with copy.stage("night-2") as staged:
            shutil.copytree(origin.place("night-2"), staged, dirs_exist_ok=True)
            copy.adopt("night-2", staged)
    assert tables(copy.refresh()) == expected_tables(origin.output)
    assert store.downloads == before


def test_staging_folders_of_killed_runs_are_removed(copy: LocalCopy) -> None:
    with copy.stage("night-2") as living, copy.stage("night-2") as other:
        assert living != other
        (copy.folder / ".tmp-night-1-dead").mkdir()
        with copy.stage("night-3"):
            assert sorted(copy.folder.glob(".tmp-night-1*")) == []
            assert living.exists()
    assert [path for path in copy.folder.glob(".tmp-*") if path.is_dir()] == []


def test_a_lock_without_a_folder_is_removed(copy: LocalCopy) -> None:
    dead = copy.folder / ".tmp-night-1-dead.lock"
    copy.folder.mkdir(parents=True, exist_ok=True)
    dead.touch()
    with copy.stage("night-2"):
        assert not dead.exists()


def test_runs_that_start_at_once_keep_their_folders(copy: LocalCopy) -> None:
    """One that removes the folders of killed runs must not take a folder that another is about to lock."""
    runs, together = 8, threading.Barrier(8)

    def stage(number: int) -> int:
        found = 0
        for _ in range(5):
            together.wait(60)
            with copy.stage(f"night-{number}") as path:
                found += path.is_dir()
        return found

    with ThreadPoolExecutor(runs) as pool:
        assert [*pool.map(stage, range(runs))] == [5] * runs
    assert sorted(copy.folder.glob(".tmp-*")) == []


def test_a_fetched_file_is_checked_again(origin: Workspace, copy: LocalCopy) -> None:
    state = copy.fetch("night-1", "state.arrow") / "state.arrow"
    whole = (origin.place("night-1") / "state.arrow").read_bytes()
    assert state.read_bytes() == whole
    state.write_bytes(whole[:-1] + b"?")
    copy.fetch("night-1", "state.arrow")
    assert state.read_bytes() == whole


def test_leftovers_of_a_removal_are_removed(copy: LocalCopy) -> None:
    folder = copy.refresh()
    (folder / "runs" / ".tmp-~night-0").mkdir()
    copy.refresh()
    assert list((folder / "runs").glob(".*")) == []


def test_two_refreshes_at_once_copy_each_file_once(origin: Workspace, copy: LocalCopy, store: FolderStore) -> None:
    entered, answers = threading.Event(), list[Path]()
    waits = list[str]()

    def let_the_other_in(_: str) -> None:
        if not entered.is_set():
            entered.set()
            other.start()

    waiting = LocalCopy(copy.publication, on_wait=waits.append)
    other = threading.Thread(target=lambda: answers.append(waiting.refresh()))
    store.on_download = let_the_other_in
    answers.append(copy.refresh())
    other.join()
    assert answers == [copy.folder] * 2
    assert len(store.downloads) == len(set(store.downloads))
    assert tables(copy.folder) == expected_tables(origin.output)


def test_a_copy_is_private(copy: LocalCopy) -> None:
    folder = copy.refresh()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert folder.name.startswith("s3-bucket-audiences-")
    assert (folder / "address").read_text() == "s3://bucket/audiences\n"


def test_a_folder_that_others_can_write_to_is_refused(copy: LocalCopy) -> None:
    copy.refresh().chmod(0o777)
    with pytest.raises(segbatch.PublishError, match="another user owns it or can write to it"):
        copy.refresh()


def test_outputs_have_copies_of_their_own(copy: LocalCopy, store: FolderStore) -> None:
    other = FolderPublication(FolderStore(store.root, "s3://bucket-audiences"))
    assert LocalCopy(other).folder != copy.folder


def test_progress_counts_the_bytes(copy: LocalCopy, store: FolderStore) -> None:
    counts = list[tuple[int, int]]()
    LocalCopy(copy.publication, progress=lambda done, total: counts.append((done, total))).refresh()
    done, total = counts[-1]
    members = [store.root / key for key in store.downloads if "night-1/membership" in key or "state" in key]
    assert done == total == sum(path.stat().st_size for path in members)


def test_nothing_to_copy_starts_no_threads(copy: LocalCopy) -> None:
    assert copy_files(copy.publication, copy.refresh(), []) == []
