"""Runs that are published as Iceberg tables, and read as other programs read them."""

import os
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from threading import Barrier

import pyarrow as pa
import pytest
from pyiceberg.table import Table
from pyiceberg.utils.config import Config

import segbatch
from builders import write_contacts
from segbatch.errors import PublishError, UsageError
from segbatch.pipeline.guardrails import Guard
from segbatch.storage.keep import Keep
from segbatch.storage.remote.addresses import read_namespace
from segbatch.storage.remote.iceberg import removal
from segbatch.storage.remote.iceberg.tables import IcebergTables
from segbatch.storage.remote.publication import NewRun, Pointer
from segbatch.storage.remote.store import OutdatedError
from workspace import FIRST_RUN, Workspace

from .iceberg_output import IcebergOutput

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make two runs, once for all tests."""
    workspace = Workspace(tmp_path_factory.mktemp("nights"))
    workspace.contacts(ann="pro", bob="pro", cem="free")
    workspace.segment("pro", tags=["vip", "it's"], owner="crm", expires_at="2031-01-01T00:00:00Z")
    workspace.segment("free")
    workspace.segment("nobody", "none", description=None)
    workspace.run(0)
    workspace.contacts(ann="pro", bob="free", dan="pro")
    workspace.run(1)
    return workspace.folder


@pytest.fixture
def output(nights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> IcebergOutput:
    monkeypatch.setenv("PYICEBERG_CATALOG__PROD__URI", f"sqlite:///{tmp_path / 'catalog.db'}")
    monkeypatch.setenv("PYICEBERG_CATALOG__PROD__WAREHOUSE", f"file://{tmp_path / 'ware house'}")
    monkeypatch.setenv("PYICEBERG_HOME", "/nonexistent")
    monkeypatch.setattr("pyiceberg.catalog._ENV_CONFIG", Config())
    return IcebergOutput(Workspace(Path(shutil.copytree(nights, tmp_path / "here"))))


ORDER = {"membership": "ALL", "membership_changes": "ALL", "segments": "segment_id", "runs": "run_number"}


def assert_equal_to_local(output: IcebergOutput) -> None:
    """All columns of all tables are those of the local output."""
    for table, order in ORDER.items():
        columns = ", ".join(f"{name}::VARCHAR" for name, *_ in output.workspace.ask(f"DESCRIBE {table}"))
        query = f"SELECT {columns} FROM {table} ORDER BY {order}"
        assert output.ask(query) == output.workspace.ask(query)


def test_nothing_is_published_at_first(output: IcebergOutput) -> None:
    assert output.pointer() == Pointer(None, None)
    assert output.publication().folders() == {}


def test_runs_are_read_through_current_as_from_the_local_tables(output: IcebergOutput) -> None:
    output.publish("night-0", "night-1")
    assert output.pointer().folder == "night-1"
    assert output.publication().folders().keys() == {"night-0", "night-1"}
    assert_equal_to_local(output)
    assert output.sizes()["current"] == 1


def test_the_version_of_the_pointer_changes_with_each_run(output: IcebergOutput) -> None:
    output.publish("night-0")
    first = output.pointer().version
    output.publish("night-1")
    assert first not in {None, output.pointer().version}


def test_a_run_that_is_published_again_changes_nothing(output: IcebergOutput) -> None:
    before = output.pointer()
    new = output.upload("night-0")
    output.publication().publish(new, before)
    published, sizes = output.pointer(), output.sizes()
    output.publication().publish(new, before)
    assert (output.pointer(), output.sizes()) == (published, sizes)


def test_a_repeated_run_replaces_the_changes_of_the_first(output: IcebergOutput) -> None:
    output.publish("night-0", "night-1")
    output.workspace.contacts(ann="free", bob="free", dan="free")
    output.workspace.run(1)
    output.publish("night-1~2")
    assert output.pointer().folder == "night-1~2"
    assert_equal_to_local(output)
    assert {row[0] for row in output.ask("SELECT publication FROM membership_changes")} == {"night-1~2"}


def test_a_rewind_takes_back_the_runs_after_it(output: IcebergOutput) -> None:
    output.workspace.contacts(eve="pro")
    output.workspace.run(2, guard=Guard(accepted=["all"]))
    output.publish("night-0", "night-1", "night-2")
    output.workspace.contacts(ann="free", dan="pro")
    output.workspace.run(1, rewind=True, guard=Guard(accepted=["all"]))
    output.publish("night-1~2")
    assert_equal_to_local(output)
    assert [row[0] for row in output.ask("SELECT run_id FROM runs ORDER BY run_number")] == ["night-0", "night-1"]


def test_a_run_without_members_is_read_as_such(output: IcebergOutput) -> None:
    output.workspace.contacts(fay="other")
    output.workspace.run(2, guard=Guard(accepted=["all"]))
    output.publish("night-0", "night-1", "night-2")
    assert output.ask("SELECT * FROM membership") == []
    assert_equal_to_local(output)


def test_run_ids_with_special_characters_are_names_of_folders(output: IcebergOutput) -> None:
    run_id = "scheduled__2026-01-01T00:00:00+00:00=a@b"
    output.workspace.run(None, run_id=run_id)
    output.publish("night-0", "night-1", run_id)
    assert output.pointer().folder == run_id
    assert output.publication().folders().keys() == {"night-0", "night-1", run_id}
    assert_equal_to_local(output)


COMMITS = ["membership_changes", "membership", "segments", "segment_renames", "runs", "current"]


class KilledError(Exception):
    """The process ends here."""


class KilledTables(IcebergTables):
    """Tables whose process is killed behind a commit."""

    def __init__(self, output: IcebergOutput, behind: str) -> None:
        super().__init__(output.catalog, output.namespace)
        object.__setattr__(self, "behind", behind)

    def append(self, table: Table, files: Sequence[str], publication: str) -> None:
        super().append(table, files, publication)
        self._die(table.name()[-1])

    def replace(self, name: str, rows: pa.Table, publication: str, before: int | None) -> None:
        super().replace(name, rows, publication, before)
        self._die(name)

    def _die(self, name: str) -> None:
        if name == self.__dict__["behind"]:
            raise KilledError


@pytest.mark.parametrize("behind", COMMITS)
def test_a_run_that_is_killed_behind_a_commit_is_whole_or_not_there(output: IcebergOutput, behind: str) -> None:
    output.publish("night-0")
    rows = {name: output.ask(f"FROM {name} ORDER BY ALL") for name in ORDER}
    before, new = output.pointer(), output.upload("night-1")
    with pytest.raises(KilledError):
        output.publication(KilledTables(output, behind)).publish(new, before)
    if behind != "current":
        assert {name: output.ask(f"FROM {name} ORDER BY ALL") for name in ORDER} == rows
    output.publication().publish(new, before)
    assert_equal_to_local(output)
    sizes = output.sizes()
    assert (sizes["membership"], sizes["runs"], sizes["segments"], sizes["current"]) == (6, 2, 6, 1)


class OvertakenTables(IcebergTables):
    """Tables of a process that reads `current` for the last time just before another process publishes a run."""

    def __init__(self, output: IcebergOutput, other: Callable[[], None]) -> None:
        super().__init__(output.catalog, output.namespace)
        object.__setattr__(self, "other", other)

    def replace(self, name: str, rows: pa.Table, publication: str, before: int | None) -> None:
        stale = self.load(name)
        self.__dict__["other"]()
        object.__setattr__(self, "load", lambda _name: stale)
        try:
            super().replace(name, rows, publication, before)
        finally:
            object.__delattr__(self, "load")


@pytest.mark.parametrize("published", [[], ["night-0"]])
def test_of_two_runs_at_once_the_first_wins(output: IcebergOutput, published: list[str]) -> None:
    output.publish(*published)
    output.workspace.run(1)
    before, winner, loser = output.pointer(), output.upload("night-1"), output.upload("night-1~2")
    tables = OvertakenTables(output, lambda: output.publication().publish(winner, before))
    with pytest.raises(OutdatedError):
        output.publication(tables).publish(loser, before)
    assert output.pointer().folder == "night-1"
    assert [row[0] for row in output.ask("SELECT DISTINCT publication FROM membership")] == ["night-1"]
    with pytest.raises(OutdatedError):
        output.publication().publish(loser, before)


@pytest.mark.serial
def test_of_eight_runs_at_once_one_wins(output: IcebergOutput) -> None:
    output.publish("night-0")
    for _ in range(7):
        output.workspace.run(1)
    before = output.pointer()
    runs = [output.upload(name) for name in ("night-1", *(f"night-1~{number}" for number in range(2, 9)))]
    start = Barrier(len(runs))

    def publish(new: NewRun) -> str | None:
        publication = output.publication()
        assert publication.pointer() == before
        start.wait()
        with suppress(OutdatedError):
            publication.publish(new, before)
            return new.folder
        return None

    with ThreadPoolExecutor(len(runs)) as pool:
        winners = [name for name in pool.map(publish, runs) if name]
    assert winners == [output.pointer().folder]
    assert {row[0] for row in output.ask("SELECT DISTINCT publication FROM membership")} == {*winners}
    assert output.ask("SELECT count(*) FROM runs") == [(2,)]


def data_folders(output: IcebergOutput, table: str) -> set[str]:
    return {path.name for path in (output.root() / table / "data").iterdir()}


def age(output: IcebergOutput, days: float) -> None:
    """Let all files be written some days ago."""
    then = time.time() - days * 86_400
    for path in output.root().rglob("*"):
        os.utime(path, (then, then))


def test_members_of_retired_runs_are_removed_from_the_table_and_later_from_the_disk(
    output: IcebergOutput, monkeypatch: pytest.MonkeyPatch
) -> None:
    output.publish("night-0", "night-1")
    publication = output.publication()
    age(output, 2)
    publication.retire(["night-0", "night-1"])
    assert set(output.read("membership")["publication"].to_pylist()) == {"night-1"}, "the published run stays"
    assert data_folders(output, "membership") == {"night-0", "night-1"}, "a query may still read the files"
    folders = publication.folders()
    assert [folders[name].has_members for name in ("night-0", "night-1")] == [False, True]
    assert_equal_to_local(output)
    monkeypatch.setattr(removal, "WAIT", timedelta())
    publication.retire([])
    assert data_folders(output, "membership") == {"night-1"}
    assert data_folders(output, "membership_changes") == {"night-0", "night-1"}
    publication.retire(["night-0"])
    assert_equal_to_local(output)


def test_discarded_runs_leave_their_row_in_runs(output: IcebergOutput, monkeypatch: pytest.MonkeyPatch) -> None:
    output.publish("night-0", "night-1")
    output.workspace.run(1)
    output.publish("night-1~2")
    output.workspace.run(1)
    output.upload("night-1~3")
    age(output, 2)
    monkeypatch.setattr(removal, "WAIT", timedelta())
    output.publication().discard(["night-1", "night-1~3"])
    assert output.publication().folders().keys() == {"night-0", "night-1~2"}
    for table in ("membership", "membership_changes", "segments"):
        assert data_folders(output, table) == {"night-0", "night-1_7E2"}
        assert "night-1" not in output.read(table)["publication"].to_pylist()
    assert sorted(output.read("runs")["publication"].to_pylist()) == ["night-0", "night-1", "night-1~2"]


IDS = {
    "int64": pa.array([1, 2, 3], pa.int64()),
    "text": pa.array(["a", "b", "c"]),
    "uuid": pa.ExtensionArray.from_storage(pa.uuid(), pa.array([bytes([n]) * 16 for n in (1, 2, 3)], pa.binary(16))),
    "fixed": pa.array([b"abc", b"abd", b"abe"], pa.binary(3)),
    "binary": pa.array([b"\xffa", b"\xffb", b"\xffc"], pa.binary()),
    "decimal": pa.array([Decimal(1), Decimal(2), Decimal(3)], pa.decimal128(20, 0)),
}


@pytest.mark.parametrize("kind", IDS)
def test_ids_have_their_type_in_the_tables(output: IcebergOutput, kind: str) -> None:
    workspace = Workspace(output.workspace.folder / "ids")
    workspace.segment("pro")
    for number, plans in enumerate((["pro", "pro", "free"], ["free", "pro", "pro"])):
        write_contacts(workspace.folder / "contacts.parquet", {"id": IDS[kind], "plan": plans})
        workspace.run(number)
    ids = IcebergOutput(workspace, namespace="ids")
    ids.publication().check_id_type(IDS[kind].type)
    ids.publish("night-0", "night-1")
    assert_equal_to_local(ids)
    ids.publication().check_id_type(IDS[kind].type)
    with pytest.raises(PublishError, match=r"the column 'contact_id' of the table 'membership' has the type .*; expo"):
        ids.publication().check_id_type(pa.binary(7))


def test_ids_that_iceberg_lacks_are_refused(output: IcebergOutput) -> None:
    with pytest.raises(UsageError, match=r"^iceberg://prod/audiences: an Iceberg table cannot have contact ids of the"):
        output.publication().check_id_type(pa.uint64())


def test_a_damaged_pointer_is_an_error(output: IcebergOutput) -> None:
    output.publish("night-0")
    table = output.tables.load("current")
    assert table is not None
    table.append(output.read("current"))
    with pytest.raises(PublishError, match=r"the table 'current' is damaged; restore the table"):
        output.pointer()


def test_a_catalog_that_is_not_configured_is_named() -> None:
    with pytest.raises(
        UsageError, match="the catalog 'nowhere' is not configured; set PYICEBERG_CATALOG__NOWHERE__URI"
    ):
        IcebergTables("nowhere", "audiences").load("current")


def test_a_catalog_that_fails_is_one_line_without_its_address(
    output: IcebergOutput, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYICEBERG_CATALOG__PROD__URI", "sqlite:////nonexistent/secret.db")
    monkeypatch.setattr("pyiceberg.catalog._ENV_CONFIG", Config())
    with pytest.raises(PublishError) as raised:
        output.pointer()
    assert "secret" not in str(raised.value)
    assert str(raised.value).startswith("iceberg://prod/audiences: the catalog 'prod' or the storage of its tables")


def test_without_pyiceberg_the_extra_is_named(output: IcebergOutput, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyiceberg.catalog", None)
    with pytest.raises(UsageError, match=r"not installed; run: pip install 'segbatch\[iceberg\]'$"):
        output.pointer()


def test_columns_of_a_newer_version_are_added(output: IcebergOutput) -> None:
    output.publish("night-0")
    table = output.tables.load("segments")
    assert table is not None
    with table.update_schema() as update:
        update.delete_column("owner")
    output.publish("night-1")
    assert output.ask("SELECT owner FROM segments WHERE segment_id = 'pro'") == [("crm",)]


def test_an_address_of_a_table_or_with_credentials_is_refused() -> None:
    assert str(read_namespace("iceberg://prod/crm.audiences/").address) == "iceberg://prod/crm.audiences"
    for text in ("iceberg://prod", "iceberg://prod/a/b", "iceberg://user:secret@prod/audiences", "iceberg:///a"):
        with pytest.raises(UsageError, match="is not the address of a namespace; write iceberg://CATALOG/NA") as raised:
            read_namespace(text)
        assert "secret" not in str(raised.value)


def test_runs_with_an_address_are_those_of_a_folder(output: IcebergOutput, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = output.workspace.folder
    monkeypatch.setenv("SEGBATCH_CACHE_DIR", str(folder / "cache"))
    shutil.rmtree(output.workspace.output)
    address = "iceberg://prod/audiences"
    for number, plan in enumerate(("pro", "free", "pro")):
        output.workspace.contacts(ann="pro", bob=plan, cem="free")
        output.workspace.run(number)
        report = segbatch.run(
            folder / "contacts.parquet",
            folder / "segments",
            address,
            as_of=FIRST_RUN + timedelta(days=number),
            run_id=f"night-{number}",
            keep=Keep(2),
        )
        assert report.warnings == ()
        assert str(report.membership) == str(output.root() / "membership" / "data" / f"night-{number}")
    times = {"started_at", "finished_at"}
    for table, order in ORDER.items():
        names = [name for name, *_ in output.workspace.ask(f"DESCRIBE {table}") if name not in times]
        query = f"SELECT {', '.join(f'{name}::VARCHAR' for name in names)} FROM {table} ORDER BY {order}"
        assert output.ask(query) == output.workspace.ask(query)
    assert set(output.read("membership").column_names) == {"segment_id", "contact_id", "run_id", "publication"}


def test_a_lost_file_does_not_stop_the_removal_of_old_runs(
    output: IcebergOutput, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = output.workspace.folder
    monkeypatch.setenv("SEGBATCH_CACHE_DIR", str(folder / "cache"))
    for number in range(4):
        report = segbatch.run(
            folder / "contacts.parquet",
            folder / "segments",
            "iceberg://prod/audiences",
            as_of=FIRST_RUN + timedelta(days=number),
            run_id=f"a-run-with-a-long-name-{number}",  # catalogs cut long values in their statistics, unless told
            keep=Keep(2, 0.0),
        )
        assert report.warnings == ()
        if number == 0:
            [lost] = output.root().glob("membership/data/*/*.parquet")
            lost.unlink()
    left = {path.rpartition("/")[0].rpartition("/")[2] for path in files_of(output, "membership")}
    assert left == {"a-run-with-a-long-name-2", "a-run-with-a-long-name-3"}


def files_of(output: IcebergOutput, name: str) -> list[str]:
    table = output.tables.load(name)
    assert table is not None
    return [task.file.file_path for task in table.scan().plan_files()]
