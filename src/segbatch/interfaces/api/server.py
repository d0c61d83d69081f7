"""The server process: listening on an address and serving until a signal."""

import asyncio
import ipaddress
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from threading import Timer
from typing import TYPE_CHECKING

from segbatch.definitions.definition import BrokenDefinition
from segbatch.definitions.source import Source
from segbatch.definitions.store.segment_store import SegmentStore
from segbatch.errors import Problem, SegbatchError, SnapshotError, UsageError
from segbatch.interfaces.api.keys.key_store import KeyRing
from segbatch.interfaces.api.limits import KEEP_ALIVE, LOCK_TIMEOUT, MAX_HEADERS, STOP_TIME
from segbatch.platform.database_url import is_database_url
from segbatch.platform.urls import is_url
from segbatch.snapshot.related.sources import Tables, sources_of
from segbatch.text import printable, shown

if TYPE_CHECKING:
    from uvicorn import Server

    from segbatch.interfaces.api.service import Service

_PORTS = range(65_536)
_BACKLOG = 128
_SHUTDOWN_TIME = 6.0
"""The maximum duration of a shutdown, in seconds."""


@dataclass(frozen=True, slots=True)
class Address:
    """The address to listen on.

    Attributes:
        host: A name or an address of this machine.
        port: The port; 0 for any free one.
    """

    host: str = "127.0.0.1"
    port: int = 8765


@dataclass(frozen=True, slots=True)
class KeysLocation:
    """The location of the keys.

    Attributes:
        path: The file of keys.
        may_be_missing: Whether the file may be missing. Until it is created, any local user has full access.
    """

    path: Path
    may_be_missing: bool = False


@dataclass(frozen=True, slots=True)
class Listening:
    """The information that is available once the server listens.

    Attributes:
        url: The URL of the server.
        segments: The number of valid segments.
        problems: Problems of other segments, and problems that would prevent previews.
        is_open: Whether the server requires no key.
    """

    url: str
    segments: int
    problems: tuple[Problem, ...]
    is_open: bool


def serve(
    segments: Path | Source,
    output: str | Path,
    address: Address,
    *,
    keys: KeysLocation | None = None,
    contacts: str | None = None,
    id_column: str = "id",
    custom_fields: str | None = None,
    tables: Tables | None = None,
    lists: Path | None = None,
    timezone: str | None = None,
    on_listening: Callable[[Listening], None],
) -> int:
    """Serve the API until SIGTERM or Ctrl-C.

    Args:
        segments: The folder of definitions.
        output: The folder that runs publish in, or its address in object storage.
        address: The address to listen on.
        keys: The file of keys. Without one, any local user has full access, and other machines have none.
        contacts: The snapshot for previews; by default the one of the last run.
        id_column: The column with the contact ids.
        custom_fields: The column that definitions call `custom_fields`, if its name is different.
        tables: The related tables for previews; by default those of the last run.
        lists: The folder of the lists that rules name; by default `lists` next to the definitions.
        timezone: The time zone for previews; by default the one of the last run.
        on_listening: Called as soon as the server listens.

    Returns:
        The number of the signal.

    Raises:
        UsageError: FastAPI or uvicorn is not installed; the folder, time zone or file of keys does not exist; the file
            of keys is in the folder of definitions; or other machines could connect and no key exists.
        KeysError: The keys cannot be read.
        SegbatchError: The server cannot listen on the address.
    """
    if find_spec("fastapi") is None or find_spec("uvicorn") is None:
        raise UsageError(
            "the API is served with FastAPI and uvicorn, which are not installed; run: pip install 'segbatch[api]'"
        )
    from segbatch.interfaces.api.service import Service  # noqa: PLC0415 - loads FastAPI, which is optional

    source = Source.of(segments)
    segments = source.path
    if not segments.is_dir() and segments.exists():
        raise UsageError(
            f"{segments}: is a file; the API needs a folder, because it saves each segment in its own file"
        )
    ring = _open_keys(keys, segments)
    warnings = _find_preview_problems(contacts, id_column, custom_fields, timezone)
    store = SegmentStore(source, timeout=LOCK_TIMEOUT, served=True, warn=log_warning)
    entries = store.list()  # slow the first time
    listener, is_local = listen(address)
    with listener:
        if not is_local:
            _ensure_key(ring, address)
        own = frozenset({"localhost", "127.0.0.1", "::1", address.host.lower()})
        service = Service(store, output, ring, own, contacts, id_column, timezone, keys.path if keys else None)
        service.custom_fields, service.tables = custom_fields, sources_of(tables)
        service.lists, service.warn = lists, log_warning
        broken = [entry for entry in entries if isinstance(entry, BrokenDefinition)]
        problems = (*(problem for entry in broken for problem in entry.problems), *warnings)
        on_listening(Listening(_url(listener), len(entries) - len(broken), problems, ring is None))
        return asyncio.run(_serve(service, listener))


