"""Change files that cannot be read when the tables are built, and steps that fail after a run is published."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from segbatch import PublishError
from segbatch.platform.files import UnflushedError, replace_file
from segbatch.storage import catalog, catalog_rebuild, publish
from segbatch.storage.catalog import create_views
from segbatch.storage.catalog_rebuild import relink
from workspace import Workspace

pytestmark = pytest.mark.slow

WITHOUT = (
    "membership_changes and membership_history lack the changes of run night-1; "
    "restore it from a copy and run segbatch relink; segbatch verify lists all lost files"
)


def failing_from(number: int, error: OSError, function: Callable[[str], Any], name: str) -> Callable[[str], Any]:
    """Return a function that fails for a file from some call on."""
    calls = 0

    def call(path: Any) -> Any:
        nonlocal calls
        calls += name in str(path)
        if name in str(path) and calls >= number:
            raise error
        return function(path)

    return call


def test_changes_that_become_unreadable_during_a_run_are_a_warning(
    two: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = failing_from(2, OSError(5, "Input/output error"), pq.read_metadata, "night-1/changes")
    monkeypatch.setattr("segbatch.storage.changes_files.pq.read_metadata", broken)
    report = two.run(2)
    path = two.place("night-1") / "changes.parquet"
    expected = f"{path}: cannot be read: Input/output error; {WITHOUT}"
    assert [str(warning) for warning in report.warnings] == [expected]
    assert two.manifest("night-2").warnings == (expected,)
    assert {run_id for run_id, *_ in two.changes()} == {"night-2"}
    monkeypatch.undo()
    assert relink(two.output).warnings == ()
    assert {run_id for run_id, *_ in two.changes()} == {"night-1", "night-2"}


@pytest.mark.parametrize("fails", [1, 2], ids=["once", "twice"])
def test_changes_that_duckdb_alone_cannot_read_are_read_again_and_then_a_warning(
    two: Workspace, monkeypatch: pytest.MonkeyPatch, fails: int
) -> None:
    broken = "night-1/changes.parquet"
    opens = catalog._opens  # noqa: SLF001 - DuckDB alone is to fail
    calls = 0

    def create(connection: Any, membership: Any, changes: Any, **options: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise duckdb.IOException(f'IO Error: Could not read from file "{broken}": Input/output error')
        create_views(connection, membership, changes, **options)

    def is_open(connection: Any, path: Path) -> bool:
        return opens(connection, path) and not (fails == 2 and str(path).endswith(broken))

    monkeypatch.setattr(catalog, "create_views", create)
    monkeypatch.setattr(catalog, "_opens", is_open)
    warnings = [str(warning) for warning in two.run(2).warnings]
    if fails == 1:
        assert warnings == []
    else:
        assert warnings == [f"{two.output}/runs/{broken}: cannot be read by DuckDB; {WITHOUT}"]
    assert {run_id for run_id, *_ in two.changes()} == ({"night-1", "night-2"} if fails == 1 else {"night-2"})


def test_a_run_with_unreadable_changes_is_not_published(two: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    before = two.changes()
    broken = failing_from(1, OSError(5, "Input/output error"), pq.read_metadata, "night-2/changes")
    with monkeypatch.context() as broken_disk:
        broken_disk.setattr("segbatch.storage.changes_files.pq.read_metadata", broken)
        with pytest.raises(PublishError) as raised:
            two.run(2)
    path = two.place("night-2") / "changes.parquet"
    fault = "was just written and cannot be read: Input/output error"
    assert str(raised.value) == f"{path}: {fault}; nothing was published; check the disk and run again"
    assert two.changes() == before
    assert two.folders() == ["night-0", "night-1"]
    two.run(2)


def test_the_next_run_warns_of_gaps_in_the_tables_of_a_killed_run(
    two: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    (two.output / "segbatch.duckdb").unlink()  # as after a run that was killed before it placed them
    broken = failing_from(1, PermissionError(13, "Permission denied"), pq.read_metadata, "night-1/changes")
    monkeypatch.setattr("segbatch.storage.changes_files.pq.read_metadata", broken)
    path = two.place("night-1") / "changes.parquet"
    expected = f"{path}: cannot be read: Permission denied; {WITHOUT}"
    assert [str(warning) for warning in two.run(2).warnings] == [expected]


def fail(*_: object) -> None:
    raise OSError(28, "full")


def unflushed(new: Path, old: Path) -> None:
    replace_file(new, old)
    raise UnflushedError(5, "Input/output error")


DISK = "cannot be written: "
AFTER = {
    "the pointer": (
        "replace_file",
        unflushed,
        "Input/output error",
        "that may not survive a power failure; check the disk",
    ),
    "the tables": (
        "replace_catalogue",
        fail,
        "No space left on device",
        "segbatch.duckdb still shows the previous run; run segbatch relink, or wait for the next run",
    ),
}


@pytest.mark.parametrize(("step", "broken", "reason", "outcome"), AFTER.values(), ids=list(AFTER))
def test_a_step_that_fails_after_the_pointer_is_a_warning(
    two: Workspace, monkeypatch: pytest.MonkeyPatch, step: str, broken: Any, reason: str, outcome: str
) -> None:
    with monkeypatch.context() as disk:
        disk.setattr(publish, step, broken)
        report = two.run(2)
    assert [str(warning) for warning in report.warnings] == [
        f"{two.output}: {DISK}{reason}; run night-2 is published, but {outcome}"
    ]
    assert two.history().runs[-1].run.run_id == "night-2"
    assert two.run(3).warnings == ()
    assert len(two.history().runs) == 4


def test_a_mark_that_stays_is_a_warning_and_goes_with_the_next_run(
    two: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    unlink = Path.unlink

    def refuse(path: Path, *, missing_ok: bool = False) -> None:
        if path.name == "unpublished":
            raise PermissionError(13, "no", str(path))
        unlink(path, missing_ok=missing_ok)

    with monkeypatch.context() as disk:
        disk.setattr(Path, "unlink", refuse)
        [warning] = two.run(2).warnings
    assert "run night-2 is published, but its folder is still marked as unpublished" in str(warning)
    assert two.run(3).warnings == ()
    assert not list(two.output.glob("runs/*/unpublished"))


def test_a_pointer_that_cannot_be_read_leaves_it_open_whether_the_run_is_published(
    two: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as disk:
        disk.setattr(publish, "set_current", fail)
        disk.setattr(publish, "_names", lambda *_: None)
        with pytest.raises(PublishError) as raised:
            two.run(2)
    assert str(raised.value) == (
        f"{two.output}: {DISK}No space left on device; the run may be published; segbatch runs shows whether it is"
    )
    two.run(2)
    assert two.folders() == ["night-0", "night-1", "night-2"]


def test_a_relink_whose_last_steps_fail_reports_the_done_steps(two: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    (two.output / "current").unlink()

    def place(output: Path) -> None:
        catalog.replace_catalogue(output)
        raise UnflushedError(5, "Input/output error")

    with monkeypatch.context() as disk:
        disk.setattr(catalog_rebuild, "replace_catalogue", place)
        disk.setattr(catalog_rebuild, "set_current", fail)
        back, flushed, pointed = relink(two.output).warnings
    assert str(back).endswith("current: is missing; the tables show run night-1 now, the last one that exists")
    assert str(flushed).endswith(
        "Input/output error; segbatch.duckdb is rebuilt, but it may not survive a power failure; check the disk"
    )
    assert "No space left on device; the tables show run night-1 again, but current is not fixed" in str(pointed)
    relink(two.output)
    assert two.run(2).warnings == ()
