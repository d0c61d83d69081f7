"""The HTTP protocol of uvicorn with limits on time and connections."""

import asyncio
import sys
from http import HTTPStatus

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from segbatch.interfaces.api.limits import MAX_CONNECTIONS, TIME_TO_READ, TIME_TO_SEND
from segbatch.interfaces.api.problems import PROBLEM_TYPE, HttpProblem, too_large_headers

_GRACE = 1.0
"""The extra seconds after a time limit, for sending the response that the request was too slow."""


class BoundedProtocol(H11Protocol):
    """A connection that is closed if a request arrives too slowly or its response is not read."""

    _arriving: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None
    _waiting_since = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as in uvicorn
        """Accept a connection. If there are too many, close the one that has kept the server waiting the longest."""
        super().connection_made(transport)
        self._waiting_since = self.loop.time()
        if sum(not one.transport.is_closing() for one in self.connections) > MAX_CONNECTIONS:
            self._make_room()
        if not transport.is_closing():
            self._watch_arrival()

    def _make_room(self) -> None:
        """Close a connection with no request in progress, or else this one.

        Connections without a complete request line and headers are closed first, then those with an incomplete body.
        """
        others = [one for one in self.connections if one is not self and not one.transport.is_closing()]
        waiting = [one for one in others if isinstance(one, BoundedProtocol)]
        idle = [one for one in waiting if one.is_idle]
        sending = [one for one in waiting if not one.is_idle and one.conn.their_state is h11.SEND_BODY]
        closed = min(idle or sending or [self], key=lambda one: one.waiting_since)
        closed.transport.abort()

    @property
    def is_idle(self) -> bool:
        """Return whether the connection has neither a request in progress nor one that has arrived up to its body."""
        return self.cycle is None or self.cycle.response_complete

    @property
    def waiting_since(self) -> float:
        """Return the loop's time since when the server has been waiting for a complete request."""
        return self._waiting_since

    def on_response_complete(self) -> None:
        """Start to wait for the next request."""
        self._waiting_since = self.loop.time()
        super().on_response_complete()

    def data_received(self, data: bytes) -> None:
        """Receive data."""
        super().data_received(data)
        self._watch_arrival()

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the timers of a closed connection."""
        for timer in (self._arriving, self._unread):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Wait for the client to read, with a time limit."""
        super().pause_writing()
        self._unread = self.loop.call_later(TIME_TO_READ, self.transport.abort)

    def resume_writing(self) -> None:
        """Continue writing and cancel the time limit."""
        super().resume_writing()
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's text
        """Respond to data that is not HTTP."""
        problem = HttpProblem("bad-request", "the request is not valid HTTP")
        error = sys.exception()  # the error of h11 that uvicorn is handling
        if isinstance(error, h11.RemoteProtocolError) and error.error_status_hint == HTTPStatus(431):
            problem = too_large_headers()
        body = problem.to_text().encode()
        headers = [("content-type", PROBLEM_TYPE), ("content-length", str(len(body))), ("connection", "close")]
        reason = HTTPStatus(problem.status).phrase.encode()
        if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            response = h11.Response(status_code=problem.status, headers=headers, reason=reason)
            for event in (response, h11.Data(data=body), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _watch_arrival(self) -> None:
        """Start the timer when a request begins to arrive, and cancel it when the request is complete."""
        is_arriving = self.conn.their_state in {h11.IDLE, h11.SEND_BODY}
        if is_arriving and self._arriving is None:
            self._arriving = self.loop.call_later(TIME_TO_SEND + _GRACE, self._end)
        elif not is_arriving and self._arriving is not None:
            self._arriving.cancel()
            self._arriving = None

    def _end(self) -> None:
        self.transport.close()
        self.loop.call_later(_GRACE, self.transport.abort)
