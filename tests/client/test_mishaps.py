"""Test the error classes of the client and its retries."""

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from socketserver import StreamRequestHandler, TCPServer
from threading import Thread
from typing import Any

import httpx
import pytest

from client.clients import KEY, URL, Answer, Server, Use, problem, saved
from segbatch.client import (
    AnswerError,
    ApiError,
    AsyncSegmentsClient,
    ConflictError,
    ForbiddenError,
    GoneError,
    InvalidError,
    NotFoundError,
    SegmentsClient,
    StaleError,
    UnauthorizedError,
    UnreachableError,
    UsageError,
)
from segbatch.errors import Problem, SegbatchError

CHANGE = ("update_segment", ("3f0c", {"name": "x"}))
REMOVE = ("delete_segment", ("3f0c",))
MAKE = ("create_segment", ({"name": "x", "rules": []},))
GET = ("get_segment", ("3f0c",))
LOOK: tuple[str, tuple[Any, ...]] = ("preview", ({"rules": []},))

REFUSED = httpx.ConnectError("[Errno 111] Connection refused")
SLOW = httpx.ReadTimeout("timed out")
CUT = httpx.RemoteProtocolError("Server disconnected without sending a response.")


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, InvalidError),
        (401, UnauthorizedError),
        (403, ForbiddenError),
        (404, NotFoundError),
        (409, ConflictError),
        (410, GoneError),
        (412, StaleError),
        (413, InvalidError),
        (415, InvalidError),
        (422, InvalidError),
        (421, ApiError),
        (500, ApiError),
    ],
)
def test_each_status_raises_its_error_class(use: Use, status: int, kind: type[ApiError]) -> None:
    code = "not-found" if status == 404 else "a-code"
    with pytest.raises(ApiError) as told:
        use(Server([problem(status, code, "what is wrong", named_by=["b"])]), *flat(GET))
    error = told.value
    assert type(error) is kind
    assert isinstance(error, SegbatchError)
    assert (error.status, error.code, error.title, error.detail) == (status, code, "In short", "what is wrong")
    assert error.document["named_by"] == ["b"]
    assert str(error).endswith("what is wrong")


def flat(call: tuple[str, tuple[Any, ...]]) -> list[Any]:
    return [call[0], *call[1]]


def test_invalid_error_lists_all_problems_with_their_paths(use: Use) -> None:
    errors = [
        {"path": "$.rules[0].operator", "message": "'equals' is not an operator; did you mean 'eq'?"},
        {"path": "$.name", "message": "'name' is missing\x1b[2J"},
        "not one",
    ]
    with pytest.raises(InvalidError) as told:
        use(Server([problem(422, errors=errors)]), *flat(MAKE))
    assert str(told.value).splitlines() == [
        "$.rules[0].operator: 'equals' is not an operator; did you mean 'eq'?",
        "$.name: 'name' is missing\\x1b[2J",
    ]
    assert told.value.problems[0] == Problem(errors[0]["message"], path="$.rules[0].operator")  # type: ignore[index]


UNKNOWN = "; the change may have been made: check before you repeat it"
WRONG_URL, NOT_THERE = "; is the base URL right?", "; is the server behind it running?"
OURS = "urn:segbatch:problem:changed-meanwhile"


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (
            httpx.Response(404, text="<html>nginx"),
            f"404 Not Found, and not as the API does{WRONG_URL}",
        ),
        (httpx.Response(403, json={"message": "no"}), f"403 Forbidden, and not as the API does{WRONG_URL}"),
        (
            httpx.Response(404, json={"title": "No", "type": "about:blank"}),
            f"404 Not Found, and not as the API does{WRONG_URL}",
        ),
        (httpx.Response(412, json={"type": OURS}), f"412 Precondition Failed, and not as the API does{WRONG_URL}"),
        (httpx.Response(418, json=["x"]), f"418 I'm a teapot, and not as the API does{WRONG_URL}"),
        (httpx.Response(500, json={"title": "Oh"}), f"500 Internal Server Error, and not as the API does{NOT_THERE}"),
        (httpx.Response(502, text="<html>nginx"), f"502 Bad Gateway, and not as the API does{NOT_THERE}"),
        (httpx.Response(429, text="slowly"), "429 Too Many Requests, and not as the API does"),
    ],
)
def test_error_pages_of_other_servers_are_reported_as_such(
    use: Use, pauses: list[float], answer: httpx.Response, message: str
) -> None:
    with pytest.raises(ApiError) as told:
        use(Server([answer]), *flat(GET))
    assert str(told.value) == f"{URL}/api/v1/contacts/segments/3f0c: answered GET by {message}"
    assert told.value.status == answer.status_code
    assert type(told.value) is (AnswerError if message.endswith(WRONG_URL) else ApiError)
    assert len(pauses) in {0, 3}


