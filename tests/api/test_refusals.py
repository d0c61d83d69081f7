"""Test refused requests, which return a problem document with the path, the reason and a remedy."""

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import httpx
import pytest

from asking import PRO, SEGMENTS, Asking
from failing_disk import refuse_flushes_of_folders, report_failure
from segbatch.definitions.store.files import lock_folder
from segbatch.interfaces.api.app import RequestMiddleware
from segbatch.interfaces.api.limits import HEALTH, MAX_BODY, MAX_REQUESTS

JSON = {"Content-Type": "application/json"}
RULE = {"field": "plan", "operator": "eq", "value": "pro"}
OF_NOBODY = {"operator": "in_segment", "value": "nobody"}
NO_OPERATOR = "'contians' is not an operator; did you mean 'contains'?"
NO_ID = "'id' is given by the server, and cannot be chosen or changed; leave it out"
NO_RULES = "there are no rules, and a segment without rules would contain all contacts; add at least one"
OTHER_PROJECT = "'project_id' is that of the key, or of the header X-Project-ID, and cannot be changed; leave it out"
TOO_DEEP = "lists and objects are nested more than 100 levels deep; flatten the groups"


@pytest.fixture
def ask(tmp_path: Path) -> Asking:
    return Asking(tmp_path).as_project("p")


