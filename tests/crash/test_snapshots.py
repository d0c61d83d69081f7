"""A snapshot that is truncated, overwritten, replaced or removed while a run reads it: no mixture is published."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pyarrow.parquet as pq
import pytest

import segbatch
from builders import rule, write_segment
from segbatch.pipeline.evaluation import RunEvaluation
from segbatch.snapshot import snapshot
from segbatch.snapshot.parquet import files, record_batches
from sequence import PlannedRun as Made
from sequence import ensure_tidy, make_runs, tables

CONTACTS = "contacts.parquet"


def cut(file: Path, _other: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def remove(file: Path, _other: Path) -> None:
    file.unlink()


def write_over(file: Path, other: Path) -> None:
    with file.open("r+b") as written:
        written.write(other.read_bytes())
        written.truncate()


def replace(file: Path, other: Path) -> None:
    Path(shutil.copy(other, file.with_name("new"))).rename(file)


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> list[Made]:
    return make_runs(tmp_path_factory.mktemp("runs"), 3)


def run(planned_run: Made, contacts: Path, output: Path) -> segbatch.RunReport:
    options = {"as_of": planned_run.as_of, "run_id": planned_run.run_id}
    return segbatch.run(contacts, planned_run.segments, output, **options)  # type: ignore[arg-type]


def expected(planned: list[Made], contacts: Path, output: Path) -> dict[str, list[tuple[object, ...]]]:
    run(planned[0], planned[0].contacts, output)
    run(planned[1], contacts, output)
    return tables(output)


@pytest.mark.parametrize("damage", [cut, remove, write_over, replace])
@pytest.mark.parametrize("after", [1, 7, 9, 13])
def test_a_file_that_changes_after_some_batches_is_never_published_as_a_mixture(
    tmp_path: Path, planned: list[Made], monkeypatch: pytest.MonkeyPatch, damage: Callable[..., None], after: int
) -> None:
    contacts, output = tmp_path / CONTACTS, tmp_path / "output"
    shutil.copy(planned[1].contacts, contacts)
    run(planned[0], planned[0].contacts, output)
    before, read = tables(output), 0
    read_batches = record_batches.read_batches

    def damaging(*arguments: Any) -> Iterator[Any]:
        nonlocal read
        for batch in read_batches(arguments[0], arguments[1], 250):
            yield batch
            read += 1
            if read == after:
                damage(contacts, planned[2].contacts)

    with monkeypatch.context() as patched:
        patched.setattr(snapshot, "read_batches", damaging)
        try:
            run(planned[1], contacts, output)
        except segbatch.SnapshotError as error:
            assert "\n" not in str(error)  # noqa: PT017
            assert str(contacts) in str(error)  # noqa: PT017
            assert tables(output) == before
        else:
            assert tables(output) == expected(planned, planned[1].contacts, tmp_path / "unharmed")
    assert read >= after
    shutil.copy(planned[1].contacts, contacts)
    run(planned[1], contacts, output)
    assert tables(output) == expected(planned, planned[1].contacts, tmp_path / "again")
    ensure_tidy(output)


@pytest.mark.parametrize("damage", [cut, remove, write_over, replace])
def test_a_file_that_changes_before_its_digest_is_computed_is_an_error(
    tmp_path: Path, planned: list[Made], monkeypatch: pytest.MonkeyPatch, damage: Callable[..., None]
) -> None:
    contacts, output = tmp_path / CONTACTS, tmp_path / "output"
    shutil.copy(planned[1].contacts, contacts)
    digest, outcome, done = files.SnapshotFile.digest, RunEvaluation._outcome, Event()  # noqa: SLF001 - reads all contacts

    def late(*arguments: Any) -> Any:
        done.wait()
        return digest(*arguments)

    def damaging(*arguments: Any) -> Any:
        try:
            return outcome(*arguments)
        finally:
            damage(contacts, planned[2].contacts)
            done.set()

    monkeypatch.setattr(files.SnapshotFile, "digest", late)
    monkeypatch.setattr(RunEvaluation, "_outcome", damaging)
    with pytest.raises(segbatch.SnapshotError, match=CONTACTS):
        run(planned[1], contacts, output)
    assert not output.exists()


def test_a_replaced_file_of_several_is_an_error_unless_it_was_already_read(tmp_path: Path, planned: list[Made]) -> None:
    """Files that were read completely may be replaced; the published run contains the data that was read."""
    folder, segments = tmp_path / "contacts", write_segment(tmp_path / "s", "seated", rule("seats", "gte", 0)).parent
    folder.mkdir()
    table = pq.read_table(planned[0].contacts)
    for number in range(3):
        pq.write_table(table.slice(number * 400, 400), folder / f"{number}.parquet")
    other = tmp_path / "other.parquet"
    pq.write_table(table.slice(1200, 300), other)
    for number in range(3):
        output, seen = tmp_path / f"output-{number}", list[int]()

        def damage(done: int, _total: int, number: int = number, seen: list[int] = seen) -> None:
            seen.append(done)
            if len(seen) == 2:
                replace(folder / f"{number}.parquet", other)

        try:
            report = segbatch.run(folder, segments, output, progress=damage)
        except segbatch.SnapshotError as error:
            assert f"{number}.parquet: was written while it was read" in str(error)  # noqa: PT017
            assert not output.exists()
        else:
            assert report.run.contacts == report.run.memberships == 1200
        pq.write_table(table.slice(number * 400, 400), folder / f"{number}.parquet")