def _find_preview_problems(
    contacts: str | None, id_column: str, custom_fields: str | None, timezone: str | None
) -> list[Problem]:
    """Return problems that would prevent previews.

    A snapshot that cannot be opened is a warning, because it may be created later.
    """
    from segbatch.compiler.clock import read_clock  # noqa: PLC0415 - loads polars
    from segbatch.snapshot.open_snapshot import open_snapshot  # noqa: PLC0415 - loads polars

    if timezone is not None:
        read_clock(None, timezone, datetime.now(UTC))
    if contacts is None or (is_url(contacts) and not is_database_url(contacts)):
        return []
    try:
        open_snapshot(contacts, id_column, custom_fields)
    except SnapshotError as error:
        return [Problem(f"{error}; previews fail until this is fixed", severity="warning")]
    return []


def log_warning(warning: Problem) -> None:
    """Write a warning to the server's log."""
    print(f"warning: {warning}", file=sys.stderr, flush=True)  # noqa: T201 - the log


def _open_keys(keys: KeysLocation | None, segments: Path) -> KeyRing | None:
    if keys is None or (keys.may_be_missing and not keys.path.exists()):
        return None
    name, place, folder = printable(str(keys.path)), keys.path.resolve(), segments.resolve()
    if place.is_relative_to(folder) and not any(part.startswith(".") for part in place.relative_to(folder).parts):
        message = "is in the definitions folder, where every file is a segment and may be shared"
        raise UsageError(f"{name}: {message}; move it elsewhere, and pass its new path (--keys)")
    if not keys.path.exists():
        raise UsageError(f"{name}: the file does not exist; create a key with 'segbatch keys create'")
    ring = KeyRing(keys.path)
    ring.list()  # raises an error if the file is not valid
    return ring


def _ensure_key(ring: KeyRing | None, address: Address) -> None:
    """Raise an error if other machines could send requests without a key."""
    if ring is None or all(key.revoked_at for key in ring.list()):
        message = "can be reached from other machines, and no key protects the server"
        remedy = "create one with 'segbatch keys create --project ID', and pass its file (--keys)"
        raise UsageError(f"{shown(address.host)} {message}; {remedy}")


def listen(address: Address) -> tuple[socket.socket, bool]:
    """Listen on an address, and return whether only this machine can connect.

    Raises:
        UsageError: The address is not valid.
        SegbatchError: The server cannot listen on the address.
    """
    place = f"{printable(address.host)}:{address.port}"
    if address.port not in _PORTS:
        raise UsageError(f"{address.port} is not a valid port; use 1 to 65535, or 0 for any free port (--port)")
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(
            address.host or None, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, UnicodeError):
        raise UsageError(f"{shown(address.host)} is not a name or address of this machine (--host)") from None
    listener = socket.socket(family, kind, protocol)  # with the protocol, asyncio sends responses at once
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(where)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise SegbatchError(
            f"{place}: cannot listen on it: {error.strerror}; choose another (--host, --port)"
        ) from None
    return listener, ipaddress.ip_address(where[0]).is_loopback


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def _serve(service: "Service", listener: socket.socket) -> int:
    from uvicorn import Config, Server  # noqa: PLC0415 - optional

    from segbatch.interfaces.api.app import make_app  # noqa: PLC0415 - loads FastAPI, which is optional
    from segbatch.interfaces.api.connection_limits import BoundedProtocol  # noqa: PLC0415 - loads uvicorn

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
    """Shut down the server on SIGTERM and Ctrl-C, unless the process was started with these signals ignored."""
    loop = asyncio.get_running_loop()

    def end(number: int) -> None:
        ended.append(number)
        service.stopping.set()
        server.should_exit = True
        server.force_exit = len(ended) > 1
        guard = Timer(_SHUTDOWN_TIME, os._exit, [128 + number])  # a thread in a long call is not waited for
        guard.daemon = True
        guard.start()

    numbers = [number for number in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(number) != signal.SIG_IGN]
    for number in numbers:
        try:
            loop.add_signal_handler(number, end, number)
        except NotImplementedError:  # Windows
            signal.signal(number, lambda number, _frame: loop.call_soon_threadsafe(end, number))
    try:
        yield
    finally:
        for number in numbers:
            with suppress(NotImplementedError):
                loop.remove_signal_handler(number)
