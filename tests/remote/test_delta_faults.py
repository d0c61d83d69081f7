"""Runs that are published as Delta tables and are killed, or race other runs."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Barrier

import pytest
from deltalake import DeltaTable

from segbatch.errors import PublishError
from segbatch.storage.remote.delta.tables import Actions, DeltaTables
from segbatch.storage.remote.publication import Pointer
from segbatch.storage.remote.store import OutdatedError
from workspace import Workspace

from .delta_output import DeltaOutput
from .table_readers import TABLES

pytestmark = pytest.mark.slow  # each makes several runs

COUNTS = "SELECT (SELECT count(*) FROM membership), (SELECT count(*) FROM membership_changes), count(*) FROM runs"


class KilledError(BaseException):
    """The process ends here."""


@dataclass(frozen=True, slots=True)
class HookedTables(DeltaTables):
    """Tables that call a function before and after each commit."""

    hook: Callable[[str, str], None] = lambda _name, _when: None

    def _try_commit(self, name: str, table: DeltaTable, actions: Actions, mode: str) -> bool:
        self.hook(name, "before")
        done = DeltaTables._try_commit(self, name, table, actions, mode)  # noqa: SLF001 - a dataclass with slots
        self.hook(name, "behind")
        return done


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Three runs, made once for all tests."""
    workspace = Workspace(tmp_path_factory.mktemp("runs"))
    workspace.segment("pro")
    workspace.segment("free")
    workspace.contacts(ann="pro", bob="pro", cem="free")
    workspace.run(0)
    workspace.contacts(ann="pro", bob="free", dan="pro")
    workspace.run(1)
    workspace.run(1)
    return workspace


@pytest.fixture
def output(runs: Workspace, tmp_path: Path) -> DeltaOutput:
    output = DeltaOutput(runs, tmp_path / "lake")
    output.publish("night-0")
    return output


def hooked(output: DeltaOutput, hook: Callable[[str, str], None]) -> HookedTables:
    return HookedTables(output.tables.address, output.tables.root, hook=hook)


def kill(output: DeltaOutput, folder: str, table: str, when: str) -> Pointer:
    """Publish a run, killed at the commit of a table. Return the pointer as it was before."""

    def hook(name: str, moment: str) -> None:
        if (name, moment) == (table, when):
            raise KilledError

    new, before = output.upload(folder), output.pointer()
    with pytest.raises(KilledError):
        output.publication(hooked(output, hook)).publish(new, before)
    return before


@pytest.mark.parametrize("when", ["before", "behind"])
@pytest.mark.parametrize("table", TABLES)
def test_a_killed_run_is_seen_whole_or_not_at_all_and_a_retry_adds_nothing_twice(
    output: DeltaOutput, tmp_path: Path, table: str, when: str
) -> None:
    whole = DeltaOutput(output.workspace, tmp_path / "whole")
    whole.publish("night-0")
    monday = whole.ask(COUNTS)
    whole.publish("night-1")
    before = kill(output, "night-1", table, when)
    is_published = (table, when) == ("current", "behind")
    assert output.pointer().folder == ("night-1" if is_published else "night-0")
    assert output.ask(COUNTS) == (whole.ask(COUNTS) if is_published else monday)
    for _ in range(2):
        output.publication().publish(output.upload("night-1"), before)
        assert output.ask(COUNTS) == whole.ask(COUNTS)
        assert output.sizes() == whole.sizes()


@pytest.mark.parametrize("table", TABLES[:-1])
def test_rows_of_a_killed_run_are_not_those_of_the_next_run(output: DeltaOutput, table: str) -> None:
    kill(output, "night-1", table, "behind")
    output.publish("night-1~2")
    assert output.pointer().folder == "night-1~2"
    assert output.ask("SELECT publication FROM membership GROUP BY ALL") == [("night-1~2",)]
    assert output.ask("SELECT publication FROM membership_changes GROUP BY ALL") == [("night-1~2",)]
    assert output.ask("SELECT publication FROM runs ORDER BY run_number") == [("night-0",), ("night-1~2",)]


def test_a_first_run_that_was_killed_is_published_by_a_retry(runs: Workspace, tmp_path: Path) -> None:
    output = DeltaOutput(runs, tmp_path / "lake")
    before = kill(output, "night-0", "current", "before")
    assert output.pointer() == before == Pointer(None, None)
    output.publication().publish(output.upload("night-0"), before)
    assert output.pointer().folder == "night-0"
    assert output.ask(COUNTS) == [(3, 0, 1)]


