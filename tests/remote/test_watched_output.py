"""The output of a server: when it looks for a new run, and what it does without a connection."""

import pytest

import segbatch
from remote.folder_store import FolderPublication, FolderStore
from segbatch.runs.members import OpenRuns
from segbatch.storage.remote import open_output, watched_output
from segbatch.storage.remote.watched_output import WatchedOutput
from workspace import Workspace


class Clock:
    now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(watched_output, "time", clock)
    monkeypatch.setattr(watched_output, "_PATIENCE", 60.0)
    return clock


@pytest.fixture
def watched(store: FolderStore, monkeypatch: pytest.MonkeyPatch) -> WatchedOutput:
    monkeypatch.setattr(open_output, "open_publication", lambda _output: FolderPublication(store))
    return WatchedOutput(store.address)


def test_a_folder_is_read_as_it_is(origin: Workspace) -> None:
    watched = WatchedOutput(origin.output)
    watched.refresh()
    watched.fetch("night-0")
    assert watched.folder == origin.output
    assert OpenRuns(watched).last().run.run_id == "night-1"


def test_a_new_run_is_seen_after_a_second(origin: Workspace, watched: WatchedOutput, clock: Clock) -> None:
    runs = OpenRuns(watched)
    assert runs.last().run.run_id == "night-1"
    origin.run(2)
    assert runs.last().run.run_id == "night-1"
    clock.now += 2
    assert runs.last().run.run_id == "night-2"


def test_the_last_run_is_read_without_a_connection(
    origin: Workspace, watched: WatchedOutput, store: FolderStore, clock: Clock
) -> None:
    runs = OpenRuns(watched)
    store.is_offline = True
    with pytest.raises(segbatch.PublishError, match="cannot be reached"):
        runs.last()
    store.is_offline = False
    clock.now += 2
    assert runs.last().run.run_id == "night-1"
    store.is_offline = True
    clock.now += 2
    assert runs.last().run.run_id == "night-1"
    store.is_offline = False
    origin.run(2)
    clock.now += 2
    assert runs.last().run.run_id == "night-2"


def test_a_storage_that_is_away_is_reported_once_and_when_it_is_back(
    store: FolderStore, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_output, "open_publication", lambda _output: FolderPublication(store))
    warnings = list[segbatch.Problem]()
    watched = WatchedOutput(store.address, warnings.append)
    store.is_offline = True
    with pytest.raises(segbatch.PublishError):
        watched.refresh()
    for is_offline in (False, True, True, True, False, False, True):
        store.is_offline = is_offline
        clock.now += 2
        watched.refresh()
    away, back, away_again = warnings
    assert "cannot be reached" in away.message
    assert away.message.endswith("; requests are answered from the last copied run")
    assert back.message == f"{store.address}: can be read again; requests are answered from the published run"
    assert away_again == away
    assert {warning.severity for warning in warnings} == {"warning"}


def test_members_of_an_earlier_run_are_copied(watched: WatchedOutput) -> None:
    runs = OpenRuns(watched)
    runs.last()
    first = runs.find("night-0")
    assert first is not None
    assert first.run.run_id == "night-0"
    assert runs.find("night-7") is None
