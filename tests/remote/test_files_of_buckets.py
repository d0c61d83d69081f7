"""Runs with one state and one file of changes per bucket, in a store and in tables."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pyiceberg.utils.config import Config

import segbatch
from segbatch.cluster.loop import LoopCluster
from segbatch.runs.query import query
from segbatch.storage.keep import Keep
from segbatch.storage.remote.addresses import open_publication
from segbatch.storage.remote.folder_store import FolderStore
from segbatch.storage.remote.open_output import open_output
from segbatch.storage.remote.pointer_publication import PointerPublication
from segbatch.storage.targets.output import open_target
from segbatch.storage.targets.remote import RemoteTarget
from split_runs import split_runs
from workspace import FIRST_RUN, Workspace

from .faulty_store import FaultyStore

pytestmark = pytest.mark.slow

VIEWS = ("membership", "membership_changes", "membership_history")


@pytest.fixture(params=["pointer", "delta", "iceberg"])
def address(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Return the address of an output of each kind."""
    monkeypatch.setenv("SEGBATCH_CACHE_DIR", str(tmp_path / "cache"))
    if request.param == "iceberg":
        monkeypatch.setenv("PYICEBERG_CATALOG__PROD__URI", f"sqlite:///{tmp_path / 'catalog.db'}")
        monkeypatch.setenv("PYICEBERG_CATALOG__PROD__WAREHOUSE", f"file://{tmp_path / 'warehouse'}")
        monkeypatch.setenv("PYICEBERG_HOME", "/nonexistent")
        monkeypatch.setattr("pyiceberg.catalog._ENV_CONFIG", Config())
        yield "iceberg://prod/audiences"
    elif request.param == "delta":
        yield f"delta+{tmp_path / 'lake'}"
    else:
        publication, real = PointerPublication(FaultyStore(FolderStore(tmp_path / "store"))), open_publication
        for module in ("targets.output", "remote.open_output"):
            monkeypatch.setattr(
                f"segbatch.storage.{module}.open_publication",
                lambda place: publication if str(place) == "store" else real(place),
            )
        yield "store"


class Both:
    """The same runs in a folder with one file each, and elsewhere with one file per bucket."""

    def __init__(self, folder: Path, address: str) -> None:
        self.place, self.address = Workspace(folder), address
        for plan in ("pro", "team"):
            self.place.segment(plan)

    def write(self, number: int) -> Path:
        """Write the contacts of a run."""
        self.place.contacts(**{f"c{n:02}": ("pro", "team", "free")[n % (number + 4) % 3] for n in range(number, 40)})
        return self.place.folder

    def run(self, number: int, **options: Any) -> segbatch.RunReport:
        self.write(number)
        self.place.run(number, **options)
        more: dict[str, Any] = {"as_of": FIRST_RUN + timedelta(days=number), "run_id": f"night-{number}"} | options
        folder = self.place.folder
        with pytest.MonkeyPatch.context() as patch:
            split_runs(patch)
            return segbatch.run(folder / "contacts.parquet", folder / "segments", self.address, **more)

    def assert_equal(self) -> None:
        with open_output(self.address) as copy:
            for name in VIEWS:
                sql = f"FROM {name} ORDER BY ALL"
                assert list(query(copy, sql, 1000).rows) == self.place.ask(sql)


@pytest.fixture
def both(tmp_path: Path, address: str) -> Both:
    return Both(tmp_path, address)


def test_runs_are_published_and_read(both: Both, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        assert both.run(number).warnings == ()
    assert both.place.ask("SELECT count(*) FROM membership_changes")[0][0] > 20
    both.assert_equal()
    monkeypatch.setenv("SEGBATCH_CACHE_DIR", str(tmp_path / "elsewhere"))  # everything is copied again
    both.assert_equal()
    both.run(3)
    both.assert_equal()


def test_runs_on_a_cluster_are_published_and_followed(both: Both, tmp_path: Path) -> None:
    for number, buckets in enumerate((2, 2, 3)):
        folder = both.write(number)
        options: dict[str, Any] = {"as_of": FIRST_RUN + timedelta(days=number), "run_id": f"night-{number}"}
        both.place.run(number)
        paths = (folder / "contacts.parquet", folder / "segments", both.address)
        assert segbatch.run(*paths, engine=LoopCluster(), buckets=buckets, **options).warnings == ()
        both.assert_equal()
    assert not [path for path in tmp_path.rglob("*") if "attempts" in path.name or "token" in path.name]


def test_old_runs_lose_their_members_and_keep_their_changes(both: Both) -> None:
    for number in range(4):
        both.run(number, keep=Keep(runs=2, days=0))
    target = open_target(both.address)
    assert isinstance(target, RemoteTarget)
    assert [target.has_members(past) for past in target.history().runs] == [False, False, True, True]
    assert target.lost_changes(target.history()) == []
    both.assert_equal()


def test_a_lost_file_of_changes_is_a_warning(both: Both) -> None:
    for number in range(3):
        both.run(number)
    target = open_target(both.address)
    assert isinstance(target, RemoteTarget)
    publication = target._publication  # noqa: SLF001 - to lose a file
    publication.store.remove([publication.key("night-1", "changes/00001.parquet")])
    [warning] = both.run(3).warnings
    assert "membership_changes and membership_history lack the changes of run night-1" in str(warning)
