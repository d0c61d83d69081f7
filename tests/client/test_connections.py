"""Test that connections are reused, and closed before the server closes them."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from segbatch.client import AsyncSegmentsClient, SegmentsClient
from segbatch.interfaces.api.limits import KEEP_ALIVE
from segbatch.interfaces.client.base import LIMITS


class Counting(ThreadingHTTPServer):
    """Answer with an empty list, and count the connections."""

    daemon_threads = True
    connections = 0

    def process_request(self, request: object, client_address: object) -> None:
        self.connections += 1
        super().process_request(request, client_address)  # type: ignore[arg-type] # passed on unchanged

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Empty(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"[]")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Counting]:
    with Counting(("127.0.0.1", 0), Empty) as found:
        thread = threading.Thread(target=found.serve_forever)
        thread.start()
        yield found
        found.shutdown()
        thread.join()


def ask_twice(url: str) -> None:
    with SegmentsClient(url) as client:
        assert client.list_segments() + client.list_segments() == []


def ask_twice_async(url: str) -> None:
    async def ask() -> None:
        async with AsyncSegmentsClient(url) as client:
            assert await client.list_segments() + await client.list_segments() == []

    asyncio.run(ask())


@pytest.mark.parametrize("ask", [ask_twice, ask_twice_async])
@pytest.mark.parametrize(("idle", "connections"), [(60.0, 1), (0.0, 2)])
def test_connection_is_reused_until_the_idle_limit(
    server: Counting, monkeypatch: pytest.MonkeyPatch, ask: Callable[[str], None], idle: float, connections: int
) -> None:
    monkeypatch.setattr(LIMITS, "keepalive_expiry", idle)
    ask(server.url)
    assert server.connections == connections


def test_idle_limit_of_the_client_is_below_that_of_the_server() -> None:
    assert LIMITS.keepalive_expiry is not None
    assert LIMITS.keepalive_expiry < KEEP_ALIVE - 1
