"""Commands as receivers, in processes of their own, also when segbatch is killed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from segbatch.config.env_vars import OF_DELIVERIES
from segbatch.deliveries.destination import Destination
from segbatch.deliveries.senders import CommandSender, Message, SendError, variables_of
from segbatch.errors import UsageError

if TYPE_CHECKING:
    from workspace import Workspace

PATIENCE = 30.0


@pytest.fixture
def message(tmp_path: Path) -> Message:
    path = tmp_path / "rows.ndjson"
    path.write_text('{"contact_id":"ann","change":"entered"}\n')
    return Message("crm", "pro", "night-1", "changes", "the-key", 1, 0, "ndjson", path)


def test_the_command_gets_rows_and_facts(message: Message, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGBATCH_DELIVER", "1")
    monkeypatch.setenv("OTHER", "kept")
    CommandSender('cat > rows; cat "$SEGBATCH_DELIVERY_FILE" > again; env > env', 60).send(message)
    assert Path("rows").read_bytes() == Path("again").read_bytes() == message.path.read_bytes()
    facts = dict(line.split("=", 1) for line in Path("env").read_text().splitlines() if "=" in line)
    assert {name: facts[name] for name in variables_of(message)} == {
        "SEGBATCH_DESTINATION": "crm",
        "SEGBATCH_SEGMENT_ID": "pro",
        "SEGBATCH_RUN_ID": "night-1",
        "SEGBATCH_DELIVERY": "changes",
        "SEGBATCH_IDEMPOTENCY_KEY": "the-key",
        "SEGBATCH_ENTERED": "1",
        "SEGBATCH_EXITED": "0",
        "SEGBATCH_DELIVERY_FILE": str(message.path),
    }
    assert ("SEGBATCH_DELIVER" in facts, facts["OTHER"]) == (False, "kept")
    assert {f"SEGBATCH_{name}" for name in OF_DELIVERIES} == variables_of(message).keys() - {"SEGBATCH_RUN_ID"}


@pytest.mark.parametrize(("command", "status"), [("exit 4", 4), ("kill -9 $$", 137)])
def test_another_exit_status_than_0_does_not_confirm(message: Message, command: str, status: int) -> None:
    with pytest.raises(SendError) as failed:
        CommandSender(command, 60).send(message)
    assert (str(failed.value), failed.value.is_temporary) == (f"the command ended with {status}", True)


def test_a_command_that_takes_too_long_is_ended(message: Message) -> None:
    with pytest.raises(SendError) as failed:
        CommandSender("sleep 300 & echo $! > pid; wait", 0.3).send(message)
    assert str(failed.value) == "the command took longer than 0.3 s and was ended"
    until = time.monotonic() + PATIENCE
    while is_alive(int(Path("pid").read_text())) and time.monotonic() < until:
        time.sleep(0.02)
    assert not is_alive(int(Path("pid").read_text()))


def is_alive(pid: int) -> bool:
    """Return whether a process is at work; one that waits for its parent is not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_system_without_a_shell_has_no_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segbatch.deliveries.destination.HAS_SHELL", False)
    with pytest.raises(UsageError) as refused:
        Destination.of("crm", {"command": "true"})
    message = "commands are run by /bin/sh, which this system does not have; use a url"
    assert str(refused.value) == f"destinations.crm.command: {message}"


def start(workspace: Workspace, command: str) -> subprocess.Popen[bytes]:
    settings = f'[destinations.crm]\nstart = "all"\nretries = 0\ncommand = {json.dumps(command)}\n'
    (workspace.folder / "segbatch.toml").write_text(settings)
    program = [sys.executable, "-m", "segbatch", "deliver"]
    return subprocess.Popen(program, cwd=workspace.folder, env={**os.environ, "HERE": str(workspace.folder)})


RECEIVE = 'echo "$SEGBATCH_IDEMPOTENCY_KEY $SEGBATCH_SEGMENT_ID" >> $HERE/keys; cat >> $HERE/$SEGBATCH_SEGMENT_ID'


@pytest.mark.slow
def test_killed_after_sending_the_delivery_is_sent_again_with_its_key(workspace: Workspace) -> None:
    workspace.run(0)
    assert start(workspace, f"{RECEIVE}; kill -9 $PPID").wait() == -9
    assert start(workspace, f"{RECEIVE}; [ $SEGBATCH_SEGMENT_ID = free ] || kill -9 $PPID").wait() == -9
    assert start(workspace, RECEIVE).wait() == 0
    keys = [line.split() for line in (workspace.folder / "keys").read_text().splitlines()]
    assert [segment_id for _, segment_id in keys] == ["free", "free", "pro", "pro"]
    assert len({key for key, _ in keys}) == 2
    rows = (workspace.folder / "pro").read_text().splitlines()
    assert sorted(set(rows)) == [f'{{"contact_id":"{name}","change":"entered"}}' for name in ("ann", "bob")]
    assert start(workspace, "exit 1").wait() == 0, "nothing is left to send"


@pytest.mark.slow
def test_sigterm_ends_the_command_too(workspace: Workspace) -> None:
    workspace.run(0)
    program = start(workspace, "echo $$ > $HERE/pid.new; mv $HERE/pid.new $HERE/pid; sleep 300")
    pid, until = workspace.folder / "pid", time.monotonic() + PATIENCE
    while not pid.exists() and time.monotonic() < until:
        time.sleep(0.05)
    program.terminate()
    assert program.wait(PATIENCE) == 143
    while is_alive(int(pid.read_text())) and time.monotonic() < until:
        time.sleep(0.05)
    assert not is_alive(int(pid.read_text()))


@pytest.mark.slow
def test_two_at_once_do_not_send_twice(workspace: Workspace) -> None:
    workspace.run(0)
    programs = [start(workspace, f"{RECEIVE}; sleep 0.5") for _ in range(3)]
    assert {program.wait() for program in programs} <= {0, 75}
    start(workspace, RECEIVE).wait()
    assert len((workspace.folder / "keys").read_text().splitlines()) == 2
