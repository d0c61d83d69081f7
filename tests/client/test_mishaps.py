"""What goes wrong, as an error of its own class, and what is tried again."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest

from client.clients import KEY, URL, Server, Use, problem, saved
from segbatch.client import (
    ApiError,
    ConflictError,
    ForbiddenError,
    GoneError,
    InvalidError,
    NotFoundError,
    StaleError,
    UnauthorizedError,
    UnreachableError,
)
from segbatch.errors import Problem, SegbatchError, UsageError

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
def test_each_status_has_its_error(use: Use, status: int, kind: type[ApiError]) -> None:
    with pytest.raises(ApiError) as told:
        use(Server([problem(status, "a-code", "what is wrong", named_by=["b"])]), *flat(GET))
    error = told.value
    assert type(error) is kind
    assert isinstance(error, SegbatchError)
    assert (error.status, error.code, error.title, error.detail) == (status, "a-code", "In short", "what is wrong")
    assert error.document["named_by"] == ["b"]
    assert str(error).endswith("what is wrong")


def flat(call: tuple[str, tuple[Any, ...]]) -> list[Any]:
    return [call[0], *call[1]]


def test_all_that_is_wrong_with_a_definition_is_told_with_its_places(use: Use) -> None:
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


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (
            httpx.Response(404, text="<html>nginx"),
            "answered GET by 404 Not Found: and not as the API does; is the base",
        ),
        (httpx.Response(403, json={"message": "no"}), "answered GET by 403 Forbidden: and not as the API does"),
        (httpx.Response(500, json={"title": "Oh"}), "answered GET by 500 Internal Server Error: Oh"),
        (httpx.Response(418, json=["x"]), "answered GET by 418 I'm a teapot: and not as the API does"),
    ],
)
def test_an_answer_of_somebody_else_is_told(use: Use, answer: httpx.Response, message: str) -> None:
    with pytest.raises(ApiError) as told:
        use(Server([answer]), *flat(GET))
    assert str(told.value).startswith(f"{URL}/api/v1/contacts/segments/3f0c: {message}")
    assert told.value.status == answer.status_code


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
def test_only_what_is_safe_is_tried_again(
    use: Use, pauses: list[float], call: Any, named: Any, answer: Any, tries: int
) -> None:
    server = Server([problem(answer) if isinstance(answer, int) else answer])
    with pytest.raises(ApiError):
        use(server, *flat(call), **named)
    assert len(server.requests) == tries
    assert len(pauses) == tries - 1


def test_what_works_in_the_end_is_answered(use: Use, pauses: list[float]) -> None:
    server = Server([REFUSED, SLOW, problem(502), saved()])
    assert use(server, *flat(GET)).id == "3f0c"
    assert [0.125 <= pauses[0] <= 0.25, 0.25 <= pauses[1] <= 0.5, 0.5 <= pauses[2] <= 1] == [True] * 3


@pytest.mark.parametrize(("retries", "tries"), [(0, 1), (1, 2), (9, 10)])
def test_how_often_can_be_told(use: Use, pauses: list[float], retries: int, tries: int) -> None:
    server = Server([SLOW])
    with pytest.raises(UnreachableError):
        use(server, *flat(GET), options={"retries": retries})
    assert len(server.requests) == tries
    assert max(pauses, default=0) <= 8


@pytest.mark.parametrize("timeout", [0, -1, float("inf"), float("nan")])
def test_a_timeout_is_a_number_of_seconds(use: Use, timeout: float) -> None:
    with pytest.raises(UsageError, match="timeout cannot be "):
        use(Server([saved()]), *flat(GET), options={"timeout": timeout})


def test_retries_cannot_be_negative(use: Use) -> None:
    with pytest.raises(UsageError, match="retries cannot be -1; 0 tries once"):
        use(Server([saved()]), *flat(GET), options={"retries": -1})


def test_the_server_says_how_long_to_wait(use: Use, pauses: list[float]) -> None:
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


def test_who_is_to_come_back_much_later_is_told_so(use: Use, pauses: list[float]) -> None:
    server = Server([problem(503, headers={"Retry-After": "3600"})])
    with pytest.raises(ApiError) as told:
        use(server, *flat(GET))
    assert (len(server.requests), told.value.retry_after, pauses) == (1, 3600, [])


def test_what_an_earlier_try_removed_is_removed(use: Use, pauses: list[float]) -> None:
    assert use(Server([SLOW, problem(404)]), *flat(REMOVE), if_match="a") is None
    assert len(pauses) == 1
    with pytest.raises(NotFoundError):
        use(Server([REFUSED, problem(404)]), *flat(REMOVE), if_match="a")


def test_a_change_that_an_earlier_try_may_have_made_is_told_so(use: Use, pauses: list[float]) -> None:
    with pytest.raises(StaleError, match="an earlier try of this change was cut off, and may be what changed it"):
        use(Server([CUT, problem(412)]), *flat(CHANGE), if_match="a")
    with pytest.raises(StaleError) as told:
        use(Server([REFUSED, problem(412)]), *flat(CHANGE), if_match="a")
    assert str(told.value) == "what is wrong"
    assert len(pauses) == 2


UNKNOWN = "; whether the change was made is not known: look before you make it again"


@pytest.mark.parametrize(
    ("call", "answers", "message"),
    [
        (GET, [REFUSED], "cannot be reached: [Errno 111] Connection refused; is the server running, and the base URL"),
        (GET, [SLOW], "did not answer GET in time"),
        (GET, [CUT], "the connection broke: Server disconnected without sending a response."),
        (GET, [httpx.ReadError("")], "the connection broke: ReadError"),
        (GET, [httpx.PoolTimeout("")], "all connections were busy for too long, so that GET was not sent"),
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
def test_why_no_answer_came_is_told(use: Use, pauses: list[float], call: Any, answers: list[Any], message: str) -> None:
    named = {"if_match": "a"} if call == CHANGE else {}
    with pytest.raises(UnreachableError) as told:
        use(Server(list(answers)), *flat(call), **named)
    assert str(told.value).startswith(f"{URL}: {message}")
    assert (UNKNOWN in str(told.value)) == (UNKNOWN in message)
    assert told.value.status is None
    assert len(pauses) in {0, 3}


@pytest.mark.parametrize("answer", [REFUSED, SLOW, problem(401), httpx.Response(500), httpx.Response(200, text="x")])
def test_no_error_shows_the_key(use: Use, pauses: list[float], answer: Any) -> None:
    with pytest.raises(ApiError) as told:
        use(Server([answer]), *flat(GET))
    assert KEY not in f"{told.value} {told.value!r} {vars(told.value)} {pauses}"
    assert told.value.__cause__ is None