@pytest.mark.parametrize("writers", [2, 8])
@pytest.mark.parametrize("is_first", [True, False])
def test_one_of_many_writers_wins_and_the_others_are_outdated(
    runs: Workspace, tmp_path: Path, writers: int, *, is_first: bool
) -> None:
    output = DeltaOutput(runs, tmp_path / "lake")
    if not is_first:
        output.publish("night-0")
    before, barrier = output.pointer(), Barrier(writers, timeout=300)
    news = [output.upload_as("night-1", f"night-1~{number}") for number in range(3, 3 + writers)]

    def wait(name: str, when: str) -> None:
        if (name, when) == ("current", "before"):
            barrier.wait()

    def publish(number: int) -> str | None:
        try:
            output.publication(hooked(output, wait)).publish(news[number], before)
        except OutdatedError:
            return None
        return news[number].folder

    with ThreadPoolExecutor(writers) as pool:
        won = [folder for folder in pool.map(publish, range(writers)) if folder]
    assert won == [output.pointer().folder]
    assert output.ask("SELECT count(*), min(publication) FROM membership") == [(3, won[0])]
    assert output.sizes()["membership"] == 3 * writers + (0 if is_first else 3)


def test_a_run_that_began_before_another_was_published_writes_nothing(output: DeltaOutput) -> None:
    before = output.pointer()
    output.publish("night-1")
    sizes = output.sizes()
    with pytest.raises(OutdatedError):
        output.publication().publish(output.upload("night-1~2"), before)
    assert output.sizes() == sizes


def test_appends_of_runs_at_the_same_time_are_both_kept(output: DeltaOutput) -> None:
    other = output.upload("night-1~2")
    before = output.pointer()
    interrupted = list[str]()

    def hook(name: str, when: str) -> None:
        if (name, when) == ("membership", "before") and not interrupted:
            interrupted.append(name)
            with pytest.raises(KilledError):
                output.publication(hooked(output, kill_behind_membership)).publish(other, before)

    def kill_behind_membership(name: str, when: str) -> None:
        if (name, when) == ("membership", "behind"):
            raise KilledError

    output.publication(hooked(output, hook)).publish(output.upload("night-1"), before)
    assert output.sizes()["membership"] == 9
    assert output.pointer().folder == "night-1"


def test_a_commit_whose_answer_was_lost_is_found(output: DeltaOutput) -> None:
    def lose(name: str, when: str) -> None:
        if (name, when) == ("current", "behind"):
            raise PublishError("the connection was lost")

    output.publication(hooked(output, lose)).publish(output.upload("night-1"), output.pointer())
    assert output.pointer().folder == "night-1"


def test_a_refused_commit_is_an_error_and_publishes_nothing(output: DeltaOutput) -> None:
    def refuse(name: str, when: str) -> None:
        if (name, when) == ("current", "before"):
            raise PublishError("refused")

    with pytest.raises(PublishError, match="refused"):
        output.publication(hooked(output, refuse)).publish(output.upload("night-1"), output.pointer())
    assert output.pointer().folder == "night-0"


def test_a_commit_in_doubt_says_so(output: DeltaOutput) -> None:
    file = next((output.place / "current" / "_delta_log").iterdir())

    def damage(name: str, when: str) -> None:
        if (name, when) == ("current", "before"):
            file.write_text("{")
            raise PublishError("refused")

    with pytest.raises(PublishError, match=r"the table 'current' cannot be read; .*; the run may be published; "):
        output.publication(hooked(output, damage)).publish(output.upload("night-1"), output.pointer())


def test_a_table_that_no_other_process_changed_but_that_refuses_is_an_error(
    output: DeltaOutput, monkeypatch: pytest.MonkeyPatch
) -> None:
    new, before, schema = output.upload("night-1"), output.pointer(), output.read("current").schema
    monkeypatch.setattr(DeltaTables, "_try_commit", lambda *_: False)
    with pytest.raises(PublishError) as caught:
        output.publication().publish(new, before)
    message = f"{output.tables.address}: the table 'membership_changes' cannot be written; check the permissions"
    assert str(caught.value).startswith(message)
    with pytest.raises(PublishError, match="'current' cannot be written"):
        output.tables.replace("current", schema, [], int(before.version or 0))
