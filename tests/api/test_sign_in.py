"""Test the sign-in of browsers: the cookie, the CSRF token, and the end of sessions."""

import asyncio
from collections.abc import AsyncIterator
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import httpx
import pytest

from asking import PRO, SEGMENTS, Asking
from builders import rule, write_segment
from segbatch.interfaces.api.keys.key_store import KeyRing
from segbatch.interfaces.api.limits import (
    MAX_ARRIVING,
    MAX_SESSIONS,
    MAX_SESSIONS_OF_KEY,
    MAX_SIGN_IN_BODY,
    SESSION_IDLE_TIME,
    SESSION_TIME,
)
from segbatch.interfaces.api.sessions import COOKIE, Sessions

SIGNED_OUT: dict[str, Any] = {
    "signed_in": False,
    "keys_required": True,
    "project_id": None,
    "projects": [],
    "read_only": True,
    "shows_fields": False,
    "csrf_token": None,
}


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Browser:
    """Sends the cookie that it was given, and the CSRF token, as the page does."""

    def __init__(self, folder: Path) -> None:
        self.ring = KeyRing(folder / "keys.json")
        self.clock = Clock()
        self.ask = Asking(folder, self.ring, sessions=Sessions(self.clock))
        self.cookie: str | None = None
        self.token: str | None = None

    def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = {"Cookie": f"{COOKIE}={self.cookie}"} if self.cookie else {}
        headers |= {"X-CSRF-Token": self.token} if self.token else {}
        headers |= options.pop("headers", {})

        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(self.ask.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
                return await client.request(method, path, headers=headers, **options)

        return asyncio.run(send())

    def sign_in(self, secret: str, **options: Any) -> httpx.Response:
        answer = self.send("POST", "/session", json={"key": secret}, **options)
        if answer.status_code == 200:
            self.cookie = SimpleCookie(answer.headers["Set-Cookie"])[COOKIE].value
            self.token = answer.json()["csrf_token"]
        return answer


@pytest.fixture
def browser(tmp_path: Path) -> Browser:
    return Browser(tmp_path)


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].rpartition(":")[2]


def test_sign_in_sets_a_cookie_that_scripts_and_other_sites_cannot_use(browser: Browser) -> None:
    _, secret = browser.ring.create(["p"])
    assert browser.send("GET", "/session").json() == SIGNED_OUT
    answer = browser.sign_in(secret)
    assert answer.status_code == 200
    assert answer.json() == {
        "signed_in": True,
        "keys_required": True,
        "project_id": "p",
        "projects": ["p"],
        "read_only": False,
        "shows_fields": False,
        "csrf_token": browser.token,
    }
    cookie = SimpleCookie(answer.headers["Set-Cookie"])[COOKIE]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"], cookie["secure"]) == (True, "strict", "/", "")
    assert secret not in answer.headers["Set-Cookie"]
    assert browser.send("GET", "/session").json() == answer.json()
    made = browser.send("POST", SEGMENTS, json=PRO)
    assert (made.status_code, made.json()["project_id"]) == (201, "p")
    assert browser.send("GET", SEGMENTS).json() == [made.json()]


@pytest.mark.parametrize("headers", [{"Origin": "https://here"}, {"X-Forwarded-Proto": "https"}])
def test_cookie_is_secure_behind_tls(browser: Browser, headers: dict[str, str]) -> None:
    _, secret = browser.ring.create(["p"])
    answer = browser.sign_in(secret, headers=headers)
    assert SimpleCookie(answer.headers["Set-Cookie"])[COOKIE]["secure"] is True


def test_changes_need_the_csrf_token_and_a_page_of_this_server(browser: Browser) -> None:
    _, secret = browser.ring.create(["p"])
    browser.sign_in(secret)
    path = f"{SEGMENTS}/{browser.send('POST', SEGMENTS, json=PRO).json()['id']}"
    requests: list[tuple[str, str, Any]] = [
        ("POST", SEGMENTS, PRO),
        ("POST", f"{SEGMENTS}/preview", PRO),
        ("PATCH", path, {"name": "x"}),
        ("DELETE", path, None),
    ]
    for method, target, body in requests:
        for wrong in ({"X-CSRF-Token": ""}, {"X-CSRF-Token": "é"}, {"X-CSRF-Token": f"{browser.token}x"}):
            encoded = {name: value.encode() for name, value in wrong.items()}
            assert code(browser.send(method, target, json=body, headers=encoded)) == (403, "csrf")
        other = browser.send(method, target, json=body, headers={"Origin": "http://evil.example"})
        assert code(other) == (403, "forbidden")
    assert len(browser.send("GET", SEGMENTS).json()) == 1
    browser.token = None
    assert browser.send("GET", path).status_code == 200
    assert browser.send("DELETE", path, headers={"Authorization": f"Bearer {secret}"}).status_code == 204


