"""Asking the API: in the process of the tests, or a real server on the loopback."""

import asyncio
import atexit
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from segbatch.definitions.store import SegmentStore
from segbatch.interfaces.api.app import make_app
from segbatch.interfaces.api.keys.key_store import KeyRing
from segbatch.interfaces.api.previewer import Previewer
from segbatch.interfaces.api.server import log_warning
from segbatch.interfaces.api.service import Service

SEGMENTS = "/api/v1/contacts/segments"
OTHERS = ("/healthz", "/openapi.json")
PRO = {"name": "Pro", "rules": [{"field": "plan", "operator": "eq", "value": "pro"}]}


PREVIEWER = Previewer()
"""One process for the previews of all tests."""

atexit.register(PREVIEWER.stop)


class Asking:
    """Asks the application itself, without a connection."""

    def __init__(self, folder: Path, keys: KeyRing | None = None, **more: Any) -> None:
        (folder / "segments").mkdir(exist_ok=True)
        self.segments = folder / "segments"
        timeout = more.pop("timeout", 30.0)
        self.store = SegmentStore(self.segments, timeout=timeout, served=True, warn=log_warning)
        self.service = Service(
            self.store, folder / "output", keys, frozenset({"here"}), **{"previewer": PREVIEWER, **more}
        )
        self.app = make_app(self.service)
        self.headers = dict[str, str]()

    def as_project(self, project: str) -> "Asking":
        self.headers["X-Project-ID"] = project
        return self

    def __call__(self, method: str, path: str = "", **options: Any) -> httpx.Response:
        """Ask for something below the segments, or at a path of its own."""
        return asyncio.run(self.ask(method, path, **options))

    async def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        path = path if path in OTHERS else SEGMENTS + path
        headers = options.pop("headers", {})
        pairs = headers if isinstance(headers, list) else list({**self.headers, **headers}.items())
        transport = httpx.ASGITransport(self.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
            return await client.request(method, path, headers=pairs, **options)

    def made(self, **more: Any) -> dict[str, Any]:
        answer = self("POST", json=PRO | more)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())


@dataclass
class Server:
    """A real server."""

    process: subprocess.Popen[str]
    url: str
    said: str

    @property
    def base(self) -> str:
        return self.url.removesuffix(SEGMENTS)

    @property
    def port(self) -> int:
        return int(self.base.rpartition(":")[2])


@contextmanager
def serving(folder: Path, *options: str, program: Sequence[str] = ("-m", "segbatch")) -> Iterator[Server]:
    """Start `segbatch serve` in a folder, and end it."""
    (folder / "segments").mkdir(exist_ok=True)
    command = [sys.executable, *program, "serve", "--port", "0", *options]
    with (folder / "serve.log").open("w") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert " at http://" in line, (folder / "serve.log").read_text()
        yield Server(process, line.rpartition(" at ")[2].strip(), line)
    finally:
        process.terminate()
        try:
            process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise


def wait_until(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.05)
