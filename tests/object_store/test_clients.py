"""What is made of the environment and of addresses, and of what clients say for which there is no server here."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import fs

import segbatch
from builders import rule, write_segment
from segbatch import SnapshotError, UsageError
from segbatch.snapshot.discovery import find_files
from segbatch.snapshot.object_store import clients
from segbatch.snapshot.object_store.requests import translate_errors
from segbatch.snapshot.object_store.url import read_address
from workspace import Workspace

pytestmark = pytest.mark.slow

S3_SET = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
AZURE_SET = "set AZURE_STORAGE_KEY or AZURE_STORAGE_SAS_TOKEN, or log in"
GOOGLE_SET = "set GOOGLE_APPLICATION_CREDENTIALS"
UNREACHED = "the storage cannot be reached; check the network, and"
NO_BUCKET = "the bucket does not exist; check its name"


def denied(code: str, remedy: str) -> str:
    return f"access is denied ({code}); {remedy}, of a user with read access"


ERRORS = [
    ("s3", "AWS Error INVALID_ACCESS_KEY_ID during X: AKIDX", denied("INVALID_ACCESS_KEY_ID", S3_SET)),
    ("s3", "AWS Error SIGNATURE_DOES_NOT_MATCH during GetObject", denied("SIGNATURE_DOES_NOT_MATCH", S3_SET)),
    ("s3", "AWS Error UNKNOWN (HTTP status 400) during HeadObject", "the bucket is in another region; set AWS_REGION"),
    ("s3", "AWS Error UNKNOWN (HTTP status 418) during HeadObject", "cannot be read (UNKNOWN)"),
    ("s3", "Bucket 'x' not found", NO_BUCKET),
    ("az", "Azure Error: [AuthorizationFailure] 403 Server failed", denied("AuthorizationFailure", AZURE_SET)),
    ("az", "Azure Error: [ContainerNotFound] 404 The specified", NO_BUCKET),
    ("az", "Azure Error: [] Fail to get a new connection for: http://x", f"{UNREACHED} AZURE_STORAGE_ACCOUNT"),
    ("az", "Failed to get token from DefaultAzureCredential", f"no credentials were found; {AZURE_SET}"),
    ("gs", "google::cloud::Status(PERMISSION_DENIED: Permanent", denied("PERMISSION_DENIED", GOOGLE_SET)),
    ("gs", "Status(UNAVAILABLE: Could not create a OAuth2 access token", f"no credentials were found; {GOOGLE_SET}"),
    ("gs", "google::cloud::Status(DEADLINE_EXCEEDED: Retry policy", f"{UNREACHED} STORAGE_EMULATOR_HOST"),
]


@pytest.mark.parametrize(("service", "text", "message"), ERRORS)
def test_what_clients_say(service: str, text: str, message: str) -> None:
    """As they were heard to say it, by servers of all three."""
    place = read_address(f"{service}://bucket/key")
    for error in (OSError(text), pa.ArrowInvalid(text)):
        with pytest.raises(SnapshotError) as raised, translate_errors(place):
            raise error
        assert str(raised.value) == f"{service}://bucket/key: {message}"


def test_the_region_of_a_bucket_is_requested_if_it_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    made, regions = list[dict[str, Any]](), {"near": "us-east-1", "far": "eu-central-1"}

    class Store:
        region = "us-east-1"

        def __init__(self, **options: Any) -> None:
            made.append(options)

    def region_of(bucket: str) -> Any:
        clients.open_store(read_address(f"s3://{bucket}/x"))
        return made[-1].get("region")

    monkeypatch.setattr(fs, "S3FileSystem", Store)
    monkeypatch.setattr(fs, "resolve_s3_region", regions.__getitem__)
    assert (region_of("near"), region_of("far")) == (None, "eu-central-1")
    monkeypatch.setenv("AWS_REGION", "us-west-2")
    assert region_of("far") is None, "the client reads it itself"
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://storage.example.com:9000/")
    monkeypatch.setenv("AWS_CA_BUNDLE", "/etc/ca.pem")
    assert region_of("far") == "us-west-2"
    told = {name: made[-1][name] for name in ("endpoint_override", "scheme", "tls_ca_file_path")}
    assert told == {
        "endpoint_override": "storage.example.com:9000",
        "scheme": "https",
        "tls_ca_file_path": "/etc/ca.pem",
    }


KEY, TOKEN = "Zm9v", "sv=1&sig=2"
LOCAL = f"DefaultEndpointsProtocol=http;AccountName=dev;AccountKey={KEY}==;BlobEndpoint=http://127.0.0.1:10000/dev;"
CHINA = f"AccountName=acme;SharedAccessSignature={TOKEN};BlobEndpoint=https://acme.blob.core.chinacloudapi.cn/"
ACME = {"AZURE_STORAGE_ACCOUNT": "acme"}
EMULATOR = {
    "blob_storage_authority": "127.0.0.1:10000",
    "dfs_storage_authority": "127.0.0.1:10000",
    "blob_storage_scheme": "http",
    "dfs_storage_scheme": "http",
}
CHINESE = {
    "blob_storage_authority": ".blob.core.chinacloudapi.cn",
    "dfs_storage_authority": ".dfs.core.chinacloudapi.cn",
    "blob_storage_scheme": "https",
    "dfs_storage_scheme": "https",
}
AZURE: dict[str, tuple[str, dict[str, str], str, dict[str, Any]]] = {
    "account": ("az://box/x", ACME | {"AZURE_STORAGE_KEY": KEY}, "acme", {"account_key": KEY}),
    "token": ("az://box/x", ACME | {"AZURE_STORAGE_SAS_TOKEN": TOKEN}, "acme", {"sas_token": TOKEN}),
    "logged in": ("abfss://box@acme.dfs.core.windows.net/x", {}, "acme", {}),
    "emulator": (
        "az://box/x",
        {"AZURE_STORAGE_CONNECTION_STRING": LOCAL},
        "dev",
        EMULATOR | {"account_key": f"{KEY}=="},
    ),
    "cloud": ("az://box/x", {"AZURE_STORAGE_CONNECTION_STRING": CHINA}, "acme", CHINESE | {"sas_token": TOKEN}),
}


@pytest.mark.parametrize(("address", "environment", "account", "options"), AZURE.values(), ids=AZURE)
def test_azure_is_configured_by_its_usual_environment(
    monkeypatch: pytest.MonkeyPatch, address: str, environment: dict[str, str], account: str, options: dict[str, Any]
) -> None:
    made = list[tuple[str, dict[str, Any]]]()
    monkeypatch.setattr(fs, "AzureFileSystem", lambda name, **told: made.append((name, told)))
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    clients.open_store(read_address(address))
    assert made == [(account, options)]


def test_google_is_configured_by_its_usual_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    made = list[dict[str, Any]]()
    monkeypatch.setattr(fs, "GcsFileSystem", lambda **told: made.append(told))
    clients.open_store(read_address("gs://bucket/x"))
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:4443")
    clients.open_store(read_address("gcs://bucket/x"))
    assert set(made[0]) == {"retry_time_limit"}
    assert {name: made[1][name] for name in ("endpoint_override", "scheme", "anonymous")} == {
        "endpoint_override": "127.0.0.1:4443",
        "scheme": "http",
        "anonymous": True,
    }


@pytest.mark.parametrize(
    ("environment", "address", "message"),
    [
        (
            {},
            "az://box/x",
            "az://box/x: the storage account of the container is unknown; set AZURE_STORAGE_ACCOUNT, or write abfss",
        ),
        (
            {"AZURE_STORAGE_CONNECTION_STRING": "AccountName=dev;BlobEndpoint=http://127.0.0.1:1/dev"},
            "az://box/x",
            "az://box/x: an endpoint without TLS needs a key; add AccountKey to the connection string",
        ),
        (
            {"AWS_ENDPOINT_URL": "http://"},
            "s3://b/x",
            "'http://' is not a valid endpoint; write it like https://storage.example",
        ),
        ({"AWS_ENDPOINT_URL": "http://me:pass@x:1/"}, "s3://b/x", "'http://x:1/' is not a valid endpoint"),
        ({}, "s3://", "s3://: has no bucket; write s3://BUCKET/KEY"),
        ({}, "s3://key:pass@bucket/x", "s3://…: the address has more than a bucket before its key"),
        ({}, "s3://key@bucket/x", "s3://…: the address has more than a bucket before its key"),
        ({}, "https://a.example/x?sig=pass", "https://a.example/x: contacts are read from files, s3://, gs:// and az"),
        ({}, "http://me:pass@a.example/x", "http://a.example/x: contacts are read from files"),
        ({}, "hdfs://a/x", "hdfs://a/x: contacts are read from files, s3://, gs:// and az://"),
    ],
)
def test_addresses_and_settings_that_are_none(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], address: str, message: str
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UsageError) as raised:
        find_files(address)
    assert str(raised.value).startswith(message)
    assert "pass" not in str(raised.value)


@pytest.mark.parametrize("address", ["s3://key:pass@bucket/x", "https://a.example/x?sig=pass", "s3://pass@bucket/x"])
def test_no_log_has_what_does_not_belong_into_an_address(tmp_path: Path, address: str) -> None:
    write_segment(tmp_path / "segments", "pro", rule("plan", "eq", "pro"))
    program = [sys.executable, "-m", "segbatch", "run", "--contacts", address]
    ended = subprocess.run(program, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "pass" not in ended.stderr


def test_a_client_that_is_not_built_in_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    def lacking(*_: Any, **__: Any) -> None:
        raise ImportError

    monkeypatch.setattr(fs, "GcsFileSystem", lacking)
    with pytest.raises(UsageError, match="gs://b/x: the installed PyArrow has no client for Google Cloud"):
        find_files("gs://b/x")


def test_runs_are_not_published_to_other_urls(tmp_path: Path) -> None:
    for place in ("https://user:password@host/audiences", Path("https://user:password@host/audiences")):
        with pytest.raises(UsageError, match=r"https://host/audiences: runs are published to a folder, s3://, gs://"):
            segbatch.run(tmp_path / "c.parquet", tmp_path, place)


def test_an_export_to_object_storage_goes_through_a_pipe(workspace: Workspace) -> None:
    workspace.run(0)
    with pytest.raises(UsageError, match=r"s3://bucket/x.csv: exports are written to a disk; .* \| aws s3 cp - s3://"):
        segbatch.export("pro", "s3://bucket/x.csv", workspace.output)