def test_not_found_error_is_raised_only_for_answers_of_the_api(use: Use, pauses: list[float]) -> None:
    """Callers that ignore NotFoundError on delete must still see a wrong base URL."""
    for answer in (httpx.Response(404, text="<html>"), problem(404, "no-endpoint", "there is nothing at '/x'")):
        with pytest.raises(AnswerError, match="is the base URL right"):
            use(Server([answer]), *flat(REMOVE))
        with pytest.raises(AnswerError):
            use(Server([SLOW, answer]), *flat(REMOVE), if_match="a")
    assert len(pauses) == 2


AGAIN, ONCE = 4, 1


@pytest.mark.parametrize(
    ("call", "named", "answer", "tries"),
    [
        (GET, {}, REFUSED, AGAIN),
        (GET, {}, SLOW, AGAIN),
        (GET, {}, CUT, AGAIN),
        (GET, {}, 503, AGAIN),
        (GET, {}, 429, AGAIN),
        (GET, {}, 404, ONCE),
        (GET, {}, 500, ONCE),
        (GET, {}, httpx.LocalProtocolError("wrong header"), ONCE),
        (MAKE, {}, REFUSED, AGAIN),
        (MAKE, {}, httpx.ConnectTimeout("timed out"), AGAIN),
        (MAKE, {}, SLOW, ONCE),
        (MAKE, {}, CUT, ONCE),
        (MAKE, {}, 503, ONCE),
        (MAKE, {}, 429, ONCE),
        (CHANGE, {}, REFUSED, AGAIN),
        (CHANGE, {}, SLOW, ONCE),
        (CHANGE, {}, 503, ONCE),
        (CHANGE, {"if_match": "*"}, SLOW, ONCE),
        (CHANGE, {"if_match": "a"}, SLOW, AGAIN),
        (CHANGE, {"if_match": "a"}, 503, AGAIN),
        (CHANGE, {"if_match": "a"}, 412, ONCE),
        (REMOVE, {}, REFUSED, AGAIN),
        (REMOVE, {}, CUT, ONCE),
        (REMOVE, {"if_match": "a"}, CUT, AGAIN),
        (REMOVE, {"if_match": "a"}, 504, AGAIN),
        (LOOK, {}, REFUSED, AGAIN),
        (LOOK, {}, SLOW, ONCE),
        (LOOK, {}, 504, ONCE),
    ],
)
def test_only_safe_requests_are_retried(
    use: Use, pauses: list[float], call: Any, named: Any, answer: Any, tries: int
) -> None:
    server = Server([problem(answer) if isinstance(answer, int) else answer])
    with pytest.raises(ApiError):
        use(server, *flat(call), **named)
    assert len(server.requests) == tries
    assert len(pauses) == tries - 1


def test_successful_retry_returns_the_response(use: Use, pauses: list[float]) -> None:
    server = Server([REFUSED, SLOW, problem(502), saved()])
    assert use(server, *flat(GET)).id == "3f0c"
    assert [0.125 <= pauses[0] <= 0.25, 0.25 <= pauses[1] <= 0.5, 0.5 <= pauses[2] <= 1] == [True] * 3


@pytest.mark.parametrize(("retries", "tries"), [(0, 1), (1, 2), (9, 10)])
def test_retries_argument_limits_the_attempts(use: Use, pauses: list[float], retries: int, tries: int) -> None:
    server = Server([SLOW])
    with pytest.raises(UnreachableError):
        use(server, *flat(GET), options={"retries": retries})
    assert len(server.requests) == tries
    assert max(pauses, default=0) <= 8


