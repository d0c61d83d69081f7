"""Test the file of keys: stored fields, look-up by secret, and revocation."""

import json
import os
import re
import shutil
import stat
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from failing_disk import refuse_flushes_of_folders, refuse_removal, report_failure
from segbatch.errors import BusyError, KeysError, NotFoundError, Problem, SegbatchError, UsageError
from segbatch.interfaces.api.keys import key_store
from segbatch.interfaces.api.keys.key_store import KeyRing
from segbatch.platform.file_lock import lock_file

NOON = datetime(2025, 6, 1, 12, tzinfo=UTC)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


def keys(file: Path) -> KeyRing:
    return KeyRing(file, clock=lambda: NOON)


def kept(file: Path) -> Any:
    return json.loads(file.read_text())


def mode(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


def test_find_matches_only_the_secret(file: Path) -> None:
    key, secret = keys(file).create(["p", "q", "p"], read_only=True, name="The CRM")
    other, another_secret = keys(file).create(["p"])
    assert (key.projects, key.read_only, key.name, key.created_at, key.revoked_at) == (
        ("p", "q"),
        True,
        "The CRM",
        NOON,
        None,
    )
    assert (other.read_only, other.name) == (False, None)
    assert keys(file).list() == (key, other)
    assert keys(file).find(secret) == key
    assert keys(file).find(another_secret) == other
    digest = kept(file)["keys"][0]["sha256"]
    for wrong in ("", key.id, digest, secret[:-1], secret + " ", secret.upper(), "é\udcff\0", "x" * 100_000):
        assert keys(file).find(wrong) is None


def test_secrets_are_random_and_not_stored_in_the_file(file: Path) -> None:
    secrets = {keys(file).create(["p"])[1] for _ in range(20)}
    assert len(secrets) == 20
    assert all(re.fullmatch(r"segbatch_[0-9a-f]{64}", secret) for secret in secrets)
    content = file.read_text()
    assert not any(secret.removeprefix("segbatch_") in content for secret in secrets)


def test_revoked_key_stops_working_immediately_and_stays_listed(file: Path) -> None:
    server = keys(file)
    key, secret = server.create(["p"])
    _, another = server.create(["p"])
    assert server.find(secret) == key
    revoked = keys(file).revoke(key.id)
    assert server.find(secret) is None
    assert server.find(another) is not None
    assert revoked.revoked_at == NOON
    assert server.list()[0] == revoked
    later = KeyRing(file).revoke(key.id)
    assert later.revoked_at == NOON


def test_revocation_by_editing_the_file_works_within_the_same_clock_tick(file: Path) -> None:
    server = keys(file)
    _, secret = server.create(["p"])
    for _ in range(50):
        assert server.find(secret) is not None
        content = file.read_text()
        file.write_text(content.replace('"revoked_at": null', '"revoked_at": "2025-06-01T12:00:00Z"'))
        assert server.find(secret) is None
        file.write_text(content)


def test_unchanged_file_is_not_read_again(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = keys(file)
    _, secret = server.create(["p"])
    os.utime(file, (1_000_000_000, 1_000_000_000))
    monkeypatch.setattr(key_store, "_TICK", 0)
    server.find(secret)
    monkeypatch.setattr(key_store, "read_records", lambda _: pytest.fail("read again"))
    assert server.find(secret) is not None


def test_missing_file_contains_no_keys(file: Path) -> None:
    server = keys(file)
    assert server.list() == ()
    assert server.find("segbatch_") is None
    _, secret = server.create(["p"])
    assert server.find(secret) is not None
    file.unlink()
    assert server.find(secret) is None


def test_files_are_private_to_the_owner_from_their_creation(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cached = list[tuple[str, int]]()
    replace = os.fsync

    def watch(descriptor: int) -> None:
        cached.extend((path.name, mode(path)) for path in file.parent.iterdir())
        replace(descriptor)

    before = os.umask(0)
    try:
        monkeypatch.setattr(os, "fsync", watch)
        keys(file).create(["p"])
    finally:
        os.umask(before)
    assert {name for name, _ in cached} == {".keys.json.new", ".keys.json.lock", "keys.json"}
    assert {rights for _, rights in cached} == {0o600}


def test_revoke_keeps_the_mode_and_group_of_the_file(file: Path) -> None:
    key, _ = keys(file).create(["p"])
    file.chmod(0o640)
    group = 1 if os.getuid() == 0 else [os.getgid(), *os.getgroups()][-1]
    os.chown(file, -1, group)
    keys(file).revoke(key.id)
    assert (mode(file), file.stat().st_gid) == (0o640, group)


def test_symlink_is_followed_and_kept(file: Path) -> None:
    real = file.parent / "elsewhere" / "real.json"
    real.parent.mkdir()
    file.symlink_to(real)
    _, secret = keys(file).create(["p"])
    assert file.is_symlink()
    assert keys(real).find(secret) is not None


def test_concurrent_writers_lose_no_keys(file: Path) -> None:
    made = list[str]()

    def make() -> None:
        made.extend(KeyRing(file).create(["p"])[0].id for _ in range(10))

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 40
    assert sorted(key.id for key in keys(file).list()) == sorted(made)


def test_create_skips_an_id_in_use(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = iter(["one", "one", "two"])
    monkeypatch.setattr(key_store, "new_id", lambda: next(ids))
    assert [keys(file).create(["p"])[0].id for _ in range(2)] == ["one", "two"]


def test_create_raises_busy_error_after_the_lock_timeout(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_store, "_LOCK_TIMEOUT", 0.01)
    with lock_file(file.with_name(".keys.json.lock"), 1), pytest.raises(BusyError, match="another program has been"):
        keys(file).create(["p"])
    assert not file.exists()


RECORD: dict[str, Any] = {
    "id": "a",
    "name": None,
    "projects": ["p"],
    "read_only": False,
    "created_at": "2025-06-01T12:00:00Z",
    "revoked_at": None,
    "sha256": "0" * 64,
}


def content(**changed: Any) -> str:
    return json.dumps({"version": 1, "keys": [RECORD | changed]})


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "is not valid JSON: EOF while parsing"),
        ("{", "is not valid JSON: EOF while parsing"),
        ("[]", "must be an object"),
        ('{"version": 2, "keys": []}', "'version': must be 1"),
        ('{"version": 1}', "'keys': is missing"),
        (content(more=1), "'keys.0.more': is unknown"),
        (content(sha256="secret"), "'keys.0.sha256': has the wrong form"),
        (content(read_only="no"), "'keys.0.read_only': must be true or false"),
        (content(projects=[]), "'keys.0.projects': is empty"),
        (content(projects=[""]), "'keys.0.projects.0': is empty"),
        (content(revoked_at="2025-06-01T12:00:00"), "'keys.0.revoked_at': must be a time with a time zone"),
        (json.dumps({"version": 1, "keys": [RECORD, RECORD]}), "two keys have the same id"),
    ],
)
def test_broken_file_raises_an_error_with_the_reason(file: Path, text: str, what: str) -> None:
    file.write_text(text)
    for use in (KeyRing.list, lambda one: one.find("x"), lambda one: one.create(["p"]), lambda one: one.revoke("a")):
        with pytest.raises(KeysError) as told:
            use(keys(file))
        message = str(told.value)
        assert message.startswith(f"{file}: ")
        assert what in message
        assert message.endswith("; restore it from a backup, or delete it and create new keys")
        assert "secret" not in message
        assert "0000" not in message
    assert file.read_text() == text


@pytest.mark.parametrize("rights", [0o620, 0o602, 0o666])
def test_file_writable_by_other_users_is_refused(file: Path, rights: int) -> None:
    _, secret = keys(file).create(["p"])
    file.chmod(rights)
    for use in (KeyRing.list, lambda one: one.find(secret), lambda one: one.create(["p"])):
        with pytest.raises(KeysError, match=r"other users may write it and could add a key; run 'chmod go-w'"):
            use(keys(file))
    file.chmod(0o644)
    assert keys(file).find(secret) is not None


def test_unreadable_paths_raise_errors(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.mkdir()
    with pytest.raises(KeysError, match=r"is not a file; pass the file of keys"):
        keys(file).list()
    with pytest.raises(KeysError, match="cannot be read: Not a directory"):
        keys(Path(__file__) / "keys.json").list()
    with pytest.raises(KeysError, match="cannot be written: No such file or directory"):
        keys(file / "nowhere" / "keys.json").create(["p"])
    file.rmdir()
    keys(file).create(["p"])

    def refuse(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(KeysError, match="cannot be read: Permission denied"):
        keys(file).list()


def test_full_disk_leaves_the_keys_unchanged(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key, secret = keys(file).create(["p"])

    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(KeysError, match="cannot be written: No space left on device; nothing was changed"):
            keys(file).revoke(key.id)
    assert keys(file).find(secret) == key
    assert sorted(path.name for path in file.parent.iterdir()) == [".keys.json.lock", "keys.json"]


@pytest.mark.parametrize("fault", ["flush", "reported", "left"])
def test_errors_after_the_file_was_replaced_keep_the_change(
    file: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    warned = list[Problem]()
    key_store = KeyRing(file, clock=lambda: NOON, warn=warned.append)
    key, _ = keys(file).create(["p"])
    with monkeypatch.context() as patch:
        if fault == "flush":
            refuse_flushes_of_folders(patch)
        elif fault == "reported":
            report_failure(patch, Path, "replace", is_done=True, is_blind=False)
        else:
            patch.setattr("segbatch.interfaces.api.keys.key_file.replace_file", shutil.copyfile)
            refuse_removal(patch, ".new")
        other, secret = key_store.create(["q"])
        if fault != "left":
            assert key_store.revoke(key.id).revoked_at == NOON
    assert keys(file).find(secret) == other
    assert [one.revoked_at for one in keys(file).list()] == [None if fault == "left" else NOON, None]
    message = "is changed, but that may not survive a power failure: Input/output error; check the disk"
    expected = Problem(message, str(file), severity="warning")
    assert warned == ([] if fault == "left" else [expected, expected])
    keys(file).create(["r"])
    assert sorted(path.name for path in file.parent.iterdir()) == [".keys.json.lock", "keys.json"]


@pytest.mark.parametrize("is_done", [True, False])
def test_write_error_with_unknown_outcome_is_reported_as_possible_change(
    file: Path, monkeypatch: pytest.MonkeyPatch, *, is_done: bool
) -> None:
    keys(file).create(["p"])
    report_failure(monkeypatch, Path, "replace", is_done=is_done, is_blind=True)
    expected = "cannot be written: Input/output error; it may have been changed, see 'segbatch keys list'"
    with pytest.raises(KeysError, match=re.escape(expected)):
        keys(file).create(["q"])


def test_failure_to_lock_changes_nothing(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys(file).create(["p"])
    report_failure(monkeypatch, os, "open", is_done=False, is_blind=False)
    with pytest.raises(KeysError, match=r"keys.json: cannot be written: Input/output error; nothing was changed"):
        keys(file).create(["q"])


@pytest.mark.parametrize("projects", [[], [""], [" "], ["a\nb"], ["p", "\x1b[2J"], ["x" * 201]])
def test_create_refuses_invalid_projects(file: Path, projects: list[str]) -> None:
    with pytest.raises(UsageError, match="project"):
        keys(file).create(projects)
    assert not file.exists()


def test_create_refuses_a_blank_name(file: Path) -> None:
    with pytest.raises(UsageError, match="is not a valid project or name"):
        keys(file).create(["p"], name=" ")


def test_revoke_of_an_unknown_key_suggests_the_nearest_id(file: Path) -> None:
    key, _ = keys(file).create(["p"])
    with pytest.raises(NotFoundError, match=rf"there is no key '{key.id[:-1]}'; did you mean '{key.id}'\?"):
        keys(file).revoke(key.id[:-1])
    with pytest.raises(SegbatchError, match="'segbatch keys list' shows all"):
        keys(file).revoke("")
