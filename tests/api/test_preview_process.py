"""Test the process that evaluates previews: time limit, memory limit, replacement and shutdown."""

import asyncio
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pytest

from asking import PRO, SEGMENTS, Asking, serving, wait_until
from builders import rule, write_contacts
from segbatch.interfaces.api import limits
from segbatch.interfaces.api.previewer import Previewer

pytestmark = [pytest.mark.slow, pytest.mark.serial]

SLOW = [rule("plan", "matches", rf"\w{{1,{number}}}[\p{{L}}\p{{N}}]{{1,40}}Z{number}") for number in range(10, 110)]
"""Patterns that take about half a second each to compile."""

CONTACTS = pa.table({"id": ["a", "b"], "plan": ["pro", "free"], "project_id": ["p", "p"]})


@pytest.fixture
def previewer() -> Iterator[Previewer]:
    made = Previewer()
    yield made
    made.stop()


@pytest.fixture
def ask(tmp_path: Path, previewer: Previewer) -> Asking:
    contacts = write_contacts(tmp_path / "contacts.parquet", CONTACTS)
    return Asking(tmp_path, contacts=str(contacts), previewer=previewer).as_project("p")


def preview(ask: Asking, rules: Any = None) -> Any:
    return ask("POST", "/preview", json={"rules": rules or PRO["rules"], "match": "any"})


def process_of(previewer: Previewer) -> int:
    assert previewer.pid is not None
    return previewer.pid


