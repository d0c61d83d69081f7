"""Who holds the lock, and what is said where that is not known."""

import fcntl
import os
import re
import time
from pathlib import Path

import pytest

from segbatch.errors import PublishError
from segbatch.storage.output_lock import FAIL_IF_LOCKED, LockedError, LockPolicy, lock_output


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "lock"


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'{"what": 1, "pid": 2, "host": 3, "since": 4}', b"\xff"])
def test_an_unsigned_lock_has_an_unknown_owner(place: Path, content: bytes) -> None:
    with lock_output(place, "run r1", LockPolicy()):
        place.write_bytes(content)
        with pytest.raises(
            LockedError, match="another run is at work on it; run again when that is done, or with --wait"
        ):
            take(place)


def test_a_new_owner_gets_time_to_sign_the_lock(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with lock_output(place, "run r1", LockPolicy()):
        signature = place.read_bytes()
        place.write_bytes(b"")
        monkeypatch.setattr(time, "sleep", lambda _: place.write_bytes(signature))
        with pytest.raises(LockedError, match=r"run r1 \(process [0-9]+ on .*\) has been at work on it since"):
            take(place)


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("run manual__2026-11-23T15:26:04.831533+00:00@12", "run manual__2026-11-23T15:26:04.831533+00:00@12"),
        (f"run {'x' * 200}", f"run {'x' * 95}…"),
        ("run \x1b[2J", r"run \x1b[2J"),
    ],
)
def test_the_message_shows_the_owner_and_the_time_for_a_run_id_of_any_length(
    place: Path, monkeypatch: pytest.MonkeyPatch, what: str, said: str
) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "worker-7.example.org")
    with (
        lock_output(place, what, LockPolicy()),
        pytest.raises(
            LockedError,
            match=rf": {re.escape(said)} \(process [0-9]+ on worker-7\.example\.org\) has been at work on it"
            r" since [0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8} UTC; run again",
        ),
    ):
        take(place)


def take(place: Path, policy: LockPolicy = FAIL_IF_LOCKED) -> None:
    with lock_output(place, "run r2", policy):
        pass


def test_a_released_lock_is_free_whatever_its_content(place: Path) -> None:
    take(place)
    assert "run r2" in place.read_text()
    take(place)


@pytest.mark.parametrize("is_made_anew", [True, False])
def test_a_lock_file_that_was_removed_in_the_meantime_does_not_count(
    place: Path, monkeypatch: pytest.MonkeyPatch, *, is_made_anew: bool
) -> None:
    def flock(_descriptor: int, _operation: int) -> None:
        if not waited:
            place.unlink()
            if is_made_anew:
                place.touch()

    waited: list[float] = []
    monkeypatch.setattr(fcntl, "flock", flock)
    monkeypatch.setattr(time, "sleep", waited.append)
    take(place, LockPolicy(wait=True))
    assert len(waited) == 1
    assert place.exists()


def test_a_folder_that_was_removed_meanwhile_is_created_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = tmp_path / "output" / "lock"
    pauses: list[float] = []
    open_file = os.open

    def open_without_folder(path: Path, *rest: int) -> int:
        if not pauses:
            path.parent.rmdir()
        return open_file(path, *rest)

    monkeypatch.setattr(os, "open", open_without_folder)
    monkeypatch.setattr(time, "sleep", pauses.append)
    take(lock, LockPolicy(wait=True))
    assert len(pauses) == 1
    assert lock.exists()


def test_a_waiting_run_is_notified_once(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    holder = os.open(place, os.O_RDWR | os.O_CREAT)
    fcntl.flock(holder, fcntl.LOCK_EX)
    pauses = [*range(7), holder]
    monkeypatch.setattr(time, "sleep", lambda _: os.close(holder) if pauses.pop(0) == holder else None)
    told: list[str] = []
    take(place, LockPolicy(wait=True, on_wait=told.append))
    assert len(told) == 1


@pytest.mark.parametrize("is_there", [True, False], ids=["a file", "nowhere"])
def test_a_link_at_the_path_of_the_lock_is_not_followed(place: Path, tmp_path: Path, is_there: bool) -> None:  # noqa: FBT001
    other = tmp_path / "other"
    if is_there:
        other.write_text("precious")
    place.symlink_to(other)
    with pytest.raises(PublishError) as raised:
        take(place)
    assert str(raised.value) == f"{place}: is a link, and locks are not written through links; remove it"
    assert (other.read_text() if is_there else None) == ("precious" if is_there else None)
    assert other.exists() == is_there


def test_a_pipe_at_the_path_of_the_lock_is_refused_immediately(place: Path) -> None:
    os.mkfifo(place)
    with pytest.raises(PublishError) as raised:
        take(place)
    assert str(raised.value) == f"{place}: is not a regular file, as the lock must be; remove it"