def document(answer: Any, status: int, code: str) -> Any:
    """Check that a response is a problem document, and return it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    told = answer.json()
    assert told["type"] == f"urn:segbatch:problem:{code}"
    assert told["status"] == status
    assert told["title"]
    assert told["detail"]
    return told


WRONG = [
    ({"rules": [RULE]}, "$.name", "'name' is missing; it is the display name of the segment"),
    (PRO | {"rules": []}, "$.rules", NO_RULES),
    (PRO | {"rules": [RULE, {**RULE, "operator": "contians"}]}, "$.rules[1].operator", NO_OPERATOR),
    (PRO | {"nmae": "x"}, "$.nmae", "'nmae' is not a key of a segment; did you mean 'name'?"),
    (PRO | {"name": " "}, "$.name", "the name is blank; it is the display name of the segment"),
    (PRO | {"name": "x" * 201}, "$.name", "'name' has 201 characters; at most 200 are allowed"),
    (PRO | {"id": "chosen"}, "$.id", NO_ID),
    (PRO | {"created_at": "2025-06-01T10:00:00Z"}, "$.created_at", "'created_at' is set by the server; leave it out"),
    (PRO | {"project_id": "q"}, "$.project_id", OTHER_PROJECT),
    (PRO | {"rules": [OF_NOBODY]}, "$.rules[0].value", "there is no segment 'nobody'"),
    (PRO | {"rules": [RULE] * 1_001}, "$", "there are 1,001 rules; at most 1,000 are allowed"),
    (PRO | {"rules": [RULE] * 10_000}, "$", "there are 10,000 rules; at most 1,000 are allowed"),
    ([PRO], "$", "a segment is a JSON object; found ["),
    ("x", "$", "a segment is a JSON object; found 'x'"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "path", "message"), WRONG, ids=[f"{number} {wrong[1]}" for number, wrong in enumerate(WRONG)]
)
def test_post_refuses_invalid_definitions(ask: Asking, body: Any, path: str, message: str) -> None:
    told = document(ask("POST", json=body), 422, "invalid-definition")
    [error] = told["errors"]
    assert error["path"] == path
    assert error["message"].startswith(message)
    assert told["detail"] == f"{path}: {error['message']}"
    assert ask("GET").json() == []


@pytest.mark.parametrize(("body", "path", "message"), WRONG[1:9], ids=[str(wrong[1]) for wrong in WRONG[1:9]])
def test_patch_refuses_invalid_definitions(ask: Asking, body: Any, path: str, message: str) -> None:
    made = ask.made()
    told = document(ask("PATCH", f"/{made['id']}", json=body), 422, "invalid-definition")
    assert [(error["path"], error["message"]) for error in told["errors"]] == [(path, message)]
    assert ask("GET", f"/{made['id']}").json() == made


@pytest.mark.slow
def test_response_lists_all_errors_up_to_a_limit(ask: Asking) -> None:
    rules = [{"field": "a", "operator": "eqq", "value": 1}] * 20_000
    errors = document(ask("POST", json=PRO | {"rules": rules}), 422, "invalid-definition")["errors"]
    assert len(errors) == 101
    assert errors[1] == {"path": "$.rules[1].operator", "message": "'eqq' is not an operator; did you mean 'eq'?"}
    assert errors[-1]["message"] == "there are more problems; fix these first"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "the body is empty; a segment is a JSON object with 'name' and 'rules'"),
        (b"{", "not JSON at line 1, column 2: "),
        (b'{"name": "a",}', "not JSON at line 1, column 1"),
        (b'{"name": "\xff"}', "line 1 has bytes that are not UTF-8; save the body as UTF-8"),
        (b'{"name": "\\ud800"}', "$.name: the text has half of a surrogate pair"),
        (b'{"\\ud800": 1}', "$: a key has half of a surrogate pair; remove it"),
        (b'{"name": "a", "name": "b"}', "$: the key 'name' is written twice; keep one"),
        (b'{"max_change": NaN}', "$.max_change: NaN is not JSON; write a number"),
        (b'{"max_change": 1e999}', "$.max_change: 1e999 is too large for a number"),
        (b'{"max_change": ' + b"9" * 500 + b"}", "$.max_change: a number of 500 digits is too long"),
        (b"[" * 200 + b"]" * 200, TOO_DEEP),
        (b'{"rules":' * 400_000, TOO_DEEP),
        (
            b'{"name": "a"} {"name": "b"}',
            "not JSON at line 1, column 15: there is more text after the end; a body contains one",
        ),
    ],
)
def test_invalid_json_is_refused(ask: Asking, body: bytes, message: str) -> None:
    told = document(ask("POST", content=body, headers=JSON), 400, "not-json")
    assert told["detail"].startswith(message)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "application/json; charset=utf-16"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
        {"Content-Type": "json"},
        {"Content-Type": "application/json, text/plain"},
    ],
)
def test_content_types_other_than_json_are_refused(ask: Asking, headers: dict[str, str]) -> None:
    document(ask("POST", content=json.dumps(PRO), headers=headers), 415, "not-json-type")
    assert ask("GET").json() == []


@pytest.mark.parametrize(
    "said", ["application/json", "Application/JSON; charset=UTF-8", 'application/json; charset="utf-8"']
)
def test_json_content_type_is_accepted_in_all_spellings(ask: Asking, said: str) -> None:
    assert ask("POST", content=json.dumps(PRO), headers={"Content-Type": said}).status_code == 201


def test_large_bodies_are_refused_with_any_declared_length(ask: Asking) -> None:
    async def parts() -> Any:
        for _ in range(MAX_BODY // 1000 + 1):
            yield b" " * 1000

    document(ask("POST", content=b" " * (MAX_BODY + 1), headers=JSON), 413, "too-large")
    document(ask("POST", content=parts(), headers=JSON), 413, "too-large")
    document(ask("POST", content=b"{}", headers=JSON | {"Content-Length": "9" * 5000}), 413, "too-large")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "", "GET, HEAD, POST"),
        ("DELETE", "", "GET, HEAD, POST"),
        ("OPTIONS", "", "GET, HEAD, POST"),
        ("POST", "/x", "DELETE, GET, HEAD, PATCH"),
        ("TRACE", "/x", "DELETE, GET, HEAD, PATCH"),
        ("POST", "/healthz", "GET, HEAD"),
    ],
)
def test_unknown_method_is_refused_with_the_allowed_methods(ask: Asking, method: str, path: str, allowed: str) -> None:
    answer = ask(method, path)
    document(answer, 405, "method-not-allowed")
    assert answer.headers["Allow"] == allowed


@pytest.mark.parametrize(
    "path",
    [
        "/..%2F..%2Fetc%2Fpasswd",
        "/%2e%2e%2fsegments",
        "/..%5c..%5cx",
        "/%00",
        "/a%00.json",
        "/.segbatch.lock",
        "/..",
        "/%2e%2e",
        "/%C0%AE%C0%AE",
        "/~root",
        "/pro.json",
        "/PRO",
        "/" + "x" * 5_000,
        "/%F0%9F%92%A9",
        "/%E2%80%AEorp",
        "/a/b",
        "/",
        "/%ED%A0%80",
    ],
)
@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_ids_cannot_address_paths(ask: Asking, method: str, path: str) -> None:
    (ask.segments / "pro.json").write_text(json.dumps({"project_id": "p", **PRO}))
    options: dict[str, Any] = {"json": {}} if method == "PATCH" else {}
    assert ask(method, path, **options).status_code in {404, 405}
    assert (ask.segments / "pro.json").exists()


def test_waiting_for_the_lock_times_out_with_503(tmp_path: Path) -> None:
    ask = Asking(tmp_path, timeout=0.05).as_project("p")
    with lock_folder(ask.segments, 1):
        answer = ask("POST", json=PRO)
    document(answer, 503, "busy")
    assert answer.headers["Retry-After"] == "1"
    assert str(tmp_path) not in answer.text


def test_unwritable_folder_returns_503_without_its_path(
    ask: Asking, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("segbatch.platform.files.sync_file", full)
    answer = ask("POST", json=PRO)
    document(answer, 503, "unavailable")
    assert str(ask.segments) not in answer.text
    assert "cannot be written: No space left on device" in capsys.readouterr().err


def test_failed_flush_of_the_folder_is_logged_and_the_change_succeeds(
    ask: Asking, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    refuse_flushes_of_folders(monkeypatch)
    made = ask.made(name="New")
    changed = ask("PATCH", f"/{made['id']}", json={"name": "Better"})
    gone = ask("DELETE", f"/{made['id']}")
    assert (changed.status_code, changed.json()["name"], gone.status_code) == (200, "Better", 204)
    message = "is changed, but that may not survive a power failure: Input/output error; check the disk"
    assert capsys.readouterr().err.count(f"warning: {ask.segments}/{made['id']}.json: {message}\n") == 3


def test_write_error_with_unknown_outcome_returns_in_doubt(
    ask: Asking, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = ask.made(name="New")
    report_failure(monkeypatch, Path, "replace", is_done=True, is_blind=True)
    answer = ask("PATCH", f"/{made['id']}", json={"name": "Better"})
    told = document(answer, 500, "in-doubt")
    assert told["detail"] == (
        "the definitions cannot be written now, and the change may have been made; get the segment again"
    )
    assert "Retry-After" not in answer.headers
    assert "cannot be written: Input/output error; the file may have been changed" in capsys.readouterr().err


def test_unreadable_definitions_return_503(
    ask: Asking, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    report_failure(monkeypatch, Path, "exists", is_done=False, is_blind=False)
    document(ask("GET"), 503, "unavailable")
    assert "cannot be read: Input/output error" in capsys.readouterr().err


def test_unreadable_file_of_keys_returns_503(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ask = Asking(tmp_path, expected_keys=tmp_path / "keys.json").as_project("p")
    assert ask("GET").status_code == 200
    stat = Path.stat

    def fail(path: Path, **options: Any) -> os.stat_result:
        if path.name == "keys.json":
            raise OSError(5, "Input/output error", str(path))
        return stat(path, **options)

    monkeypatch.setattr(Path, "stat", fail)
    document(ask("GET"), 503, "unavailable")
    assert "keys.json: cannot be read: Input/output error" in capsys.readouterr().err


def test_unexpected_exception_is_logged_and_hidden_from_the_client(
    ask: Asking, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(ask.store, "list", fail)
    answer = ask("GET")
    document(answer, 500, "fault")
    assert "secret" not in answer.text
    log = capsys.readouterr().err
    assert "ZeroDivisionError: secret" in log
    assert f"GET {SEGMENTS} 500" in log


def test_requests_above_the_limit_are_refused(ask: Asking) -> None:
    ask.app = RequestMiddleware(ask.app, max_requests=0)
    answer = ask("GET")
    document(answer, 503, "busy")
    assert answer.headers["Retry-After"] == "1"


def test_documented_number_of_requests_is_processed_concurrently() -> None:
    async def ask_all() -> tuple[list[int], int]:
        go_on = asyncio.Event()

        async def slow(scope: Any, _receive: Any, send: Any) -> None:
            if scope["path"] != HEALTH:
                await go_on.wait()
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b""})

        transport = httpx.ASGITransport(RequestMiddleware(slow))
        async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
            at_work = [asyncio.create_task(client.get("/x")) for _ in range(MAX_REQUESTS)]
            await asyncio.sleep(0)
            over = await client.get("/x")
            assert over.json()["detail"] == f"{MAX_REQUESTS} requests are in progress; try again soon"
            healthy = (await client.get(HEALTH)).status_code
            go_on.set()
            return [over.status_code, *{answer.status_code for answer in await asyncio.gather(*at_work)}], healthy

    assert asyncio.run(ask_all()) == ([503, 200], 200)


def test_health_check_ignores_the_limit_of_requests(ask: Asking) -> None:
    ask.app = RequestMiddleware(ask.app, max_requests=0)
    assert ask("GET", "/healthz").json() == {"status": "ok"}


def test_trailing_slash_is_reported(ask: Asking) -> None:
    for path in ("/", "/x/", "/x/members/"):
        detail = f"there is nothing at '{SEGMENTS}{path}'; leave out the slash at its end"
        assert document(ask("GET", path), 404, "no-endpoint")["detail"] == detail
    assert document(ask("GET", "/x/y"), 404, "no-endpoint")["detail"] == f"there is nothing at '{SEGMENTS}/x/y'"


def test_removed_definitions_folder_is_not_created_again(ask: Asking) -> None:
    ask.segments.rename(ask.segments.with_name("elsewhere"))
    for answer in (ask("GET"), ask("POST", json=PRO)):
        document(answer, 503, "unavailable")
    assert not ask.segments.exists()


def test_names_with_any_characters_are_returned_unchanged(ask: Asking) -> None:
    for name in (
        "Ünïcödé 💩",
        "a\u202eb",
        "\u0000",
        "x\u2028y",
        "</script>",
        "\uff46ull",
        "e\u0301",
        "a\nb",
        "../..",
        "\u200b",
    ):
        made = ask.made(name=name)
        assert made["name"] == name
        assert ask("GET", f"/{made['id']}").json()["name"] == name
    assert {file.suffix for file in ask.segments.iterdir() if not file.name.startswith(".")} == {".json"}
