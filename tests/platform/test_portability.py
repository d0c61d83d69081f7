"""segbatch without the features of POSIX: modules, flags of `os`, and folders that can be flushed."""

import ast
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import segbatch
from builders import rule, write_contacts, write_segment
from segbatch.platform.file_lock import NotALockFileError, open_lock_file, take_lock
from segbatch.platform.files import is_writable_by_others, replace_file, temporary_file

POSIX_MODULES = {"fcntl", "grp", "pwd", "resource", "termios", "tty", "pty", "syslog", "posix"}

_WINDOWS = """
import asyncio, multiprocessing.connection, os, subprocess, sys, types  # the standard library as it is

for name in ("fcntl", "grp", "pwd", "resource", "termios", "tty", "pty"):
    sys.modules[name] = None
for name in (
    "O_NOFOLLOW O_NONBLOCK O_CLOEXEC O_DIRECTORY O_SYNC pread pwrite fchmod fchown chown lchown geteuid getegid getuid "
    "getgid killpg getpgid setsid fork mkfifo statvfs sched_getaffinity posix_fallocate sysconf"
).split():
    if hasattr(os, name):
        delattr(os, name)

owned = set()

def locking(descriptor, mode, count):
    # One lock of one byte for each file, released when this process ends.
    assert os.lseek(descriptor, 0, os.SEEK_CUR) > 1_000_000 and count == 1
    owned.add(os.fstat(descriptor).st_ino)

sys.modules["msvcrt"] = types.SimpleNamespace(LK_NBLCK=2, locking=locking)

import segbatch.platform.portability as portability

portability.CAN_SYNC_FOLDERS = portability.CAN_MOVE_OPEN_FILES = portability.HAS_SHELL = False
"""


def run_as_on_windows(program: str, *arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", _WINDOWS + program, *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
    )


def test_no_module_imports_posix_modules_at_its_top() -> None:
    root = Path(segbatch.__file__).parent
    imports = {
        (str(path.relative_to(root)), name.name if isinstance(node, ast.Import) else node.module)
        for path in root.rglob("*.py")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in node.names
    }
    assert len(imports) > 1000
    assert not [entry for entry in imports if entry[1] in POSIX_MODULES]


@pytest.mark.slow
def test_every_module_is_imported_without_posix_modules() -> None:
    program = """
import importlib, pkgutil, segbatch
from pathlib import Path

count = 0
for module in pkgutil.walk_packages(segbatch.__path__, "segbatch."):
    if "airflow" not in module.name:  # Airflow does not run on Windows
        importlib.import_module(module.name)
        count += 1
print(count)
"""
    ended = run_as_on_windows(program)
    assert ended.returncode == 0, ended.stderr
    assert int(ended.stdout) > 100


@pytest.fixture
def job(tmp_path: Path) -> Path:
    write_segment(tmp_path / "segments", "de", rule("country", "eq", "DE"))
    write_contacts(tmp_path / "contacts.parquet", {"id": ["a", "b"], "country": ["DE", "FR"]})
    return tmp_path


_MAIN = """
from segbatch.__main__ import main

for command in sys.argv[1:]:
    sys.argv[1:] = command.split()
    try:
        main()
    except SystemExit as end:
        if end.code:
            raise
"""
_RUN = "run --contacts contacts.parquet --segments segments"


@pytest.mark.slow
def test_a_run_publishes_and_exports_without_posix_modules(job: Path) -> None:
    commands = (_RUN, _RUN, "export de --to de.csv", "segments list", "verify")
    ended = run_as_on_windows(_MAIN, *commands, cwd=job)
    assert ended.returncode == 0, ended.stderr
    assert (job / "de.csv").read_text().split() == ['"contact_id"', '"a"']


@pytest.mark.slow
def test_hooks_are_refused_without_a_posix_shell(job: Path) -> None:
    ended = run_as_on_windows(_MAIN, f"{_RUN} --on-success true", cwd=job)
    assert ended.returncode == 2
    assert "hooks are run by /bin/sh, which this system does not have" in ended.stderr


def test_a_byte_after_the_content_is_locked_without_fcntl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(descriptor: int, mode: int, count: int) -> None:
        assert (mode, count) == (2, 1)
        assert os.lseek(descriptor, 0, os.SEEK_CUR) > 1_000_000
        raise PermissionError(13, "Permission denied")

    monkeypatch.setitem(sys.modules, "fcntl", None)
    monkeypatch.setitem(sys.modules, "msvcrt", SimpleNamespace(LK_NBLCK=2, locking=refuse))
    path = tmp_path / "lock"
    descriptor = open_lock_file(path)
    try:
        with pytest.raises(BlockingIOError):
            take_lock(descriptor, path)
        assert os.lseek(descriptor, 0, os.SEEK_CUR) == 0
    finally:
        os.close(descriptor)


def test_a_link_is_rejected_as_a_lock_file_without_o_nofollow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segbatch.platform.file_lock.NO_FOLLOW", 0)
    (tmp_path / "lock").symlink_to(tmp_path / "other")
    with pytest.raises(NotALockFileError, match="is a link"):
        open_lock_file(tmp_path / "lock")
    assert not (tmp_path / "other").exists()


def test_permissions_are_ignored_without_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.chmod(0o777)
    assert is_writable_by_others(tmp_path.stat())
    monkeypatch.setattr("segbatch.platform.files.HAS_USERS", False)
    assert not is_writable_by_others(tmp_path.stat())


def test_a_temporary_file_is_replaced_if_open_files_cannot_be_moved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("segbatch.platform.files.CAN_MOVE_OPEN_FILES", False)
    monkeypatch.setattr("segbatch.platform.files.CAN_SYNC_FOLDERS", False)
    destination = tmp_path / "out.csv"
    with temporary_file(destination) as new:
        leftover = new
        new.write_text("half")
    new.write_text("left by a killed process")
    with temporary_file(destination) as new:
        assert not leftover.exists()
        new.write_text("whole")
        replace_file(new, destination)
    assert [path.name for path in tmp_path.iterdir()] == ["out.csv"]
    assert destination.read_text() == "whole"
