"""Test the base URL, key and project from arguments and the environment, and the imports of the client."""

import subprocess
import sys
from typing import Any

import httpx
import pytest

from client.clients import KEY, URL, Server
from segbatch.client import AsyncSegmentsClient, SegmentsClient, UsageError


def asked(*arguments: Any, **named: Any) -> httpx.Request:
    server = Server([httpx.Response(200, json=[])])
    with SegmentsClient(*arguments, **named, transport=httpx.MockTransport(server)) as client:
        client.list_segments()
    return server.requests[0]


@pytest.mark.parametrize(
    ("base_url", "url"),
    [
        ("http://localhost:8765", "http://localhost:8765/api"),
        ("http://localhost:8765/", "http://localhost:8765/api"),
        (" https://crm.example/segments/ \n", "https://crm.example/segments/api"),
        ("http://[::1]:80", "http://[::1]/api"),
    ],
)
def test_request_url_is_the_base_url_with_the_path_of_the_api(base_url: str, url: str) -> None:
    assert str(asked(base_url).url) == f"{url}/v1/contacts/segments"


def test_client_without_a_key_sends_no_authorization() -> None:
    request = asked(URL)
    assert "Authorization" not in request.headers
    assert "X-Project-ID" not in request.headers


def test_newline_after_the_key_is_removed() -> None:
    assert asked(URL, f"{KEY}\n").headers["Authorization"] == f"Bearer {KEY}"


def test_project_is_sent_as_utf8() -> None:
    assert asked(URL, KEY, "Köln").headers.raw[-1] == (b"X-Project-ID", "Köln".encode())


def test_environment_variables_fill_in_missing_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGBATCH_API_URL", URL)
    monkeypatch.setenv("SEGBATCH_API_KEY", KEY)
    monkeypatch.setenv("SEGBATCH_PROJECT_ID", "proj-1")
    request = asked()
    assert request.url.host == "server"
    assert (request.headers["Authorization"], request.headers["X-Project-ID"]) == (f"Bearer {KEY}", "proj-1")
    for name in ("SEGBATCH_API_KEY", "SEGBATCH_PROJECT_ID"):
        monkeypatch.setenv(name, "")
    assert not {"authorization", "x-project-id"} & set(asked().headers)
    request = asked("http://other", "other", "proj-2")
    assert (str(request.url.host), request.headers["X-Project-ID"]) == ("other", "proj-2")
    assert request.headers["Authorization"] == "Bearer other"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "the server's URL is missing; pass base_url or set SEGBATCH_API_URL, such as http://localhost:8765"),
        (("localhost:8765",), "'localhost:8765' is not a base URL; use one like http://localhost:8765"),
        (("",), "'' is not a base URL"),
        (("http://",), "'http://' is not a base URL"),
        (("ftp://server",), "'ftp://server' is not a base URL"),
        (("http://server:x",), "'http://server:x' is not a base URL"),
        (("http://user:secret@server",), "the base URL contains a user or a password; remove it, and pass api_key"),
        (("http://server/?a=b",), "the base URL 'http://server/?a=b' has a query or a fragment; remove it"),
        ((f"{URL}/api/v1/",), f"the base URL '{URL}/api/v1/' includes the path of the API; remove it, from /api/v1 on"),
        ((f"{URL}/x/api/v1/contacts/segments",), f"the base URL '{URL}/x/api/v1/contacts/segm"),
        ((5,), "base_url must be a text; found 'int'"),
        ((URL, b"secret"), "api_key must be a text; found 'bytes'"),
        ((URL, KEY, 5), "project_id must be a text; found 'int'"),
        ((URL, ""), "the key is empty; is a variable not set? (api_key or SEGBATCH_API_KEY)"),
        ((URL, "secret key"), "the key has characters that keys cannot have; is it another value? (api_key)"),
        ((URL, "secret\r\nX: y"), "the key has characters that keys cannot have"),
        ((URL, "secreté"), "the key has characters that keys cannot have"),
        ((URL, KEY, ""), "'' is not a valid project id (project_id or SEGBATCH_PROJECT_ID)"),
        ((URL, KEY, "a\r\nX: y"), "'a\\r\\nX: y' is not a valid project id"),
    ],
)
def test_invalid_client_arguments_are_refused(arguments: Any, message: str) -> None:
    for kind in (SegmentsClient, AsyncSegmentsClient):
        with pytest.raises(UsageError) as told:
            kind(*arguments)
        assert str(told.value).startswith(message)
        assert "secret" not in str(told.value)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("HTTP_PROXY", "gopher://user:secret@proxy", "Unknown scheme for proxy URL"),
        ("HTTP_PROXY", "http://user:secret@proxy:x", "Invalid port: 'x'"),
        ("HTTP_PROXY", "socks5://user:secret@proxy", "the 'socksio' package is not installed"),
        ("SSL_CERT_FILE", "/nowhere/ca.pem", "No such file or directory"),
    ],
)
def test_invalid_proxy_and_certificate_variables_are_reported(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str
) -> None:
    monkeypatch.setenv(name, value)
    for kind in (SegmentsClient, AsyncSegmentsClient):
        with pytest.raises(UsageError) as told:
            kind(URL)
        assert str(told.value).startswith("the environment has proxies or certificates that cannot be used (")
        assert words in str(told.value)
        assert "secret" not in str(told.value)


def test_repr_of_a_client_hides_the_key() -> None:
    for kind in (SegmentsClient, AsyncSegmentsClient):
        client = kind(URL, KEY, "proj-1")
        assert repr(client) == f"{kind.__name__}('{URL}', project_id='proj-1')"
        assert KEY not in str(vars(client))


def test_importing_the_client_loads_no_engine_and_no_server() -> None:
    code = (
        "import sys, segbatch.client\n"
        "assert not {'polars', 'duckdb', 'pyarrow', 'typer', 'fastapi'} & set(sys.modules), sorted(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_missing_httpx_is_reported_in_one_line() -> None:
    code = (
        "import importlib.util\nfind = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, *more: None if name == 'httpx' else find(name, *more)\n"
        "try:\n    import segbatch.client\nexcept ImportError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    expected = "segbatch.client needs httpx, which is not installed; run: pip install 'segbatch[client]'\n"
    assert done.stdout == expected
