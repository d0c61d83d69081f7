"""The lease of an output: who is at work, and what happens when that process dies."""

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

import pytest

from segbatch import PublishError
from segbatch.storage.output_lock import FAIL_IF_LOCKED, LockedError, LockPolicy
from segbatch.storage.remote import lease
from segbatch.storage.remote.folder_store import FolderStore
from segbatch.storage.remote.lease import Owner, hold_lease


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "store")


def owner_in(store: FolderStore) -> Owner:
    found = store.read("lock")
    assert found is not None
    owner = Owner.read(found.data)
    assert owner is not None
    return owner


def elsewhere(minutes: float) -> Owner:
    """Return an owner on another machine whose lease is valid for so many minutes."""
    until = (datetime.now(UTC) + timedelta(minutes=minutes)).isoformat()
    return replace(Owner.new("run of another"), host="elsewhere", pid=1, until=until)


def test_a_second_run_says_who_is_at_work(store: FolderStore) -> None:
    with hold_lease(store, store.address, "run first", FAIL_IF_LOCKED):
        second = hold_lease(store, store.address, "run second", FAIL_IF_LOCKED)
        with pytest.raises(LockedError, match=r"run first \(process \d+ on .*\) has been at work on it since 20"):
            second.__enter__()
        assert owner_in(store).what == "run first"
    assert store.read("lock") is None
    assert LockedError.exit_code == 75


def test_a_run_waits(store: FolderStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.write_new("lock", elsewhere(5).data)
    heard = list[str]()
    monkeypatch.setattr("segbatch.storage.remote.lease.time.sleep", lambda _seconds: store.remove(["lock"]))
    with hold_lease(store, store.address, "run", LockPolicy(wait=True, on_wait=heard.append)):
        assert owner_in(store).what == "run"
    [message] = heard
    assert "run of another (process 1 on elsewhere) has been at work" in message
    assert message.endswith("; waiting")


def test_an_expired_lease_is_taken_over(store: FolderStore) -> None:
    store.write_new("lock", elsewhere(-1).data)
    with hold_lease(store, store.address, "run", FAIL_IF_LOCKED):
        assert owner_in(store).what == "run"


def test_a_damaged_lease_is_taken_over(store: FolderStore) -> None:
    for content in (b"", b"{}", b"[1]", elsewhere(5).data.replace(b"+00:00", b"")):
        store.write_new("lock", content)
        with hold_lease(store, store.address, "run", FAIL_IF_LOCKED):
            assert owner_in(store).what == "run"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not say whether a process is alive")
def test_the_lease_of_a_dead_process_is_taken_over_at_once(store: FolderStore) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        ended.wait()
    store.write_new("lock", replace(Owner.new("run"), pid=ended.pid).data)
    with hold_lease(store, store.address, "run", FAIL_IF_LOCKED):
        pass
    store.write_new("lock", Owner.new("an earlier process with this number").data)
    with hold_lease(store, store.address, "run", FAIL_IF_LOCKED):
        pass
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as alive:
        store.write_new("lock", replace(Owner.new("run"), pid=alive.pid).data)
        with pytest.raises(LockedError), hold_lease(store, store.address, "run", FAIL_IF_LOCKED):
            pass
        alive.communicate(b"\n")


def test_a_lease_is_renewed_until_it_is_lost(store: FolderStore) -> None:
    owner = Owner.new("run")
    tag = store.write_new("lock", owner.data)
    own = lease._Lease(store, "lock", owner, tag)  # noqa: SLF001 - renewed without its thread
    assert own.renew()
    assert owner_in(store).until > owner.until
    store.remove(["lock"])
    store.write_new("lock", elsewhere(5).data)
    assert not own.renew()
    own.release()
    assert not own.renew()
    assert owner_in(store).host == "elsewhere"


def test_a_lease_is_renewed_by_a_thread(store: FolderStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "_RENEWALS", 10**9)
    replaced, replace_file = Event(), FolderStore.replace

    def note(self: FolderStore, key: str, data: bytes, tag: str) -> str:
        new = replace_file(self, key, data, tag)
        replaced.set()
        return new

    monkeypatch.setattr(FolderStore, "replace", note)
    with hold_lease(store, store.address, "run", FAIL_IF_LOCKED):
        assert replaced.wait(60)


@pytest.mark.parametrize("method", ["write_new", "replace"])
def test_a_storage_that_ignores_conditions_is_refused(
    store: FolderStore, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    monkeypatch.setattr(FolderStore, method, lambda *_: "tag")
    with pytest.raises(PublishError, match="the storage ignores the conditions of conditional writes"):
        hold_lease(store, store.address, "run", FAIL_IF_LOCKED).__enter__()