def test_preview_stops_at_its_time_limit_and_the_next_preview_succeeds(
    ask: Asking, previewer: Previewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert preview(ask).json()["member_count"] == 1
    first = process_of(previewer)
    monkeypatch.setattr("segbatch.interfaces.api.limits.PREVIEW_TIME", 1.0)
    begun = time.monotonic()
    answer = preview(ask, SLOW)
    assert time.monotonic() - begun < 10
    assert (answer.status_code, answer.json()["type"]) == (504, "urn:segbatch:problem:too-long")
    assert answer.json()["detail"] == "the preview took more than 1 s and was stopped"
    with pytest.raises(ProcessLookupError):
        os.kill(first, 0)
    monkeypatch.undo()
    assert preview(ask).json()["member_count"] == 1


async def send_and_leave(ask: Asking, rules: Any, leave: Callable[[], bool]) -> float:
    """Send a preview, close the connection as soon as `leave` returns true, and return how long it then took."""
    body = [{"type": "http.request", "body": json.dumps({"rules": rules, "match": "any"}).encode()}]
    left = 0.0

    async def receive() -> Any:
        nonlocal left
        if body:
            return body.pop()
        await asyncio.to_thread(wait_until, leave)
        left = time.monotonic()
        return {"type": "http.disconnect"}

    async def send(_message: Any) -> None: ...

    headers = [(b"host", b"here"), (b"content-type", b"application/json"), (b"x-project-id", b"p")]
    path = f"{SEGMENTS}/preview"
    scope = {"type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b""}
    await ask.app({**scope, "headers": headers, "http_version": "1.1", "scheme": "http"}, receive, send)
    return time.monotonic() - left


def test_preview_stops_when_its_client_is_gone(ask: Asking, previewer: Previewer) -> None:
    assert preview(ask).status_code == 200
    first = process_of(previewer)
    begun = time.monotonic()
    assert asyncio.run(send_and_leave(ask, SLOW, lambda: time.monotonic() - begun > 1)) < 10
    with pytest.raises(ProcessLookupError):
        os.kill(first, 0)
    assert preview(ask).json()["member_count"] == 1


def test_preview_that_stops_by_itself_keeps_the_process(
    ask: Asking, previewer: Previewer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    start = "import json, pathlib, sys, time; sys.path[:] = json.loads(sys.argv[1]); "
    start += "import segbatch.interfaces.api.preview_process as p; "
    mark = tmp_path / "mark"
    work = (
        f"(pathlib.Path({str(mark)!r}).touch(), [p._CURRENT.ensure_wanted() or time.sleep(0.01) for _ in range(6000)])"
    )
    monkeypatch.setattr("segbatch.interfaces.api.previewer._START", f"{start}p.evaluate = lambda job: {work}; p.main()")
    previewer.start()
    first = process_of(previewer)
    for _ in range(2):
        mark.unlink(missing_ok=True)
        assert asyncio.run(send_and_leave(ask, PRO["rules"], mark.exists)) < 5
        assert process_of(previewer) == first


def test_client_that_leaves_the_queue_gives_up_its_place(ask: Asking) -> None:
    async def leave_while_waiting() -> None:
        queue = ask.service.previews
        await queue.turn.acquire()
        waited = send_and_leave(ask, PRO["rules"], lambda: queue.waiting == 1)
        assert await waited < 5
        assert queue.waiting == 0
        queue.turn.release()
        answer = await ask.ask("POST", "/preview", json={"rules": PRO["rules"]})
        assert answer.json()["member_count"] == 1
        assert not queue.turn.locked()

    asyncio.run(leave_while_waiting())


def test_only_one_preview_runs_at_a_time(ask: Asking, previewer: Previewer, monkeypatch: pytest.MonkeyPatch) -> None:
    running, most, real = 0, 0, previewer.run

    def run(*arguments: Any) -> Any:
        nonlocal running, most
        running += 1
        most = max(most, running)
        try:
            return real(*arguments)
        finally:
            running -= 1

    monkeypatch.setattr(previewer, "run", run)

    async def ask_all() -> list[int]:
        asked = [ask.ask("POST", "/preview", json={"rules": PRO["rules"]}) for _ in range(6)]
        asked += [ask.ask("POST", "/check", json={"rules": PRO["rules"]})]
        return [answer.status_code for answer in await asyncio.gather(*asked)]

    assert asyncio.run(ask_all()) == [200] * 7
    assert most == 1


def test_quick_previews_reuse_the_process(ask: Asking, previewer: Previewer) -> None:
    assert preview(ask).status_code == 200
    first = process_of(previewer)
    assert preview(ask, [rule("plna", "eq", "x")]).status_code == 422
    assert preview(ask).status_code == 200
    assert process_of(previewer) == first


def test_memory_of_the_server_does_not_count_as_that_of_the_process(ask: Asking, previewer: Previewer) -> None:
    ballast = b"x" * (limits.PREVIEW_MEMORY + 100_000_000)
    assert preview(ask).status_code == 200
    first = process_of(previewer)
    del ballast
    assert preview(ask).status_code == 200
    assert process_of(previewer) == first


def test_process_above_the_memory_limit_is_replaced(ask: Asking, previewer: Previewer) -> None:
    previewer.most_memory = 1
    assert preview(ask).status_code == 200
    first = process_of(previewer)
    assert preview(ask).status_code == 200
    assert process_of(previewer) != first


def test_dead_process_is_replaced(ask: Asking, previewer: Previewer) -> None:
    assert preview(ask).status_code == 200
    os.kill(process_of(previewer), signal.SIGKILL)
    wait_until(lambda: previewer.pid is None)
    assert preview(ask).status_code == 200


def test_death_of_the_process_during_a_preview_returns_503_and_is_logged(
    ask: Asking, previewer: Previewer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    previewer.start()
    monkeypatch.setattr("segbatch.interfaces.api.previewer._START", "import sys; sys.stdin.buffer.read(1)")
    previewer.replace()
    answer = preview(ask)
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:segbatch:problem:unavailable")
    assert answer.json()["detail"] == "the process of the preview died; it may have run out of memory"
    assert "the process of the preview died" in capsys.readouterr().err
    monkeypatch.undo()
    previewer.replace()
    assert preview(ask).status_code == 200


def test_exception_in_the_process_is_only_logged(
    ask: Asking, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failing = "import segbatch.interfaces.api.preview_process as p; p.evaluate = lambda job: 1 // 0; "
    start = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    monkeypatch.setattr("segbatch.interfaces.api.previewer._START", f"{start}{failing}p.main()")
    answer = preview(ask)
    assert (answer.status_code, answer.json()["type"]) == (500, "urn:segbatch:problem:fault")
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_output_printed_in_the_process_is_not_read_as_a_reply(ask: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    start = "import json, os, sys; sys.path[:] = json.loads(sys.argv[1]); "
    start += "import segbatch.interfaces.api.preview_process as p; "
    talking = "real = p.respond; p.respond = lambda job: os.write(1, b'x') and real(job); "
    monkeypatch.setattr("segbatch.interfaces.api.previewer._START", f"{start}{talking}p.main()")
    assert preview(ask).json()["member_count"] == 1


def test_previews_are_refused_during_shutdown(ask: Asking, previewer: Previewer) -> None:
    previewer.stop()
    answer = preview(ask)
    assert (answer.status_code, answer.json()["detail"]) == (503, "the server is shutting down")


def test_invalid_patterns_are_reported_with_their_path(ask: Asking) -> None:
    rules = [*PRO["rules"], {"match": "any", "rules": [rule("plan", "matches", "(a"), rule("plan", "matches", "b")]}]
    reason = "'(a' is not a valid regular expression: unclosed group"
    told = [{"path": "$.rules[1].rules[0].value", "message": reason}]
    for path, more in (("/preview", {}), ("", {"name": "Pro"})):
        answer = ask("POST", path, json={"rules": rules} | more)
        assert (answer.status_code, answer.json()["errors"]) == (422, told)
    made = ask.made()
    assert ask("PATCH", f"/{made['id']}", json={"rules": rules}).json()["errors"] == told


def test_slow_patterns_are_refused(ask: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segbatch.interfaces.api.payloads.PATTERN_TIME", 0.1)
    made = ask.made()
    slow = [{"match": "any", "rules": [one | {"value": f"{one['value']}other"} for one in SLOW]}]
    message = "the regular expressions take more than 0.1 s to compile; write fewer or smaller"
    begun = time.monotonic()
    for answer in (
        ask("POST", json={"name": "Slow", "rules": slow}),
        ask("PATCH", f"/{made['id']}", json={"rules": slow}),
    ):
        assert (answer.status_code, answer.json()["errors"]) == (422, [{"path": "$.rules", "message": message}])
    assert time.monotonic() - begun < 20
    assert ask("GET").json() == [made]


def children(pid: int) -> list[int]:
    stats = [(int(place.name), place / "stat") for place in Path("/proc").iterdir() if place.name.isdigit()]
    found = list[int]()
    for child, stat in stats:
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if parent == pid:
            found.append(child)
    return found


def is_there(pid: int) -> bool:
    """Return whether a process runs. A zombie does not run."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at /proc")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_process_ends_with_the_server_even_during_a_preview(tmp_path: Path, number: signal.Signals) -> None:
    contacts = write_contacts(tmp_path / "contacts.parquet", CONTACTS)
    with serving(tmp_path, "--contacts", str(contacts)) as server:
        assert httpx.post(f"{server.url}/preview", json={"rules": PRO["rules"]}, timeout=60).status_code == 200
        [child] = children(server.process.pid)
        with pytest.raises(httpx.HTTPError):
            httpx.post(f"{server.url}/preview", json={"rules": SLOW, "match": "any"}, timeout=2)
        assert is_there(child)
        server.process.send_signal(number)
        server.process.wait(timeout=30)
        wait_until(lambda: not is_there(child))
    assert "Traceback" not in (tmp_path / "serve.log").read_text()


def test_docs_list_the_limits_of_the_code() -> None:
    page = " ".join((Path(__file__).parents[2] / "docs" / "api.md").read_text().split())
    for words in (
        f"more than {limits.MAX_BODY:,} bytes",
        f"{limits.MAX_BODY:,} bytes, 100 levels deep",
        f"more than {limits.MAX_HEADERS:,} bytes",
        f"{limits.TIME_TO_SEND:g} seconds to arrive",
        f"did not arrive within {limits.TIME_TO_SEND:g} seconds",
        f"{limits.TIME_TO_READ:g} seconds without a read by the client",
        f"{limits.MAX_CONNECTIONS} connections",
        f"{limits.MAX_REQUESTS} requests are worked on",
        f"{limits.MAX_ARRIVING} of a key whose bodies",
        f"waits {limits.LOCK_TIMEOUT:g} seconds for other writers",
        f"`limit` is {limits.MEMBERS:,} if not given, and {limits.MAX_MEMBERS:,} at most",
        f"(10 if not given, {limits.MAX_FIRST:,} at most)",
        f"a preview took more than {limits.PREVIEW_TIME:g} seconds",
        f"members with fields | {limits.PREVIEW_TIME:g} seconds, one at a time",
        f"{limits.PREVIEW_QUEUE} others wait for {limits.PREVIEW_QUEUE_TIME:g} seconds",
        f"more than {limits.PREVIEW_MEMORY / 1e6:g} megabytes",
        f"{limits.PATTERN_TIME:g} seconds to compile",
        f"idle for {limits.KEEP_ALIVE} seconds",
        f"within {limits.STOP_TIME} seconds",
        f"`limit` is {limits.VALUES} if not given, and {limits.MAX_VALUES} at most",
        f"?limit={limits.RUNS}&cursor=` | the runs, newest first; {limits.MAX_RUNS} on a page",
        f"history={limits.RUNS}&limit={limits.SEGMENTS}&cursor=",
        f"{limits.MAX_SEGMENTS:,} on a page and {limits.MAX_RUNS} runs at most",
        f"overlap?top={limits.COMPARED}`",
        f"`segments=ID,ID`, {limits.MAX_COMPARED} at most",
        f"{limits.SESSION_TIME / 3600:g} hours, and {limits.SESSION_IDLE_TIME / 3600:g} hours without a request",
        f"{limits.MAX_SESSIONS_OF_KEY} with one key and {limits.MAX_SESSIONS:,} in all",
        f"| a sign-in | {limits.MAX_SIGN_IN_BODY:,} bytes |",
    ):
        assert words in page, words
