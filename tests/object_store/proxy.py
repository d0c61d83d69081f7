"""Passes requests on to a server, unless it is told to spoil some."""

import http.client
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from types import TracebackType
from typing import Self

__all__ = ["Proxy", "Seen"]

_NOT_PASSED_ON = {"connection", "transfer-encoding", "server", "date", "content-length"}


class Seen:
    """A request, and what is done to its answer.

    Attributes:
        method: Such as GET.
        path: Bucket and key, and the query.
        number: How many requests there were before.
    """

    def __init__(self, method: str, path: str, number: int) -> None:
        self.method, self.path, self.number = method, path, number


Spoil = Callable[[Seen], str | int | None]
"""Returns None to pass a request on, a status to answer with at once, `cut` to break off in the middle of the body, or
`lost` to pass it on and break off without an answer, or `silence` to say nothing until the end."""


class Proxy:
    """A server before another.

    Attributes:
        spoil: What is done to requests.
        seen: The requests that there were.
        bytes: How many bytes bodies had that were passed on.
    """

    def __init__(self, port: int) -> None:
        self.spoil: Spoil = lambda _seen: None
        self.seen = list[Seen]()
        self.bytes = 0
        self._over = Event()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                proxy._handle(self, port)

            do_HEAD = do_PUT = do_POST = do_DELETE = do_GET  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread = Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        return self

    def __exit__(self, _kind: object, _error: BaseException | None, _trace: TracebackType | None) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handle(self, handler: BaseHTTPRequestHandler, port: int) -> None:
        seen = Seen(handler.command, handler.path, len(self.seen))
        self.seen.append(seen)
        body = handler.rfile.read(int(handler.headers.get("content-length") or 0))
        answer = self.spoil(seen)
        if answer == "silence":
            self._over.wait(120)
            handler.close_connection = True
        elif isinstance(answer, int):
            handler.send_response(answer)
            handler.send_header("content-length", "0")
            handler.end_headers()
        else:
            self._pass_on(handler, port, body, answer)

    def _pass_on(self, handler: BaseHTTPRequestHandler, port: int, body: bytes, spoiled: str | None) -> None:
        server = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        try:
            server.request(handler.command, handler.path, body or None, dict(handler.headers))
            answer = server.getresponse()
            content = answer.read()
        finally:
            server.close()
        if spoiled == "lost":
            handler.close_connection = True
            return
        handler.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in _NOT_PASSED_ON:
                handler.send_header(name, value)
        length = answer.getheader("content-length") if handler.command == "HEAD" else str(len(content))
        handler.send_header("content-length", length or "0")
        handler.end_headers()
        self.bytes += len(content)
        handler.wfile.write(content[: len(content) // 2] if spoiled == "cut" else content)
        handler.close_connection = spoiled == "cut"
