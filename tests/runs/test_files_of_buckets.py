"""Runs with one state and one file of changes per bucket: all commands give what they give for runs with one file."""

import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import segbatch
from asking import Asking
from builders import rule, write_segment
from calling import Commands
from database_tables import sqlite_tables
from deliveries.receiver import Receiver, deliver_to, published
from segbatch.runs.diff import diff
from segbatch.runs.prune import prune_runs
from segbatch.runs.verify import verify
from segbatch.storage import state_file
from segbatch.storage.bit_matrix import Memory
from segbatch.storage.catalog_rebuild import relink
from segbatch.storage.changes_files import find_changes
from segbatch.storage.keep import Keep
from segbatch.storage.retention import has_members
from segbatch.storage.state import open_files, open_state
from split_runs import BUCKETS, split_runs
from workspace import Workspace

pytestmark = pytest.mark.slow

VIEWS = ("membership", "membership_changes", "membership_history", "segment_runs")
Twins = tuple[Workspace, Workspace]


def make_runs(folder: Path) -> Workspace:
    """Make four runs: with a segment that is renamed, and one that fails and keeps contacts that are gone."""
    place = Workspace(folder)
    for plan in ("pro", "team"):
        place.segment(plan)
    place.contacts(**{f"c{n:02}": ("pro", "team", "free")[n % 3] for n in range(40)})
    place.run(0)
    place.drop("pro")
    place.segment("premium", "pro", previous_ids=["pro"])
    place.contacts(**{f"c{n:02}": ("pro", "team", "free")[n % 4 % 3] for n in range(44)})
    place.run(1)
    write_segment(folder / "segments", "team", rule("no_such_field", "eq", "x"))
    place.contacts(**{f"c{n:02}": ("free", "pro")[n % 2] for n in range(5, 44)})
    place.run(2)
    place.contacts(**{f"c{n:02}": ("free", "pro", "team")[n % 5 % 3] for n in range(10, 44)})
    place.run(3)
    return place


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Twins:
    plain = make_runs(tmp_path_factory.mktemp("plain"))
    with pytest.MonkeyPatch.context() as patch:
        split_runs(patch)
        split = make_runs(tmp_path_factory.mktemp("split"))
    names = sorted(path.name for path in split.place("night-3").iterdir())
    assert names == ["changes", "history.json", "manifest.json", "membership", "state"]
    return plain, split


