"""Listening: where, for whom, and until a signal says so."""

import asyncio
import ipaddress
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from threading import Timer
from typing import TYPE_CHECKING

from segbatch.definitions.exclusions import Source
from segbatch.definitions.store import Broken, SegmentStore
from segbatch.errors import Problem, SegbatchError, SnapshotError, UsageError
from segbatch.interfaces.api.keys import KeyRing
from segbatch.platform.urls import is_address
from segbatch.text import printable, shown

if TYPE_CHECKING:
    from uvicorn import Server

    from segbatch.interfaces.api.dependencies import Service

__all__ = ["Address", "KeysAt", "Listening", "listen", "log_warning", "serve"]

_PORTS = range(65_536)
_BACKLOG = 128
_PATIENCE = 6.0
"""Seconds after a signal in which everything comes to its end."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen.

    Attributes:
        host: A name or an address of this machine.
        port: The port; 0 for any that is free.
    """

    host: str = "127.0.0.1"
    port: int = 8765


@dataclass(frozen=True, slots=True)
class KeysAt:
    """Where the keys are.

    Attributes:
        path: Their file.
        may_come: Whether it need not be there yet: until it is, everybody on this machine is let in.
    """

    path: Path
    may_come: bool = False


@dataclass(frozen=True, slots=True)
class Listening:
    """What is said once a server listens.

    Attributes:
        url: Where it is.
        segments: How many good segments it serves.
        problems: What is wrong with others, and what previews would stumble over.
        is_open: Whether it needs no key.
    """

    url: str
    segments: int
    problems: tuple[Problem, ...]
    is_open: bool


def serve(
    segments: Path | Source,
    output: Path,
    address: Address,
    *,
    keys: KeysAt | None = None,
    contacts: str | None = None,
    id_column: str = "id",
    custom_fields: str | None = None,
    timezone: str | None = None,
    told: Callable[[Listening], None],
) -> int:
    """Serve the API until SIGTERM or Ctrl-C.

    Args:
        segments: The folder of definitions.
        output: Where runs publish.
        address: Where to listen.
        keys: The file of keys; without one everybody on this machine is let in, and nobody else can be.
        contacts: The snapshot of previews; that of the last run, if not given.
        id_column: The column with the contacts' ids.
        custom_fields: The column that definitions call `custom_fields`, if it has another name.
        timezone: The time zone of previews; that of the last run, if not given.
        told: Told as soon as the server listens.

    Returns:
        The number of the signal.

    Raises:
        UsageError: FastAPI or uvicorn is not installed; there is no such folder, time zone, or file of keys, or that
            lies among the definitions; or there is no key and others than this machine could ask.
        KeysError: The keys cannot be read.
        SegbatchError: The address cannot be listened on.
    """
    if find_spec("fastapi") is None or find_spec("uvicorn") is None:
        raise UsageError(
            "the API is served with FastAPI and uvicorn, which are not installed; run: pip install 'segbatch[api]'"
        )
    from segbatch.interfaces.api.dependencies import Service  # noqa: PLC0415 - as above
    from segbatch.interfaces.api.limits import PATIENCE  # noqa: PLC0415 - loads FastAPI, which is optional

    source = Source.of(segments)
    segments = source.path
    if not segments.is_dir() and segments.exists():
        raise UsageError(f"{segments}: is a file; the API needs a folder, for a file of its own for each new segment")
    ring = _ring(keys, segments)
    doubts = _look_ahead(contacts, id_column, custom_fields, timezone)
    store = SegmentStore(source, patience=PATIENCE, served=True, warn=log_warning)
    entries = store.list()  # what takes a while, the first time
    listener, is_local = listen(address)
    with listener:
        if not is_local:
            _ensure_key(ring, address)
        own = frozenset({"localhost", "127.0.0.1", "::1", address.host.lower()})
        service = Service(store, output, ring, own, contacts, id_column, timezone, keys.path if keys else None)
        service.custom_fields = custom_fields
        broken = [entry for entry in entries if isinstance(entry, Broken)]
        problems = (*(problem for entry in broken for problem in entry.problems), *doubts)
        told(Listening(_url(listener), len(entries) - len(broken), problems, ring is None))
        return asyncio.run(_serve(service, listener))