@pytest.mark.parametrize("timeout", [0, -1, float("inf"), float("nan"), 1e10, 10**400, "5", None, True])
def test_invalid_timeouts_are_refused(use: Use, timeout: Any) -> None:
    with pytest.raises(UsageError, match="timeout must be a number of seconds, at most a day; found "):
        use(Server([saved()]), *flat(GET), options={"timeout": timeout})


@pytest.mark.parametrize(("retries", "shown"), [(-1, "-1"), ("a", "'a'"), (1.5, "1.5"), (None, "null"), (True, "true")])
def test_invalid_retries_are_refused(use: Use, retries: Any, shown: str) -> None:
    with pytest.raises(UsageError) as told:
        use(Server([saved()]), *flat(GET), options={"retries": retries})
    assert str(told.value) == f"retries must be a whole number, 0 or more; found {shown}"


def test_retry_after_header_sets_the_pause(use: Use, pauses: list[float]) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    past = format_datetime(datetime.now(UTC) - timedelta(days=1))
    server = Server([*(problem(503, headers={"Retry-After": wait}) for wait in ("7", date, past)), saved()])
    use(server, *flat(GET))
    assert pauses[0] == 7
    assert 25 < pauses[1] <= 30
    assert pauses[2] == 0
    pauses.clear()
    use(Server([problem(503, headers={"Retry-After": "soon"}), saved()]), *flat(GET))
    assert 0.125 <= pauses[0] <= 0.25


def test_long_retry_after_raises_the_error_without_waiting(use: Use, pauses: list[float]) -> None:
    server = Server([problem(503, headers={"Retry-After": "3600"})])
    with pytest.raises(ApiError) as told:
        use(server, *flat(GET))
    assert (len(server.requests), told.value.retry_after, pauses) == (1, 3600, [])
    message = "; the server asks for a wait of 3,600 seconds, which is longer than the client waits"
    assert str(told.value).endswith(message)
    with pytest.raises(ApiError, match="a wait of inf seconds"):
        use(Server([problem(503, headers={"Retry-After": "9" * 400})]), *flat(GET))


def test_not_found_on_a_retried_delete_is_a_success(use: Use, pauses: list[float]) -> None:
    assert use(Server([SLOW, problem(404)]), *flat(REMOVE), if_match="a") is None
    assert len(pauses) == 1
    with pytest.raises(NotFoundError):
        use(Server([REFUSED, problem(404)]), *flat(REMOVE), if_match="a")


def test_stale_error_reports_that_an_earlier_attempt_may_have_applied_the_change(use: Use, pauses: list[float]) -> None:
    own = "; an earlier attempt at this change got no answer, and may have made it"
    firsts: list[tuple[Answer, bool]] = [
        (CUT, True),
        (SLOW, True),
        (httpx.Response(504), True),
        (httpx.Response(503), True),
        (REFUSED, False),
        (problem(503), False),
        (problem(429), False),
    ]
    for first, maybe_applied in firsts:
        with pytest.raises(StaleError) as told:
            use(Server([first, problem(412)]), *flat(CHANGE), if_match="a")
        assert told.value.maybe_applied is told.value.is_doubtful is maybe_applied
        assert str(told.value) == "what is wrong" + (own if maybe_applied else "")
    assert len(pauses) == 7


@pytest.mark.parametrize(
    ("call", "answers", "ending"),
    [
        (MAKE, [httpx.Response(502)], UNKNOWN),
        (MAKE, [problem(504)], UNKNOWN),
        (MAKE, [problem(500)], UNKNOWN),
        (MAKE, [httpx.Response(503)], UNKNOWN),
        (MAKE, [problem(503)], "what is wrong"),
        (MAKE, [problem(422)], "what is wrong"),
        (LOOK, [problem(500)], "what is wrong"),
        (CHANGE, [SLOW, problem(503)], UNKNOWN),
        (CHANGE, [SLOW, problem(409)], UNKNOWN),
        (CHANGE, [problem(503)], "what is wrong"),
    ],
)
def test_error_reports_whether_the_change_may_have_been_applied(
    use: Use, pauses: list[float], call: Any, answers: list[Any], ending: str
) -> None:
    named = {"if_match": "a"} if call == CHANGE else {}
    with pytest.raises(ApiError) as told:
        use(Server(list(answers)), *flat(call), **named)
    assert told.value.maybe_applied is (ending == UNKNOWN)
    assert str(told.value).endswith(ending)
    assert len(pauses) in {0, 1, 3}