@pytest.fixture
def twins(originals: Twins, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Twins:
    """The same runs with one file, and with one file per bucket."""
    monkeypatch.setenv("COLUMNS", "200")
    plain, split = (Workspace(tmp_path / name) for name in ("plain", "split"))
    for place, original in zip((plain, split), originals, strict=True):
        shutil.copytree(original.folder, place.folder)
        relink(place.output)
    return plain, split


def both(twins: Twins, ask: Callable[[Workspace], Any]) -> Any:
    """Return the answer for both outputs, which has to be the same."""
    answers = [ask(place) for place in twins]
    assert answers[0] == answers[1]
    return answers[1]


def views(place: Workspace) -> dict[str, list[tuple[Any, ...]]]:
    return {name: place.ask(f"FROM {name} ORDER BY ALL") for name in VIEWS}


def test_the_tables_are_the_same(twins: Twins) -> None:
    assert [len(rows) for rows in both(twins, views).values()] == [24, 77, 64, 8]
    assert twins[1].history().runs[-1].buckets == BUCKETS
    assert both(twins, lambda place: [past.changes for past in place.history().runs]) == [0, 36, 22, 19]


def test_the_tables_can_be_rebuilt_elsewhere(twins: Twins) -> None:
    before = both(twins, views)
    moved = tuple(place.move(f"moved-{place.folder.name}") for place in twins)
    for place in moved:
        assert relink(place.output).warnings == ()
    assert both((moved[0], moved[1]), views) == before


def test_runs_are_compared_alike(twins: Twins) -> None:
    for then, now in (("night-0", "night-3"), ("night-3", "night-1"), ("previous", "last")):
        segments = both(twins, lambda place: diff(place.output, then, now).segments)  # noqa: B023 - called at once
        assert any(one.entered for one in segments)


def test_each_command_prints_the_same(twins: Twins, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    commands = Commands(monkeypatch, capsys)
    for command in (
        ("export", "premium"),
        ("export", "team", "--run", "night-2"),
        ("export", "premium", "--changes", "--run", "night-1"),
        ("export", "premium", "--since", "night-0"),
        ("export", "team", "--changes", "--run", "night-1"),
        ("query", "SELECT segment_id, count(*) FROM membership_history GROUP BY ALL ORDER BY ALL", "--json"),
    ):

        def printed(place: Workspace, command: tuple[str, ...] = command) -> list[str]:
            assert commands(*command, "--output", str(place.output)) == 0, commands.err
            return sorted(commands.out.splitlines())

        assert len(both(twins, printed)) > 2


def test_a_database_gets_the_same(twins: Twins) -> None:
    def synced(place: Workspace) -> Any:
        file = place.folder / "audiences.db"
        segbatch.sync(f"sqlite:///{file}", output=place.output)
        tables = sqlite_tables(file)
        return tables["membership"], tables["membership_changes"]

    assert len(both(twins, synced)[1][1]) == 77


def test_deliveries_are_the_same(twins: Twins, monkeypatch: pytest.MonkeyPatch) -> None:
    def delivered(place: Workspace) -> Any:
        receiver = Receiver()
        monkeypatch.setattr("segbatch.deliveries.deliver.open_sender", lambda _: receiver)
        deliver_to(place, {}, resend=True)
        place.contacts(**{f"c{n:02}": ("free", "pro")[n % 2] for n in range(10, 44)})
        place.run(4)
        place.run(5)
        deliver_to(place, {})  # the difference of two runs
        assert receiver.present["premium"] == published(place)["premium"]
        return [(one.kind, one.segment_id, one.entered, one.exited) for one in receiver.messages]

    assert len(both(twins, delivered)) > 2


def test_pruned_runs_are_compared_from_their_changes(twins: Twins, monkeypatch: pytest.MonkeyPatch) -> None:
    def delivered(place: Workspace) -> Any:
        receiver = Receiver()
        monkeypatch.setattr("segbatch.deliveries.deliver.open_sender", lambda _: receiver)
        deliver_to(place, {}, resend=True)
        for number in range(4, 8):
            place.contacts(**{f"c{n:02}": ("free", "pro")[n % number % 2] for n in range(10, 44)})
            place.run(number)
        later = datetime.now(UTC) + timedelta(days=30)
        pruned = [run.run.run_id for run in prune_runs(place.output, Keep(2, 1), later).runs]
        assert pruned[-1] == "night-5"
        assert not has_members(place.place("night-3"))
        deliver_to(place, {})
        assert receiver.present["premium"] == published(place)["premium"]
        return sorted(path.name for path in place.place("night-5").iterdir() if "changes" not in path.name)

    assert both(twins, delivered) == ["history.json", "manifest.json"]


def test_members_are_listed_by_the_api(twins: Twins) -> None:
    def listed(place: Workspace) -> list[str]:
        ask, found, cursor = Asking(place.folder), list[str](), dict[str, str]()
        while True:
            page = ask("GET", "/premium/members", params={"limit": 3, **cursor}).json()
            found += page["members"] if "members" in page else page["contact_ids"]
            if page["next_cursor"] is None:
                return sorted(found)
            cursor = {"cursor": page["next_cursor"]}

    assert len(both(twins, listed)) == len(twins[0].members("premium")) > 3


def test_the_next_run_on_one_machine_follows(twins: Twins) -> None:
    for place in twins:
        place.contacts(**{f"c{n:02}": ("pro", "free")[n % 3 % 2] for n in range(8, 46)})
        place.run(4)
        place.run(5)
    assert len([row for row in both(twins, views)["membership_changes"] if row[0] == "night-4"]) > 10
    assert (twins[1].place("night-4") / "state.arrow").exists()
    assert twins[1].history().runs[-1].buckets is None


def test_more_files_than_may_be_open_are_read(twins: Twins, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_file, "_MOST_OPEN", 1)
    test_the_next_run_on_one_machine_follows(twins)


def test_contacts_that_are_gone_already_are_not_counted_again(twins: Twins) -> None:
    def present(place: Workspace) -> list[str]:
        state, run = open_state(place.place("night-3")), place.manifest("night-3").run
        ids = [one for batch in range(len(state.starts) - 1) for one in state.ids(batch).to_pylist()]
        is_present = state.were_present(np.arange(state.rows), run.contacts)
        assert state.rows > run.contacts
        return sorted(one for one, is_there in zip(ids, is_present, strict=True) if is_there)

    assert both(twins, present) == [f"c{n:02}" for n in range(10, 44)]


def test_a_bucket_is_opened_alone(twins: Twins) -> None:
    folder = twins[1].place("night-3")
    buckets = twins[1].manifest("night-3").buckets
    assert buckets is not None
    whole, ids = open_state(folder), list[str]()
    for bucket, contacts in enumerate(buckets.contacts):
        state = open_files([folder / "state" / f"{bucket:05}.arrow"], "", [contacts])
        ids += [one for batch in range(len(state.starts) - 1) for one in state.ids(batch).to_pylist()]
        assert state.bitmap == whole.bitmap
        assert state.words(0, Memory()).shape == (1, len(state.ids(0)))
    assert ids == [one for batch in range(len(whole.starts) - 1) for one in whole.ids(batch).to_pylist()]


@pytest.mark.parametrize(
    "name", ["membership/bucket-00001-part-00000.parquet", "state/00001.arrow", "changes/00002.parquet"]
)
def test_a_damaged_file_is_found(twins: Twins, name: str) -> None:
    place = twins[1]
    assert verify(place.output, every_run=True).problems == []
    path = place.place("night-3") / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    [problem] = verify(place.output).problems
    assert problem.startswith(f"{path}: was changed")
    path.unlink()
    assert [line for line in verify(place.output).problems if line.startswith(f"{path}: is missing")]


@pytest.mark.parametrize("is_lost", [True, False])
def test_lost_changes_of_one_bucket_are_a_warning(twins: Twins, *, is_lost: bool) -> None:
    place = twins[1]
    path = place.place("night-1") / "changes" / "00001.parquet"
    size = path.stat().st_size
    if is_lost:
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-1])
    fault = "is missing" if is_lost else f"has {size - 1:,} bytes instead of {size:,}"
    [warning] = find_changes(place.output, place.history()).lost
    assert str(warning).startswith(f"{path}: {fault}; membership_changes and membership_history lack the changes")
    assert [problem.file for problem in place.run(4).warnings] == [str(path)]
    assert "night-1" not in {run_id for run_id, *_ in place.changes()}


def test_changes_are_lost_as_a_whole_without_the_manifest(twins: Twins) -> None:
    folder = twins[1].place("night-1")
    for path in (folder / "changes").iterdir():
        path.unlink()
    (folder / "manifest.json").unlink()
    [warning] = find_changes(twins[1].output, twins[1].history()).lost
    assert str(warning).startswith(f"{folder / 'changes'}: does not have the recorded files; ")


@pytest.mark.parametrize("fault", ["is missing", "is damaged"])
def test_a_lost_or_damaged_part_of_the_state_is_an_error(twins: Twins, fault: str) -> None:
    place = twins[1]
    path = place.place("night-3") / "state" / "00002.arrow"
    if fault == "is missing":
        path.unlink()
    else:
        path.write_bytes((place.place("night-0") / "state" / "00002.arrow").read_bytes())
    with pytest.raises(segbatch.PublishError, match=f"{path}: {fault}; restore it, or first run"):
        place.run(4)
