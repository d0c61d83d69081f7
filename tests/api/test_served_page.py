"""Test the web page: its headers, its content security policy, and its absence."""

import asyncio
import base64
import hashlib
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from asking import Asking
from segbatch.interfaces.api.keys.key_store import KeyRing
from segbatch.interfaces.api.page import policy_of
from segbatch.interfaces.web.page_file import read_page

PAGE = """<!doctype html><html><head><style>a { color: red }</style>
<script id="segbatch-data" type="application/json"></script>
<script type="module">run("</div>");</script></head><body></body></html>"""


def source(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@pytest.fixture(autouse=True)
def _read_again() -> Iterator[None]:
    read_page.cache_clear()
    yield
    read_page.cache_clear()


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Asking:
    (tmp_path / "page.html").write_text(PAGE)
    monkeypatch.setattr("segbatch.interfaces.web.page_file.files", lambda _package: tmp_path)
    return Asking(tmp_path)


def get(ask: Asking, method: str = "GET", **headers: str) -> httpx.Response:
    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(ask.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
            return await client.request(method, "/", headers=headers)

    return asyncio.run(send())


def test_page_may_run_only_its_own_scripts_and_load_nothing_from_elsewhere(ask: Asking) -> None:
    script, style = source('run("</div>");'), source("a { color: red }")
    answer = get(ask)
    assert (answer.status_code, answer.text) == (200, PAGE)
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["Content-Security-Policy"].split("; ") == [
        "default-src 'none'",
        f"script-src {script}",
        f"style-src {style}",
        "img-src data:",
        "font-src data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "private, no-cache"


def test_policy_allows_no_script_that_the_page_does_not_contain() -> None:
    assert "script-src 'none'; style-src 'none'" in policy_of('<script src="x.js"></script>')
    assert f"script-src {source('a()')} {source('b()')};" in policy_of("<script>a()</script><script>b()</script>")
    assert source("a()\nb()") in policy_of("<script>a()\r\nb()</script>")


def test_page_is_revalidated_by_its_etag(ask: Asking) -> None:
    etag = get(ask).headers["ETag"]
    for known in (etag, f"W/{etag}", f'"x", {etag}', "*"):
        answer = get(ask, **{"If-None-Match": known})
        assert (answer.status_code, answer.content) == (304, b"")
        assert "Content-Security-Policy" in answer.headers
    assert get(ask, **{"If-None-Match": '"x"'}).status_code == 200
    assert get(ask, **{"If-None-Match": "x"}).status_code == 400


def test_page_is_served_without_a_key_and_with_any_host(ask: Asking, tmp_path: Path) -> None:
    ring = KeyRing(tmp_path / "keys.json")
    ring.create(["p"])
    ask.service.keys = ring
    assert get(ask, Host="segments.example").status_code == 200
    assert get(ask, "HEAD").status_code == 200
    refused = get(ask, "POST")
    assert (refused.status_code, refused.headers["Allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("content", [None, "<html></html>"])
def test_missing_page_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None) -> None:
    if content is not None:
        (tmp_path / "page.html").write_text(content)
    monkeypatch.setattr("segbatch.interfaces.web.page_file.files", lambda _package: tmp_path)
    answer = get(Asking(tmp_path))
    assert answer.status_code == 503
    assert "make web" in answer.text
    assert "script-src 'none'" in answer.headers["Content-Security-Policy"]
