"""What is said where an object cannot be had: one line each, soon, and never a secret."""

import socket
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pytest

import segbatch
from builders import rule, write_contacts, write_segment
from segbatch import SnapshotError
from segbatch.snapshot.object_store import clients, remote_file, requests

from .bucket import Bucket
from .proxy import Proxy, Seen

pytestmark = pytest.mark.slow


@pytest.fixture
def segments(tmp_path: Path) -> Path:
    return write_segment(tmp_path / "segments", "pro", rule("plan", "eq", "pro")).parent


@pytest.fixture
def address(tmp_path: Path, bucket: Bucket) -> str:
    rows = 20_000
    plans = pa.table({"id": range(rows), "plan": [f"{n}" for n in range(rows)]})
    return bucket.put("exports/contacts.parquet", write_contacts(tmp_path / "c.parquet", plans, row_group_size=1000))


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries and waits less, so that the tests end."""
    monkeypatch.setattr(clients, "_TRIES", 2)
    monkeypatch.setattr(remote_file, "_PIECE", 20_000)


@pytest.mark.usefixtures("address")
def test_a_missing_object_is_reported_with_the_nearest_name(bucket: Bucket, segments: Path) -> None:
    missing = {
        bucket.at("exports/contact.parquet"): "no such object; did you mean 'contacts.parquet'?",
        bucket.at("else/x.parquet"): "no such object; check the path of the export",
        bucket.at("export"): "no such object; did you mean 'exports'?",
        bucket.at("export*/*.csv"): "matches no object; check the path of the export",
        bucket.at(""): f"has no .parquet object; for those below it write '{bucket.at('**/*.parquet')}'",
        "s3://no-such-bucket/contacts.parquet": "the bucket does not exist; check its name",
        "s3://no-such-bucket/*.parquet": "the bucket does not exist; check its name",
    }
    bucket.put("empty/notes.txt", b"x")
    missing[bucket.at("empty")] = "has no .parquet object; export the contacts"
    for place, message in missing.items():
        with pytest.raises(SnapshotError) as raised:
            segbatch.check(segments, place)
        assert str(raised.value) == f"{place}: {message}"


SET = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, of a user with read access"


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (403, f"access is denied (ACCESS_DENIED); {SET}"),
        (301, "the bucket is in another region; set AWS_REGION"),
        (503, "the storage cannot be reached; check the network, and AWS_ENDPOINT_URL"),
    ],
)
@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_refusals_of_the_server(
    address: str, proxy: Proxy, segments: Path, status: int, message: str, method: str, tmp_path: Path
) -> None:
    proxy.spoil = lambda seen: status if seen.method == method else None
    with pytest.raises(SnapshotError) as raised:
        segbatch.run(address, segments, tmp_path / "output")
    assert str(raised.value).startswith(f"{address}: {message}") or (method, status) == ("GET", 301)
    assert "secret" not in str(raised.value)
    assert "AKID" not in str(raised.value)


def cut_always(_seen: Seen) -> str:
    return "cut"


@pytest.mark.parametrize("where", ["the end", "the rest"])
def test_a_body_that_is_always_truncated_is_reported(
    tmp_path: Path, address: str, proxy: Proxy, segments: Path, where: str
) -> None:
    gets = list[int]()

    def cut(seen: Seen) -> str | None:
        if seen.method != "GET":
            return None
        gets.append(1)
        return "cut" if where == "the end" or len(gets) > 3 else None

    proxy.spoil = cut
    with pytest.raises(SnapshotError, match=f"{address}: "):
        segbatch.run(address, segments, tmp_path / "output")
    assert not (tmp_path / "output").exists()


def test_a_body_that_is_cut_short_once_is_asked_for_again(
    tmp_path: Path, address: str, proxy: Proxy, segments: Path
) -> None:
    cut = set[str]()

    def once(seen: Seen) -> str | None:
        if seen.method == "GET" and seen.path not in cut:
            cut.add(seen.path)
            return "cut"
        return None

    proxy.spoil = once
    assert segbatch.run(address, segments, tmp_path / "output").run.contacts == 20_000
    assert cut


def test_an_endpoint_that_is_down_is_reported(address: str, segments: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        for endpoint in (f"http://127.0.0.1:{unused.getsockname()[1]}", "http://no-such-host.invalid"):
            monkeypatch.setenv("AWS_ENDPOINT_URL_S3", endpoint)  # which is stronger than that for all services
            with pytest.raises(SnapshotError, match="the storage cannot be reached; check the network, and AWS"):
                segbatch.check(segments, address)


@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_a_silent_server_is_abandoned(
    address: str, proxy: Proxy, segments: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    """Whatever limits a client has of its own: this one's are longer."""
    proxy.spoil = lambda seen: "silence" if seen.method == method else None
    monkeypatch.setattr(requests, "TIMEOUT", 1.5)
    started = time.monotonic()
    with pytest.raises(SnapshotError, match=f"{address}: the storage does not answer; check the network"):
        segbatch.check(segments, address)
    assert time.monotonic() - started < 30


def test_the_clients_own_limit_is_short(
    address: str, proxy: Proxy, segments: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy.spoil = lambda _seen: "silence"
    monkeypatch.setattr(clients, "_SILENT_TIMEOUT", 1)
    with pytest.raises(SnapshotError, match="the storage cannot be reached"):
        segbatch.check(segments, address)


def test_a_program_exits_without_waiting_for_a_request() -> None:
    """The thread that waits for it is not waited for at the end."""
    script = (
        "import time; from segbatch.snapshot.object_store.requests import with_timeout\n"
        "try: with_timeout(lambda: time.sleep(600), 0.1)\n"
        "except TimeoutError: print('left')"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=100)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "left\n", "")


def test_missing_credentials_are_reported_within_seconds(
    address: str, proxy: Proxy, segments: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a machine that is not Amazon's, where the address that would tell them is silent."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_EC2_METADATA_DISABLED"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", f"{proxy.url}/metadata/")
    monkeypatch.setattr(requests, "TIMEOUT", 5.0)
    proxy.spoil = lambda seen: "silence" if "metadata" in seen.path else 403
    started = time.monotonic()
    with pytest.raises(SnapshotError, match=f"{address}: (access is denied|the storage does not answer)"):
        segbatch.check(segments, address)
    assert time.monotonic() - started < 90


def test_a_profile_is_used(
    tmp_path: Path, address: str, segments: Path, monkeypatch: pytest.MonkeyPatch, proxy: Proxy
) -> None:
    (tmp_path / "credentials").write_text("[crm]\naws_access_key_id = AKIDOFPROFILE\naws_secret_access_key = x\n")
    (tmp_path / "config").write_text("[profile crm]\nregion = eu-central-1\n")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_PROFILE", "crm")
    assert len(segbatch.check(segments, address).problems) == 0
    assert proxy.seen
