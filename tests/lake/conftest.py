"""Fixtures for the tests with engines that read an output on their own, which `make lake` runs."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lake.readers import PYTHON, Bucket
from workspace import Workspace

SERVER = """
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
input()
server.stop()
"""


@pytest.fixture(scope="session", autouse=True)
def _environment() -> None:
    if not PYTHON.exists():
        pytest.fail("the environment of the readers is missing; `make lake` makes it")


@pytest.fixture(scope="session")
def moto_port() -> Iterator[int]:
    """A server that talks like S3, in a process of its own."""
    command = [sys.executable, "-c", SERVER]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as server:
        assert server.stdout is not None
        assert server.stdin is not None
        yield int(server.stdout.readline())
        server.stdin.write("\n")
        server.stdin.flush()
        server.wait(60)


@pytest.fixture
def bucket(moto_port: int) -> Bucket:
    """An empty bucket."""
    return Bucket.new(moto_port)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Two runs: bob left and cem entered with the second, and a third that is not published yet."""
    workspace = Workspace(tmp_path)
    workspace.segment("pro", tags=["vip"])
    workspace.segment("free")
    workspace.contacts(ann="pro", bob="pro", cem="free")
    workspace.run(0)
    workspace.contacts(ann="pro", bob="free", cem="pro")
    workspace.run(1)
    return workspace
