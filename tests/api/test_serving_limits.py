"""Test the limits of a real server at the values in docs/api.md."""

import json
import signal
import socket
import time
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from asking import PRO, SEGMENTS, serving
from builders import rule, write_contacts
from segbatch.definitions.store.files import lock_folder
from segbatch.interfaces.api.limits import (
    KEEP_ALIVE,
    LOCK_TIMEOUT,
    MAX_BODY,
    MAX_CONNECTIONS,
    MAX_FIRST,
    MAX_MEMBERS,
    STOP_TIME,
)

pytestmark = pytest.mark.slow

SLACK = 4.0
"""Tolerance in seconds for events on a busy machine."""


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=60)


def test_idle_connection_is_closed_after_the_keep_alive_time(tmp_path: Path) -> None:
    with serving(tmp_path) as server, connect(server.port) as connection:
        for _ in range(2):
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            answer = b""
            while not answer.endswith(b'{"status":"ok"}'):
                part = connection.recv(65536)
                assert part
                answer += part
            assert answer.startswith(b"HTTP/1.1 200 ")
        begun = time.monotonic()
        assert connection.recv(1) == b""
        assert KEEP_ALIVE - 1 < time.monotonic() - begun < KEEP_ALIVE + SLACK


def test_incomplete_request_is_ended_at_shutdown(tmp_path: Path) -> None:
    with serving(tmp_path) as server, connect(server.port) as connection:
        head = f"POST {SEGMENTS} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        connection.sendall(f"{head}Content-Length: 1000\r\n\r\n{{".encode())
        assert httpx.get(f"{server.base}/healthz").status_code == 200  # so the other request has started
        begun = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(timeout=60) == 143
        assert time.monotonic() - begun < STOP_TIME + SLACK
        assert connection.recv(65536).startswith(b"HTTP/1.1 503 ")
    log = (tmp_path / "serve.log").read_text()
    assert f"POST {SEGMENTS} 503" in log
    assert "Traceback" not in log


def test_change_waits_for_other_writers_up_to_the_lock_timeout(tmp_path: Path) -> None:
    (tmp_path / "segments").mkdir()
    with serving(tmp_path) as server, lock_folder(tmp_path / "segments", 10):
        begun = time.monotonic()
        answer = httpx.post(server.url, json=PRO, timeout=60)
        assert (answer.status_code, answer.json()["type"]) == (503, "urn:segbatch:problem:busy")
        assert LOCK_TIMEOUT - 0.5 < time.monotonic() - begun < LOCK_TIMEOUT + SLACK
        assert httpx.get(server.url).json() == []


def test_documented_number_of_connections_stays_open(tmp_path: Path) -> None:
    with serving(tmp_path) as server, ExitStack() as stack:
        open_ones = [stack.enter_context(connect(server.port)) for _ in range(MAX_CONNECTIONS)]
        for connection in (open_ones[0], open_ones[-1]):
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
        one_more = stack.enter_context(connect(server.port))
        one_more.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert one_more.recv(65536).startswith(b"HTTP/1.1 200 ")
        assert any(connection.recv(1) == b"" for connection in open_ones[1:2])  # idle the longest


def test_requests_at_the_size_limits_are_accepted(tmp_path: Path) -> None:
    write_contacts(tmp_path / "contacts.parquet", {"id": list(range(1_200)), "plan": ["pro"] * 1_200})
    with serving(tmp_path, "--contacts", "contacts.parquet") as server:
        body = json.dumps(PRO | {"id": None}).encode()
        answer = httpx.post(
            server.url, content=body.ljust(MAX_BODY), headers={"Content-Type": "application/json"}, timeout=60
        )
        assert answer.status_code in {201, 422}, answer.text  # the body was read, and is not too large
        over = httpx.post(
            server.url, content=body.ljust(MAX_BODY + 1), headers={"Content-Type": "application/json"}, timeout=60
        )
        assert over.status_code == 413
        asked = {"rules": [rule("plan", "eq", "pro")], "first": MAX_FIRST}
        preview = httpx.post(f"{server.url}/preview", json=asked, timeout=75)
        assert (preview.status_code, len(preview.json()["first"])) == (200, MAX_FIRST)
        made = httpx.post(server.url, json=PRO).json()["id"]
        members = httpx.get(f"{server.url}/{made}/members?limit={MAX_MEMBERS}")
        assert members.json()["type"] == "urn:segbatch:problem:nothing-published"  # not an invalid request