def _look_ahead(contacts: str | None, id_column: str, custom_fields: str | None, timezone: str | None) -> list[Problem]:
    """Find out what previews would stumble over; a snapshot may yet come, so what is wrong with it is a warning."""
    from segbatch.compiler.clock import read_clock  # noqa: PLC0415 - loads polars
    from segbatch.snapshot.snapshot import open_snapshot  # noqa: PLC0415 - as above

    if timezone is not None:
        read_clock(None, timezone, datetime.now(UTC))
    if contacts is None or is_address(contacts):
        return []
    try:
        open_snapshot(contacts, id_column, custom_fields)
    except SnapshotError as error:
        return [Problem(f"{error}; until then previews cannot be made", severity="warning")]
    return []


def log_warning(warning: Problem) -> None:
    """Write a warning about a change that is made to the server's log."""
    print(f"warning: {warning}", file=sys.stderr, flush=True)  # noqa: T201 - the log


def _ring(keys: KeysAt | None, segments: Path) -> KeyRing | None:
    if keys is None or (keys.may_come and not keys.path.exists()):
        return None
    name, place, folder = printable(str(keys.path)), keys.path.resolve(), segments.resolve()
    if place.is_relative_to(folder) and not any(part.startswith(".") for part in place.relative_to(folder).parts):
        message = "lies among the definitions, where every file is a segment, and is shared as they are"
        raise UsageError(f"{name}: {message}; move it out, and name its new place (--keys)")
    if not keys.path.exists():
        raise UsageError(f"{name}: there is no such file; make a key with 'segbatch keys create'")
    ring = KeyRing(keys.path)
    ring.list()  # tells what is wrong with the file
    return ring


def _ensure_key(ring: KeyRing | None, address: Address) -> None:
    """Refuse to let others than this machine ask without a key."""
    if ring is None or all(key.revoked_at for key in ring.list()):
        message = "can be reached from other machines, and there is no key to keep them out"
        remedy = "make one with 'segbatch keys create --project ID', and name its file (--keys)"
        raise UsageError(f"{shown(address.host)} {message}; {remedy}")


def listen(address: Address) -> tuple[socket.socket, bool]:
    """Listen at an address, and tell whether it is for this machine alone.

    Raises:
        UsageError: It is none.
        SegbatchError: It cannot be listened on.
    """
    place = f"{printable(address.host)}:{address.port}"
    if address.port not in _PORTS:
        raise UsageError(f"{address.port} is no port; one is from 0, which takes any that is free, to 65535 (--port)")
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(
            address.host or None, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, UnicodeError):
        raise UsageError(f"{shown(address.host)} is no name or address of this machine (--host)") from None
    listener = socket.socket(family, kind, protocol)  # asyncio has to know that it is TCP, to send answers at once
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(where)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise SegbatchError(
            f"{place}: cannot be listened on: {error.strerror}; choose another (--host, --port)"
        ) from None
    return listener, ipaddress.ip_address(where[0]).is_loopback


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def _serve(service: "Service", listener: socket.socket) -> int:
    from uvicorn import Config, Server  # noqa: PLC0415 - optional

    from segbatch.interfaces.api.app import make_app  # noqa: PLC0415 - loads FastAPI, which is optional
    from segbatch.interfaces.api.http_protocol import BoundedProtocol  # noqa: PLC0415 - loads uvicorn
    from segbatch.interfaces.api.limits import KEEP_ALIVE, MAX_HEADERS, STOP_TIME  # noqa: PLC0415 - as above

    config = Config(
        make_app(service),
        http=BoundedProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        h11_max_incomplete_event_size=MAX_HEADERS,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=STOP_TIME,
    )
    server = Server(config)
    server.capture_signals = nullcontext  # type: ignore[assignment] # its own would raise them again at the end
    ended = list[int]()
    try:
        with _signals(ended, server, service):
            await server.serve([listener])
    finally:
        service.previewer.stop()
    return ended[0]


@contextmanager
def _signals(ended: list[int], server: "Server", service: "Service") -> Iterator[None]:
    """Let SIGTERM and Ctrl-C end the server, unless this process was started to ignore them."""
    loop = asyncio.get_running_loop()

    def end(number: int) -> None:
        ended.append(number)
        service.stopping.set()
        server.should_exit = True
        server.force_exit = len(ended) > 1
        guard = Timer(_PATIENCE, os._exit, [128 + number])  # a thread that is in a long call is not waited for
        guard.daemon = True
        guard.start()

    numbers = [number for number in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(number) != signal.SIG_IGN]
    for number in numbers:
        loop.add_signal_handler(number, end, number)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