def test_wrong_keys_and_bodies_open_no_session(browser: Browser) -> None:
    key, secret = browser.ring.create(["p"])
    assert code(browser.sign_in("segbatch_0")) == (401, "unauthorized")
    assert code(browser.sign_in("\ud7ff" * 10)) == (401, "unauthorized")
    assert code(browser.sign_in(secret, headers={"Origin": "http://evil.example"})) == (403, "forbidden")
    for body, place in (
        ({}, "$.key"),
        ({"key": 1}, "$.key"),
        ({"key": secret, "project": "p"}, "$.project"),
        ([], "$"),
    ):
        answer = browser.send("POST", "/session", json=body)
        assert code(answer) == (422, "invalid-definition")
        assert answer.json()["errors"][0]["path"] == place
    assert code(browser.send("POST", "/session", data={"key": secret})) == (415, "not-json-type")
    assert code(browser.send("POST", "/session", json={"key": "x" * MAX_SIGN_IN_BODY})) == (413, "too-large")
    browser.ring.revoke(key.id)
    assert code(browser.sign_in(secret)) == (401, "unauthorized")
    assert len(browser.ask.service.sessions) == 0


def test_revoked_key_ends_its_sessions_at_once(browser: Browser) -> None:
    key, secret = browser.ring.create(["p"])
    browser.sign_in(secret)
    assert browser.send("GET", SEGMENTS).status_code == 200
    KeyRing(browser.ask.segments.parent / "keys.json").revoke(key.id)
    assert code(browser.send("GET", SEGMENTS)) == (401, "unauthorized")
    assert browser.send("GET", "/session").json() == SIGNED_OUT
    assert len(browser.ask.service.sessions) == 0


