"""A bucket on the loopback, and a proxy before it that can do what networks do."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from .bucket import Bucket
from .proxy import Proxy

SERVER = """
from threading import RLock
from moto.s3.responses import S3Response
from moto.server import ThreadedMotoServer
lock, put = RLock(), S3Response.put_object
def put_at_once(self):  # as S3 does: Moto compares the tag first, and writes while other threads compare it too
    with lock:
        return put(self)
S3Response.put_object = put_at_once
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
input()
server.stop()
"""


@pytest.fixture(scope="session")
def moto_port() -> Iterator[int]:
    """A server that talks like S3, in a process of its own."""
    with subprocess.Popen(
        [sys.executable, "-c", SERVER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as server:
        assert server.stdout is not None
        assert server.stdin is not None
        yield int(server.stdout.readline())
        server.stdin.write("\n")
        server.stdin.flush()
        server.wait(60)


@pytest.fixture
def proxy(moto_port: int) -> Iterator[Proxy]:
    with Proxy(moto_port) as proxy:
        yield proxy


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing of this machine's own settings."""
    for name in os.environ:
        if name.startswith(("AWS_", "AZURE_", "GOOGLE_", "STORAGE_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))


@pytest.fixture
def bucket(proxy: Proxy, moto_port: int, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """An empty bucket, to which the environment leads through the proxy."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDTESTTEST")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-very-secret-key")
    return Bucket.new(moto_port)
