"""Runs that are published as Delta tables, and read as other programs read them."""

from pathlib import Path

import pytest

from segbatch.storage.remote.publication import Pointer
from workspace import Workspace

from .delta_output import DeltaOutput

pytestmark = pytest.mark.slow


@pytest.fixture
def output(tmp_path: Path) -> DeltaOutput:
    workspace = Workspace(tmp_path)
    workspace.contacts(ann="pro", bob="pro", cem="free")
    workspace.segment("pro", tags=["vip", "it's"], owner="crm", expires_at="2031-01-01T00:00:00Z")
    workspace.segment("free")
    workspace.segment("nobody", "none", description=None)
    workspace.run(0)
    workspace.contacts(ann="pro", bob="free", dan="pro")
    workspace.run(1)
    return DeltaOutput(workspace, tmp_path / "lake")


ORDER = {"membership": "ALL", "membership_changes": "ALL", "segments": "segment_id", "runs": "run_number"}


def assert_equal_to_local(output: DeltaOutput) -> None:
    """All columns of all tables are those of the local output."""
    for table, order in ORDER.items():
        columns = ", ".join(f"{name}::VARCHAR" for name, *_ in output.workspace.ask(f"DESCRIBE {table}"))
        query = f"SELECT {columns} FROM {table} ORDER BY {order}"
        assert output.ask(query) == output.workspace.ask(query)


def test_nothing_is_published_at_first(output: DeltaOutput) -> None:
    assert output.pointer() == Pointer(None, None)
    assert output.publication().folders() == {}


def test_runs_are_read_through_current_as_from_the_local_tables(output: DeltaOutput) -> None:
    output.publish("night-0", "night-1")
    assert output.pointer().folder == "night-1"
    assert output.publication().folders().keys() == {"night-0", "night-1"}
    assert_equal_to_local(output)
    assert output.sizes()["current"] == 1


def test_the_version_of_the_pointer_changes_with_each_run(output: DeltaOutput) -> None:
    output.publish("night-0")
    first = output.pointer().version
    output.publish("night-1")
    assert first not in {None, output.pointer().version}


def test_a_run_that_is_published_again_changes_nothing(output: DeltaOutput) -> None:
    before = output.pointer()
    new = output.upload("night-0")
    output.publication().publish(new, before)
    published, sizes = output.pointer(), output.sizes()
    output.publication().publish(new, before)
    assert (output.pointer(), output.sizes()) == (published, sizes)


def test_a_repeated_run_replaces_the_changes_of_the_first(output: DeltaOutput) -> None:
    output.publish("night-0", "night-1")
    output.workspace.contacts(ann="free", bob="free", dan="free")
    output.workspace.run(1)
    output.publish("night-1~2")
    assert output.pointer().folder == "night-1~2"
    assert_equal_to_local(output)
    assert {row[0] for row in output.ask("SELECT publication FROM membership_changes")} == {"night-1~2"}


def test_a_rewind_takes_back_the_runs_after_it(output: DeltaOutput) -> None:
    output.workspace.contacts(eve="pro")
    output.workspace.run(2)
    output.publish("night-0", "night-1", "night-2")
    output.workspace.contacts(ann="free", dan="pro")
    output.workspace.run(1, rewind=True)
    output.publish("night-1~2")
    assert_equal_to_local(output)
    assert [row[0] for row in output.ask("SELECT run_id FROM runs ORDER BY run_number")] == ["night-0", "night-1"]
    output.workspace.run(2)
    output.publish("night-2~2")
    assert_equal_to_local(output)


def test_a_run_without_members_is_read_as_such(output: DeltaOutput) -> None:
    output.workspace.contacts(fay="other")
    output.workspace.run(2)
    output.publish("night-0", "night-1", "night-2")
    assert output.ask("SELECT * FROM membership") == []
    assert_equal_to_local(output)


def test_run_ids_with_special_characters_are_names_of_folders(output: DeltaOutput) -> None:
    run_id = "scheduled__2026-01-01T00:00:00+00:00=a@b"
    output.workspace.run(None, run_id=run_id)
    output.publish("night-0", "night-1", run_id)
    assert output.pointer().folder == run_id
    assert output.publication().folders().keys() == {"night-0", "night-1", run_id}
    assert_equal_to_local(output)


def test_the_log_has_the_size_rows_and_ranges_of_each_file(output: DeltaOutput) -> None:
    output.publish("night-0")
    table = output.tables.open("membership")
    assert table is not None
    rows = table.get_add_actions(flatten=True)
    found = {name: rows.column(name)[0].as_py() for name in rows.schema.names}
    file = output.place / "membership" / found["path"]
    assert found["path"] == "night-0/part-00000.parquet"
    assert (found["size_bytes"], found["num_records"]) == (file.stat().st_size, 3)
    assert (found["min.segment_id"], found["max.segment_id"]) == ("free", "pro")
    assert (found["min.publication"], found["max.publication"]) == ("night-0", "night-0")


def test_the_number_of_the_application_grows_with_each_commit(output: DeltaOutput) -> None:
    numbers = []
    for folder in ("night-0", "night-1"):
        output.publish(folder)
        table = output.tables.open("membership")
        assert table is not None
        numbers.append(table.transaction_version("segbatch"))
    assert numbers == [1, 2]
