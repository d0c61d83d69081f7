"""Files of old, dead and rolled back runs: removed from the Delta tables first, and a day later altogether."""

from datetime import timedelta
from pathlib import Path

import pytest

from segbatch.storage.remote.delta.removal import WAIT
from workspace import Workspace

from .delta_output import DeltaOutput

pytestmark = pytest.mark.slow  # each makes several runs

COUNTS = "SELECT (SELECT count(*) FROM membership), (SELECT count(*) FROM membership_changes), count(*) FROM runs"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    workspace = Workspace(tmp_path_factory.mktemp("runs"))
    workspace.segment("pro")
    for number, plans in enumerate([{"ann": "pro", "bob": "free"}, {"bob": "pro"}, {"ann": "pro", "bob": "pro"}]):
        workspace.contacts(**plans)
        workspace.run(number)
    return workspace


@pytest.fixture
def output(runs: Workspace, tmp_path: Path) -> DeltaOutput:
    output = DeltaOutput(runs, tmp_path / "lake")
    output.publish("night-0", "night-1", "night-2")
    return output


def pass_a_day(output: DeltaOutput) -> None:
    output.store.age("_segbatch/removed/", WAIT + timedelta(seconds=1))


def test_members_leave_the_table_at_once_and_the_store_a_day_later(output: DeltaOutput) -> None:
    before = output.ask(COUNTS)
    output.publication().retire(["night-0"])
    assert output.sizes()["membership"] == 3
    assert output.store.listed("membership/night-0/")
    output.publication().retire(["night-0"])
    assert output.store.listed("membership/night-0/")
    pass_a_day(output)
    output.publication().retire([])
    assert not output.store.listed("membership/night-0/")
    assert not output.store.listed("current/night-0/")
    assert not output.store.listed("_segbatch/removed/")
    assert output.publication().key("night-0", "state.arrow") not in output.store.listed()
    assert output.publication().key("night-0", "manifest.json") in output.store.listed()
    assert output.ask(COUNTS) == before
    output.publication().retire(["night-0"])
    assert not output.store.listed("_segbatch/removed/")


def test_the_published_run_is_never_removed(output: DeltaOutput) -> None:
    before = output.ask(COUNTS)
    output.publication().retire(["night-2"])
    output.publication().discard(["night-2"])
    pass_a_day(output)
    output.publication().discard([])
    assert output.ask(COUNTS) == before
    assert not output.store.listed("_segbatch/removed/")


def test_a_removal_that_was_interrupted_waits_a_day_from_its_end(output: DeltaOutput) -> None:
    output.store.write_new("_segbatch/removed/members/night-0", b"")
    pass_a_day(output)
    output.publication().retire([])
    assert output.sizes()["membership"] == 3
    assert output.store.listed("membership/night-0/")
    output.publication().retire([])
    assert output.store.listed("membership/night-0/")
    pass_a_day(output)
    output.publication().retire([])
    assert not output.store.listed("membership/night-0/")


def test_files_that_were_never_in_a_table_are_removed_at_once(output: DeltaOutput) -> None:
    output.upload_as("night-2", "night-3")
    output.store.write_new("_segbatch/runs/night-3/claim", b"")
    assert "night-3" in output.publication().folders()
    output.publication().discard(["night-3"])
    assert not [key for key in output.store.listed() if "night-3" in key]
    assert "night-3" not in output.publication().folders()


def test_a_run_that_lost_leaves_the_tables_and_keeps_its_name_until_its_files_are_gone(output: DeltaOutput) -> None:
    lost = output.upload_as("night-2", "night-3")
    output.store.write_new("_segbatch/runs/night-3/claim", b"")
    publication = output.publication()
    publication._append_large(lost)  # noqa: SLF001 - as if killed behind these commits
    sizes = output.sizes()
    publication.discard(["night-3"])
    assert output.sizes() == sizes | {
        "membership": sizes["membership"] - 2,
        "membership_changes": sizes["membership_changes"] - 1,
    }
    assert output.store.listed("membership/night-3/")
    assert "night-3" in publication.folders()
    publication.discard(["night-3"])
    assert output.store.listed("membership/night-3/")
    pass_a_day(output)
    publication.discard(["night-3"])
    assert not [key for key in output.store.listed() if "night-3" in key]


def test_a_rolled_back_run_keeps_its_row_that_shows_which_runs_were_published(output: DeltaOutput) -> None:
    before = output.ask(COUNTS)
    output.publication().discard(["night-1"])
    pass_a_day(output)
    output.publication().discard(["night-1"])
    assert output.store.listed("runs/night-1/")
    assert not output.store.listed("segments/night-1/")
    assert output.sizes()["runs"] == 3
    assert output.ask(COUNTS) != before