def test_sessions_expire_after_idle_time_and_after_a_day_of_work(browser: Browser) -> None:
    _, secret = browser.ring.create(["p"])
    browser.sign_in(secret)
    browser.clock.now += SESSION_IDLE_TIME - 1
    assert browser.send("GET", SEGMENTS).status_code == 200
    browser.clock.now += SESSION_IDLE_TIME
    answer = browser.send("GET", SEGMENTS)
    assert code(answer) == (401, "unauthorized")
    assert answer.json()["detail"] == "the session has ended; sign in again"
    browser.sign_in(secret)
    for _ in range(int(SESSION_TIME // (SESSION_IDLE_TIME / 2)) - 1):
        browser.clock.now += SESSION_IDLE_TIME / 2
        assert browser.send("GET", SEGMENTS).status_code == 200
    browser.clock.now += SESSION_IDLE_TIME / 2
    assert browser.send("GET", SEGMENTS).status_code == 401


def test_number_of_sessions_is_limited(tmp_path: Path) -> None:
    ring = KeyRing(tmp_path / "keys.json")
    secrets = [ring.create(["p"])[1] for _ in range(3)]
    clock = Clock()
    sessions = Sessions(clock)

    def opened(secret: str) -> str:
        clock.now += 1
        found = sessions.open(secret, ring)
        assert found is not None
        return found[0]

    first, second = opened(secrets[0]), opened(secrets[0])
    clock.now += 1
    assert sessions.find(first, ring)
    for _ in range(MAX_SESSIONS_OF_KEY - 1):
        opened(secrets[0])
    assert sessions.find(second, ring) is None
    assert sessions.find(first, ring)
    assert len(sessions) == MAX_SESSIONS_OF_KEY < MAX_SESSIONS


def test_number_of_all_sessions_is_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segbatch.interfaces.api.sessions.MAX_SESSIONS", 2)
    ring = KeyRing(tmp_path / "keys.json")
    sessions = Sessions()
    tokens = list[str]()
    for _ in range(3):
        found = sessions.open(ring.create(["p"])[1], ring)
        assert found is not None
        tokens.append(found[0])
    assert [sessions.find(token, ring) is not None for token in tokens] == [False, True, True]


def test_sign_out_ends_the_session_and_a_new_sign_in_replaces_it(browser: Browser) -> None:
    _, secret = browser.ring.create(["p"])
    browser.sign_in(secret)
    old = browser.cookie
    browser.sign_in(secret)
    assert browser.cookie != old
    assert len(browser.ask.service.sessions) == 1
    assert code(browser.send("DELETE", "/session", headers={"Origin": "http://evil.example"})) == (403, "forbidden")
    answer = browser.send("DELETE", "/session")
    assert answer.status_code == 204
    assert "Max-Age=0" in answer.headers["Set-Cookie"]
    assert code(browser.send("GET", SEGMENTS)) == (401, "unauthorized")
    assert browser.send("DELETE", "/session").status_code == 204
    assert len(browser.ask.service.sessions) == 0


def test_session_has_the_projects_and_rights_of_its_key(browser: Browser) -> None:
    write_segment(browser.ask.segments, "theirs", rule("plan", "eq", "pro"), project_id="q")
    _, secret = browser.ring.create(["p", "r"], read_only=True)
    state = browser.sign_in(secret).json()
    assert (state["project_id"], state["projects"], state["read_only"]) == (None, ["p", "r"], True)
    assert code(browser.send("GET", SEGMENTS)) == (400, "bad-request")
    own = {"X-Project-ID": "p"}
    assert browser.send("GET", SEGMENTS, headers=own).json() == []
    assert code(browser.send("GET", f"{SEGMENTS}/theirs", headers=own)) == (404, "not-found")
    assert code(browser.send("GET", SEGMENTS, headers={"X-Project-ID": "q"})) == (403, "forbidden")
    assert code(browser.send("POST", SEGMENTS, json=PRO, headers=own)) == (403, "forbidden")


def test_server_without_keys_needs_no_sign_in(tmp_path: Path) -> None:
    ask = Asking(tmp_path)
    browser = Browser(tmp_path)
    browser.ask = ask
    open_state = SIGNED_OUT | {"signed_in": True, "keys_required": False, "read_only": False}
    assert browser.send("GET", "/session").json() == open_state
    answer = browser.send("POST", "/session", json={"key": "any"})
    assert answer.json() == open_state
    assert "Set-Cookie" not in answer.headers
    assert browser.send("DELETE", "/session").status_code == 204
    for method in ("GET", "POST", "DELETE"):
        assert code(browser.send(method, "/session", headers={"Host": "evil.example"})) == (421, "misdirected")


def test_session_of_a_server_with_contacts_says_that_it_shows_fields(tmp_path: Path) -> None:
    browser = Browser(tmp_path)
    browser.ask = Asking(tmp_path, browser.ring, contacts="contacts.parquet")
    _, secret = browser.ring.create(["p"])
    assert browser.send("GET", "/session").json() == SIGNED_OUT
    assert browser.sign_in(secret).json()["shows_fields"] is True
    browser.ask = Asking(tmp_path, contacts="contacts.parquet")
    assert browser.send("GET", "/session").json()["shows_fields"] is True


def test_keys_created_while_the_page_is_open_require_a_sign_in(tmp_path: Path) -> None:
    browser = Browser(tmp_path)
    browser.ask = Asking(tmp_path, expected_keys=tmp_path / "keys.json")
    assert browser.send("GET", SEGMENTS).status_code == 200
    _, secret = browser.ring.create(["p"])
    assert code(browser.send("GET", SEGMENTS)) == (401, "unauthorized")
    assert browser.send("GET", "/session").json() == SIGNED_OUT
    assert browser.sign_in(secret).status_code == 200
    assert browser.send("GET", SEGMENTS).status_code == 200


def test_log_has_neither_the_key_nor_the_cookie(browser: Browser, capsys: pytest.CaptureFixture[str]) -> None:
    key, secret = browser.ring.create(["p"])
    browser.sign_in(secret)
    browser.send("GET", SEGMENTS)
    log = capsys.readouterr().err
    assert f"key={key.id}" in log
    assert secret not in log
    assert str(browser.cookie) not in log
    assert str(browser.token) not in log


def test_sign_in_that_arrives_too_slowly_is_ended(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segbatch.interfaces.api.request_body.TIME_TO_SEND", 0.1)

    async def slowly() -> AsyncIterator[bytes]:
        yield b'{"key":'
        await asyncio.sleep(30)

    answer = browser.send("POST", "/session", content=slowly(), headers={"Content-Type": "application/json"})
    assert code(answer) == (408, "too-slow")
    assert not browser.ask.service.arriving.total()


def test_many_slow_sign_ins_do_not_take_the_places_of_keys(browser: Browser) -> None:
    _, secret = browser.ring.create(["p"])
    browser.ask.service.arriving[None] = MAX_ARRIVING
    assert code(browser.sign_in(secret)) == (503, "busy")
    answer = browser.send("POST", SEGMENTS, json=PRO, headers={"Authorization": f"Bearer {secret}"})
    assert answer.status_code == 201