@pytest.mark.parametrize(
    ("call", "answers", "message"),
    [
        (GET, [REFUSED], "cannot be reached: [Errno 111] Connection refused; is the server running, and the base URL"),
        (GET, [SLOW], "did not answer GET in time"),
        (GET, [CUT], "the connection broke: Server disconnected without sending a response."),
        (GET, [httpx.ReadError("")], "the connection broke: ReadError"),
        (GET, [httpx.PoolTimeout("")], "all connections were busy for too long; GET was not sent"),
        (LOOK, [SLOW], "did not answer POST in time"),
        (MAKE, [SLOW], f"did not answer POST in time{UNKNOWN}"),
        (MAKE, [CUT], f"the connection broke: Server disconnected without sending a response.{UNKNOWN}"),
        (
            CHANGE,
            [SLOW, REFUSED],
            f"cannot be reached: {REFUSED}; is the server running, and the base URL right?{UNKNOWN}",
        ),
    ],
)
def test_unreachable_error_reports_the_cause(
    use: Use, pauses: list[float], call: Any, answers: list[Any], message: str
) -> None:
    named = {"if_match": "a"} if call == CHANGE else {}
    with pytest.raises(UnreachableError) as told:
        use(Server(list(answers)), *flat(call), **named)
    assert str(told.value).startswith(f"{URL}: {message}")
    assert (UNKNOWN in str(told.value)) == (UNKNOWN in message)
    assert told.value.status is None
    assert told.value.maybe_applied is (UNKNOWN in message)
    assert len(pauses) in {0, 3}


@pytest.mark.parametrize("answer", [REFUSED, SLOW, problem(401), httpx.Response(500), httpx.Response(200, text="x")])
def test_errors_do_not_contain_the_key(use: Use, pauses: list[float], answer: Any) -> None:
    with pytest.raises(ApiError) as told:
        use(Server([answer]), *flat(GET))
    assert KEY not in f"{told.value} {told.value!r} {vars(told.value)} {pauses}"
    assert told.value.__cause__ is None


def test_https_to_an_http_server_is_reported_without_retries(pauses: list[float]) -> None:
    with TCPServer(("127.0.0.1", 0), Plain) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        base = f"https://127.0.0.1:{server.server_address[1]}"

        async def ask() -> None:
            async with AsyncSegmentsClient(base) as client:
                await client.list_segments()

        def ask_at_once() -> None:
            with SegmentsClient(base) as client:
                client.list_segments()

        for asking in (ask_at_once, lambda: asyncio.run(ask())):
            with pytest.raises(UnreachableError, match="if it does not use https, start the base URL with http://"):
                asking()
        server.shutdown()
    assert pauses == []


class Plain(StreamRequestHandler):
    """Answer every request with 400, as an HTTP server does for a TLS handshake."""

    def handle(self) -> None:
        self.request.recv(65_536)
        self.wfile.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")


def refused(cause: Exception) -> httpx.ConnectError:
    error = httpx.ConnectError(str(cause))
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("cause", "hint", "tries"),
    [
        (
            ssl.SSLCertVerificationError("self-signed"),
            "set SSL_CERT_FILE to the certificate that signed the server's",
            ONCE,
        ),
        (ssl.SSLEOFError("EOF occurred"), "is the server running, and the base URL right?", AGAIN),
    ],
)
def test_tls_errors_are_retried_only_if_the_connection_broke(
    use: Use, pauses: list[float], cause: Exception, hint: str, tries: int
) -> None:
    server = Server([refused(cause)])
    with pytest.raises(UnreachableError) as told:
        use(server, *flat(MAKE))
    assert str(told.value) == f"{URL}: cannot be reached: {cause}; {hint}"
    assert (len(server.requests), len(pauses)) == (tries, tries - 1)


def test_closed_client_raises_usage_error() -> None:
    client = SegmentsClient(URL)
    client.close()
    with pytest.raises(UsageError, match="the client is closed; create another one"):
        client.list_segments()

    async def ask() -> None:
        client = AsyncSegmentsClient(URL)
        await client.aclose()
        await client.list_segments()

    with pytest.raises(UsageError, match="the client is closed; create another one"):
        asyncio.run(ask())
