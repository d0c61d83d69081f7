"""Test a real `segbatch serve`: startup, slow and invalid clients, and shutdown."""

import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx
import pytest

import segbatch
from asking import PRO, SEGMENTS, Server, serving, wait_until
from builders import write_contacts
from segbatch.interfaces.api.keys.key_store import KeyRing
from segbatch.interfaces.api.limits import MAX_ARRIVING
from segbatch.interfaces.api.server import Address, listen

pytestmark = [pytest.mark.slow, pytest.mark.serial]

START = f"POST {SEGMENTS} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"

HEALTH = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"

EVERYWHERE = "0.0.0.0"  # noqa: S104 - the server must refuse this address without a key


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with serving(tmp_path) as started:
        yield started


def send(server: Server, *parts: bytes) -> bytes:
    """Send raw bytes, and return the received bytes up to the end of the connection."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        for part in parts:
            connection.sendall(part)
        received = b""
        with suppress(TimeoutError):
            while part := connection.recv(65536):
                received += part
        return received


def ended(*arguments: str, folder: Path) -> tuple[int, str]:
    """Run the program until it exits, and return its status and the last line of stderr."""
    command = [sys.executable, "-m", "segbatch", "serve", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=120)
    assert done.stdout == ""
    return done.returncode, done.stderr.strip().rpartition("\n")[2]


def test_segment_created_over_http_is_evaluated_by_the_next_run(server: Server, tmp_path: Path) -> None:
    headers = {"X-Project-ID": "proj-1"}
    with httpx.Client(headers=headers) as client:
        made = client.post(server.url, json=PRO).json()
        changed = client.patch(f"{server.url}/{made['id']}", json={"name": "Enterprise Users"})
        assert changed.json()["name"] == "Enterprise Users"
        assert [found["id"] for found in client.get(server.url).json()] == [made["id"]]
        write_contacts(tmp_path / "contacts.parquet", {"plan": ["pro", "free", "pro"], "project_id": ["proj-1"] * 3})
        report = segbatch.run(tmp_path / "contacts.parquet", tmp_path / "segments", tmp_path / "output")
        assert [(found.segment_id, found.member_count) for found in report.segments] == [(made["id"], 2)]
        assert client.delete(f"{server.url}/{made['id']}").status_code == 204


def test_each_request_is_one_log_line(server: Server, tmp_path: Path) -> None:
    httpx.get(f"{server.url}/x?secret=1")
    httpx.get(server.url, headers={"Host": "evil\x7f.example"})
    lines = (tmp_path / "serve.log").read_text().splitlines()
    assert "any local user has full access" in lines[0]
    assert re.fullmatch(rf"\S+Z GET {SEGMENTS}/x 404 \d+ms", lines[1])


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_signal_stops_the_server_and_closes_its_connections(tmp_path: Path, number: int, status: int) -> None:
    with serving(tmp_path) as server, httpx.Client() as client:
        client.get(server.url)
        server.process.send_signal(number)
        assert server.process.wait(timeout=30) == status
    assert "Traceback" not in (tmp_path / "serve.log").read_text()


def test_broken_files_are_reported_at_startup(tmp_path: Path) -> None:
    (tmp_path / "segments").mkdir()
    (tmp_path / "segments" / "broken.json").write_text("{")
    (tmp_path / "segments" / "good.json").write_text(json.dumps(PRO))
    with serving(tmp_path) as server:
        assert server.said.startswith("1 segment at ")
        assert [found["id"] for found in httpx.get(server.url).json()] == ["good"]
    assert "segments/broken.json: not JSON" in (tmp_path / "serve.log").read_text()


def test_port_in_use_is_reported_in_one_line(server: Server, tmp_path: Path) -> None:
    status, printed = ended("--port", str(server.port), folder=tmp_path)
    assert status == 1
    remedy = "choose another (--host, --port)"
    assert printed == f"error: 127.0.0.1:{server.port}: cannot listen on it: Address already in use; {remedy}"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--host", EVERYWHERE), "can be reached from other machines, and no key protects"),
        (("--host", "::"), "can be reached from other machines, and no key protects"),
        (("--host", "no.such.host.invalid"), "is not a name or address of this machine (--host)"),
        (("--port", "70000"), "70000 is not a valid port"),
        (("--timezone", "Mars"), "unknown time zone 'Mars'; write an IANA name"),
        (("--keys", "segments/keys.json"), "segments/keys.json: is in the definitions folder"),
        (("--keys", "nothing.json"), "nothing.json: the file does not exist; create a key with 'segbatch keys create'"),
        (("--keys", "revoked.json", "--host", EVERYWHERE), "no key protects"),
        (("--segments", "nothing"), "nothing: no such file or folder"),
        (("--segments", "one.json"), "one.json: is a file; the API needs a folder"),
    ],
)
def test_invalid_options_are_reported_in_one_line(tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    (tmp_path / "segments").mkdir()
    (tmp_path / "one.json").write_text(json.dumps(PRO))
    KeyRing(tmp_path / "segments" / "keys.json").create(["p"])
    ring = KeyRing(tmp_path / "revoked.json")
    ring.revoke(ring.create(["p"])[0].id)
    status, printed = ended("--port", "0", *arguments, folder=tmp_path)
    assert status == 2
    assert printed.startswith("error: ")
    assert words in printed


def test_missing_extra_is_reported_with_the_install_command(tmp_path: Path) -> None:
    hidden = "import sys; sys.modules['uvicorn'] = None; from segbatch.__main__ import main; main()"
    command = [sys.executable, "-c", hidden, "serve"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "run: pip install 'segbatch[api]'" in done.stderr


def test_server_requires_keys_from_the_default_file(tmp_path: Path) -> None:
    _, secret = KeyRing(tmp_path / "segbatch-keys.json").create(["p"])
    with serving(tmp_path, "--host", EVERYWHERE) as server:
        url = f"http://127.0.0.1:{server.port}{SEGMENTS}"
        assert httpx.get(url).status_code == 401
        assert httpx.get(url, headers={"Authorization": f"Bearer {secret}"}).json() == []


def test_key_created_after_startup_makes_keys_required(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        assert httpx.get(server.url).json() == []
        _, secret = KeyRing(tmp_path / "segbatch-keys.json").create(["p"])
        assert httpx.get(server.url).status_code == 401
        assert httpx.get(server.url, headers={"Authorization": f"Bearer {secret}"}).json() == []
        (tmp_path / "segbatch-keys.json").unlink()
        assert httpx.get(server.url).status_code == 401, "and it stays so"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--contacts", "nothing.parquet"), "warning: nothing.parquet: no such file"),
        (("--contacts", "contacts.parquet", "--id-column", "nope"), "warning: the snapshot has no id column 'nope'"),
        (("--contacts", "contacts.parquet"), ""),
    ],
)
def test_snapshot_that_previews_cannot_read_is_reported_at_startup(
    tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    write_contacts(tmp_path / "contacts.parquet", {"plan": ["pro"]})
    with serving(tmp_path, *arguments):
        log = (tmp_path / "serve.log").read_text()
    assert ("warning: " in log) == bool(words)
    assert words in log


BAD = [
    b"nonsense\r\n\r\n",
    b"GET / HTTP/1.1\r\n\r\n",
    f"{START}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{{}}".encode(),
    f"{START}Content-Length: -1\r\n\r\n".encode(),
    f"{START}Content-Length: x\r\n\r\n".encode(),
    f"{START}Transfer-Encoding: chunked\r\n\r\nxyz\r\n".encode(),
    f"{START}Transfer-Encoding: gzip\r\n\r\n".encode(),
    f"{START}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{HEALTH}".encode(),
    f"GET {SEGMENTS} HTTP/1.1\r\nHost: localhost\r\nX-Project-ID: a\x00b\r\n\r\n".encode(),
]


@pytest.mark.parametrize("request_", BAD, ids=range(len(BAD)))
def test_invalid_http_gets_one_response_and_no_further_processing(server: Server, request_: bytes) -> None:
    answer = send(server, request_)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1 ") == 1, "and what follows on the connection is not looked at"
    assert b"application/problem+json" in answer
    assert httpx.get(server.url).json() == []


@pytest.mark.parametrize("headers", [f"X: {'x' * 20_000}\r\n", "A: b\r\n" * 5_000], ids=["a large one", "many"])
@pytest.mark.parametrize("parts", [1, 2])
def test_large_headers_return_431(server: Server, headers: str, parts: int) -> None:
    request_head = f"GET {SEGMENTS} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n".encode()
    answer = send(server, request_head) if parts == 1 else send(server, request_head[:-2])
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert b'"detail":"the first line and the headers have more than 16,384 bytes"' in answer


@pytest.mark.parametrize(
    ("target", "host", "status"),
    [
        ("http://localhost{path}", "evil.example", 200),
        ("HTTP://LOCALHOST:80{path}?a=b", "evil.example", 200),
        ("http://evil.example{path}", "localhost", 421),
        ("http://localhost", "localhost", 200),
        ("ftp://localhost{path}", "localhost", 404),
    ],
)
def test_host_of_an_absolute_target_overrides_the_host_header(
    server: Server, target: str, host: str, status: int
) -> None:
    line = f"GET {target.format(path=SEGMENTS)} HTTP/1.1"
    answer = send(server, f"{line}\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())


def test_large_chunked_body_is_refused(server: Server) -> None:
    def parts() -> Iterator[bytes]:
        for _ in range(5_000):
            yield b" " * 1_000

    answer = httpx.post(server.url, content=parts(), headers={"Content-Type": "application/json"})
    assert answer.status_code == 413


def test_disconnecting_during_the_body_changes_nothing(server: Server) -> None:
    body = json.dumps(PRO).encode()
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        connection.sendall(f"{START}Content-Length: {len(body) + 1}\r\n\r\n".encode() + body)
    assert httpx.get(server.url).json() == []


QUICK = """
import sys
from segbatch.interfaces.api import connection_limits as protocol, limits, request_body as bodies
limits.TIME_TO_SEND = bodies.TIME_TO_SEND = protocol.TIME_TO_SEND = 1.0
protocol.TIME_TO_READ = 1.0
protocol.MAX_CONNECTIONS = 20
sys.argv[0] = "segbatch"
from segbatch.__main__ import main
main()
"""


@pytest.fixture
def impatient(tmp_path: Path) -> Iterator[Server]:
    with serving(tmp_path, program=("-c", QUICK)) as started:
        yield started


@pytest.mark.parametrize(
    ("begin", "answer"),
    [
        (b"", b""),
        (b"GET / HT", b""),
        (f"GET {SEGMENTS} HTTP/1.1\r\nHost: localhost\r\nX: ".encode(), b""),
        (f"{START}Content-Length: 1000\r\n\r\n{{".encode(), b"HTTP/1.1 408 "),
        (f"{START}Transfer-Encoding: chunked\r\n\r\n1\r\n{{\r\n".encode(), b"HTTP/1.1 408 "),
        (f"GET {SEGMENTS} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nx".encode(), b"HTTP/1.1 200 "),
    ],
    ids=["nothing", "half a line", "half a header", "half a body", "half a chunked body", "a body nobody reads"],
)
def test_connection_of_a_slow_client_is_closed(impatient: Server, begin: bytes, answer: bytes) -> None:
    with socket.create_connection(("127.0.0.1", impatient.port), timeout=60) as connection:
        connection.sendall(begin)
        received = b""
        while part := connection.recv(65536):  # times out, and fails the test, if the server waits
            received += part
    assert received.startswith(answer)
    assert bool(received) == bool(answer)


def test_slow_clients_do_not_block_other_clients(impatient: Server) -> None:
    slow = [socket.create_connection(("127.0.0.1", impatient.port), timeout=60) for _ in range(60)]
    for connection in slow:
        with connection, suppress(ConnectionResetError):
            assert connection.recv(1) == b""
    assert httpx.get(impatient.url).json() == []


FEW = """
import sys
from segbatch.interfaces.api import connection_limits as protocol
protocol.MAX_CONNECTIONS = 50
sys.argv[0] = "segbatch"
from segbatch.__main__ import main
main()
"""


@pytest.mark.parametrize(
    "begin",
    [
        b"",
        b"GET / HT",
        f"GET {SEGMENTS} HTTP/1.1\r\nHost: localhost\r\nX: ".encode(),
        HEALTH.encode(),
        f"{START}Content-Length: 1000\r\n\r\n{{".encode(),
        f"{START}Transfer-Encoding: chunked\r\n\r\n1\r\n{{\r\n".encode(),
    ],
    ids=["nothing", "half a line", "half a header", "kept alive", "half a body", "half a chunked body"],
)
def test_health_check_answers_while_all_connections_are_in_use(tmp_path: Path, begin: bytes) -> None:
    with serving(tmp_path, program=("-c", FEW)) as server, ExitStack() as connections:
        taken = [
            connections.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=60))
            for _ in range(60)
        ]
        for connection in taken:
            with suppress(OSError):
                connection.sendall(begin)
        for connection in taken if begin == HEALTH.encode() else ():
            with suppress(OSError):  # closed, since there are too many
                connection.recv(65536)  # a connection with a request in progress would not be closed
        for _ in range(3):
            assert httpx.get(f"{server.base}/healthz", timeout=10).status_code == 200
        assert httpx.get(server.url, timeout=10).json() == []
        assert open_files(server) < 50 + 40


def test_new_connections_do_not_close_a_connection_with_a_running_request(tmp_path: Path) -> None:
    write_contacts(tmp_path / "contacts.parquet", {"plan": ["pro"]})
    program = FEW.replace("= 50", "= 5")
    with serving(tmp_path, "--contacts", "contacts.parquet", program=("-c", program)) as server, ExitStack() as stack:
        body = json.dumps({"rules": PRO["rules"]}).encode()
        asking = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=60))
        head = f"POST {SEGMENTS}/preview HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        asking.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        assert httpx.get(f"{server.base}/healthz", timeout=60).status_code == 200  # so the preview has started
        for _ in range(20):
            stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=60))
        assert asking.recv(65536).startswith(b"HTTP/1.1 200 ")


def test_incomplete_bodies_of_one_key_do_not_block_other_keys(tmp_path: Path) -> None:
    ring = KeyRing(tmp_path / "segbatch-keys.json")
    secrets = [ring.create([project])[1] for project in ("p", "q")]
    slow, quick = ({"Authorization": f"Bearer {secret}"} for secret in secrets)
    request_head = f"{START}Authorization: {slow['Authorization']}\r\nContent-Length: 1000\r\n\r\n{{".encode()
    with serving(tmp_path) as server, ExitStack() as connections:
        for _ in range(100):
            address = ("127.0.0.1", server.port)
            connections.enter_context(socket.create_connection(address, timeout=60)).sendall(request_head)
        wait_until(lambda: (tmp_path / "serve.log").read_text().count(" 503 ") == 100 - MAX_ARRIVING)
        assert httpx.get(f"{server.base}/healthz").status_code == 200
        assert httpx.get(server.url, headers=slow).status_code == 200
        assert httpx.post(server.url, headers=slow, json=PRO).status_code == 503
        assert httpx.post(server.url, headers=quick, json=PRO).status_code == 201


def test_connection_of_a_client_that_does_not_read_is_closed(tmp_path: Path) -> None:
    (tmp_path / "segments").mkdir()
    for number in range(100):
        definition = PRO | {"description": "x" * 300_000}
        (tmp_path / "segments" / f"{number}.json").write_text(json.dumps(definition))
    with serving(tmp_path, program=("-c", QUICK)) as server:
        assert b"ok" in send(server, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        before = open_files(server)
        with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
            connection.sendall(f"GET {SEGMENTS} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            wait_until(lambda: f"GET {SEGMENTS} 200" in (tmp_path / "serve.log").read_text())
            wait_until(lambda: open_files(server) <= before)
            received = 0
            with suppress(ConnectionResetError):
                while part := connection.recv(1 << 20):
                    received += len(part)
        assert received < 30_000_000
        assert httpx.get(f"{server.url}/1").status_code == 200


def open_files(server: Server) -> int:
    return len(list(Path(f"/proc/{server.process.pid}/fd").iterdir()))


def test_listening_socket_is_tcp_so_that_asyncio_disables_nagle() -> None:
    """asyncio disables Nagle's algorithm only for sockets with the protocol TCP; otherwise responses take 40 ms."""
    listener, is_local = listen(Address(port=0))
    with listener:
        assert is_local
        assert listener.proto == socket.IPPROTO_TCP
