"""Webhooks: requests to a local server that answers, fails, redirects, or does not answer."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

import pytest

from segbatch import UsageError
from segbatch.deliveries.senders import Message, SendError, WebhookSender
from segbatch.platform.webhook_url import check_webhook_url, host_of

from .receiver import deliver_to

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from workspace import Workspace

CANARY = "canary-d41d8cd98f00"


@dataclass
class Service:
    """A web server, and the requests that it got.

    Attributes:
        answers: The status of each answer, and its headers; afterwards 200. None for no answer.
    """

    answers: list[tuple[int | None, dict[str, str]]] = field(default_factory=list)
    requests: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    port: int = 0
    over: Event = field(default_factory=Event)

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}/hook/{CANARY}"

    @property
    def keys(self) -> list[str]:
        return [headers["idempotency-key"] for _, headers, _ in self.requests]


@pytest.fixture
def service() -> Iterator[Service]:
    made = Service()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            made.requests.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            status, headers = made.answers.pop(0) if made.answers else (200, {})
            if status is None:
                made.over.wait()
                self.close_connection = True
                return
            self.send_response(status)
            for name, value in {"Content-Length": "0", **headers}.items():
                self.send_header(name, value)
            self.end_headers()

        do_GET = do_POST  # noqa: N815 - a redirect would be followed by one

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.port = server.server_address[1]
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield made
    finally:
        made.over.set()
        server.shutdown()
        server.server_close()


@pytest.fixture
def message(tmp_path: Path) -> Message:
    path = tmp_path / "rows.ndjson"
    path.write_text('{"contact_id":"ann","change":"entered"}\n')
    return Message("crm", "pro", "night-1", "changes", "the-key", 1, 0, "ndjson", path)


def sender(service: Service, headers: dict[str, str] | None = None, timeout: float = 20.0) -> WebhookSender:
    return WebhookSender.of("crm", service.url, headers or {}, timeout)


def test_the_request_has_the_rows_and_the_facts(service: Service, message: Message) -> None:
    sender(service).send(message)
    [(path, headers, body)] = service.requests
    assert path == f"/hook/{CANARY}"
    assert body == message.path.read_bytes()
    assert {name: headers[name] for name in headers if name.startswith(("segbatch-", "content-", "idem"))} == {
        "content-type": "application/x-ndjson",
        "content-length": str(len(body)),
        "idempotency-key": "the-key",
        "segbatch-destination": "crm",
        "segbatch-segment-id": "pro",
        "segbatch-run-id": "night-1",
        "segbatch-delivery": "changes",
        "segbatch-entered": "1",
        "segbatch-exited": "0",
    }


def test_an_empty_list_of_members_is_sent_too(service: Service, message: Message) -> None:
    message.path.write_text("")
    sender(service).send(message)
    assert service.requests[0][2] == b""


ANSWERS = {
    "server error": (500, {}, "answered 500", True, None),
    "busy": (429, {"Retry-After": "7"}, "answered 429", True, 7.0),
    "busy for hours": (503, {"Retry-After": "9999"}, "answered 503", True, 60.0),
    "busy until a date": (503, {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, "answered 503", True, None),
    "refused": (400, {}, "answered 400", False, None),
    "unknown key": (401, {}, "answered 401", False, None),
    "same key at work": (409, {}, "answered 409", True, None),
    "moved": (
        307,
        {"Location": "http://localhost:1/"},
        "answered 307; redirects are not followed, set the final url",
        False,
        None,
    ),
    "see elsewhere": (
        303,
        {"Location": "/other"},
        "answered 303; redirects are not followed, set the final url",
        False,
        None,
    ),
}


@pytest.mark.parametrize(("status", "headers", "text", "temporary", "pause"), ANSWERS.values(), ids=list(ANSWERS))
def test_answers_that_do_not_confirm(
    service: Service,
    message: Message,
    status: int,
    headers: dict[str, str],
    text: str,
    *,
    temporary: bool,
    pause: float | None,
) -> None:
    service.answers = [(status, headers)]
    with pytest.raises(SendError) as failed:
        sender(service).send(message)
    assert str(failed.value) == f"http://localhost:{service.port} {text}"
    assert (failed.value.is_temporary, failed.value.pause) == (temporary, pause)
    assert len(service.requests) == 1


def test_no_answer_in_time(service: Service, message: Message) -> None:
    service.answers = [(None, {})]
    with pytest.raises(SendError) as failed:
        sender(service, timeout=0.2).send(message)
    assert str(failed.value) == f"http://localhost:{service.port} did not answer within 0.2 s"


def test_nobody_listens(service: Service, message: Message) -> None:
    with pytest.raises(SendError) as failed:
        WebhookSender.of("crm", "http://localhost:1/x", {}, 5).send(message)
    assert str(failed.value) == "http://localhost:1 cannot be reached: Connection refused"
    assert service.requests == []


def test_a_server_that_speaks_something_else(service: Service, message: Message) -> None:
    service.over.set()
    service.answers = [(None, {})]
    with pytest.raises(SendError) as failed:
        sender(service).send(message)
    assert str(failed.value).startswith(f"http://localhost:{service.port} ")


def test_a_failure_is_tried_again_with_the_same_key(workspace: Workspace, service: Service) -> None:
    workspace.run(0)
    service.answers = [(500, {}), (200, {})]
    options = {"command": None, "url": service.url, "start": "all", "segments": ["pro"], "retries": 2}
    report = deliver_to(workspace, options)
    assert [one.status for one in report.deliveries] == ["sent"]
    assert len(service.keys) == 2
    assert len(set(service.keys)) == 1


def test_the_next_call_repeats_what_was_not_confirmed(workspace: Workspace, service: Service) -> None:
    workspace.run(0)
    service.answers = [(None, {}), (500, {})]
    options = {"command": None, "url": service.url, "start": "all", "segments": ["pro"], "retries": 1, "timeout": 0.3}
    report = deliver_to(workspace, options)
    assert [one.status for one in report.deliveries] == ["failed"]
    assert not deliver_to(workspace, options).errors
    assert len(service.keys) == 3
    assert len(set(service.keys)) == 1
    assert [json.loads(line)["contact_id"] for line in service.requests[-1][2].splitlines()] == ["ann", "bob"]


@pytest.mark.parametrize("answer", [(500, {}), (400, {}), (302, {"Location": "/elsewhere"}), (None, {}), (200, {})])
def test_secrets_are_sent_and_never_shown(
    workspace: Workspace,
    service: Service,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    answer: Any,
) -> None:
    workspace.run(0)
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("CRM_TOKEN", f"token-{CANARY}")
    monkeypatch.setenv("CRM_URL", service.url)
    service.answers = [answer]
    headers = {"Authorization": "Bearer ${CRM_TOKEN}"}
    options = {"command": None, "url": "${CRM_URL}", "headers": headers, "start": "all", "timeout": 0.3}
    report = deliver_to(workspace, options | {"segments": ["pro"]})
    assert service.requests[0][1]["authorization"] == f"Bearer token-{CANARY}"
    states = [path.read_text() for path in (workspace.output / "deliveries").rglob("*") if path.is_file()]
    printed = "".join([repr(report), *map(str, report.errors), caplog.text, *capfd.readouterr(), *states])
    assert CANARY not in printed
    assert CANARY not in repr(WebhookSender.of("crm", "${CRM_URL}", headers, 1.0))


WRONG = {
    "not set": ("https://${NO_SUCH}/x", {}, "url: the environment variable NO_SUCH is not set"),
    "not set, in a header": (
        "https://a.example/x",
        {"Authorization": "Bearer ${NO_SUCH}"},
        "headers.Authorization: the environment variable NO_SUCH is not set",
    ),
    "bad address": ("${BAD}", {}, "url: is not an address such as https://example.com/hook"),
    "bad header": (
        "https://a.example/x",
        {"X-Key": "${BAD}"},
        "headers.X-Key: has characters that a header cannot have; use printable ASCII",
    ),
}


@pytest.mark.parametrize(("url", "headers", "text"), WRONG.values(), ids=list(WRONG))
def test_variables_with_wrong_values(
    monkeypatch: pytest.MonkeyPatch, url: str, headers: dict[str, str], text: str
) -> None:
    monkeypatch.setenv("BAD", f"{CANARY}\nx")
    with pytest.raises(UsageError) as refused:
        WebhookSender.of("crm", url, headers, 1.0)
    assert str(refused.value) == f"destinations.crm.{text}"


def test_the_host_is_the_part_of_an_address_that_is_shown() -> None:
    assert host_of("https://hooks.example:8443/T0/secret?key=1") == "https://hooks.example:8443"
    assert host_of("http://[::1]/secret") == "http://[::1]"
    assert host_of("nonsense") == "the address"
    assert host_of("https://a.example:port/x") == "the address"
    assert check_webhook_url("http://127.0.0.1:80/x") == "http://127.0.0.1:80/x"
