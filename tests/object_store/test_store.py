"""The stores that runs are published to: a bucket, and a folder. Both do the same."""

import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from segbatch import PublishError, UsageError
from segbatch.snapshot.object_store.url import read_address
from segbatch.storage.remote import clients, object_store
from segbatch.storage.remote.folder_store import FolderStore
from segbatch.storage.remote.object_store import ObjectStore
from segbatch.storage.remote.store import Content, OutdatedError, Store

from .bucket import Bucket
from .proxy import Proxy, Seen

pytestmark = pytest.mark.slow
SECRET = "a-very-secret-key"  # noqa: S105 - of the fixture


@pytest.fixture(params=["bucket", "folder"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "folder":
        return FolderStore(tmp_path / "store")
    bucket: Bucket = request.getfixturevalue("bucket")
    return ObjectStore.at(bucket.at("audiences/crm/"))


def test_a_small_file_is_written_once_and_replaced_by_its_tag(store: Store) -> None:
    assert store.read("current") is None
    first = store.write_new("current", b"one")
    assert store.read("current") == Content(b"one", first)
    with pytest.raises(OutdatedError):
        store.write_new("current", b"two")
    second = store.replace("current", b"two", first)
    with pytest.raises(OutdatedError):
        store.replace("current", b"three", first)
    assert store.read("current") == Content(b"two", second)
    with pytest.raises(OutdatedError):
        store.replace("missing", b"one", first)


def test_a_write_that_is_there_already_counts_as_written(bucket: Bucket) -> None:
    """As after a response that was lost."""
    store = ObjectStore.at(bucket.at("audiences"))
    first = store.write_new("current", b"one")
    assert store.write_new("current", b"one") == first
    second = store.replace("current", b"two", first)
    assert store.replace("current", b"two", first) == second


def test_files_are_uploaded_listed_downloaded_and_removed(store: Store, tmp_path: Path) -> None:
    keys = ["runs/a~2/membership/part.parquet", "runs/a~2/state.arrow", "runs/b:+@=/x", "other"]
    source = tmp_path / "source"
    for number, key in enumerate(keys):
        source.write_bytes(b"x" * number)
        store.upload(source, key)
    assert {file.key: file.size for file in store.files("")} == {key: number for number, key in enumerate(keys)}
    assert sorted(file.key for file in store.files("runs/a~2/")) == keys[:2]
    assert all(abs(file.modified - datetime.now(UTC)) < timedelta(minutes=10) for file in store.files(""))
    assert list(store.files("runs/none/")) == []
    for number, key in enumerate(keys):
        store.download(key, tmp_path / "target")
        assert (tmp_path / "target").read_bytes() == b"x" * number
    store.remove([*keys[:2], "missing"])
    assert sorted(file.key for file in store.files("")) == sorted(keys[2:])
    store.remove([])
    with pytest.raises(FileNotFoundError):
        store.download(keys[0], tmp_path / "target")
    with pytest.raises(FileNotFoundError):
        store.upload(tmp_path / "missing", "key")


def test_one_of_eight_writers_wins(store: Store) -> None:
    barrier, tag = Barrier(8), store.write_new("current", b"first")

    def write(number: int) -> int | None:
        barrier.wait(60)
        try:
            store.replace("current", f"{number}".encode(), tag)
        except OutdatedError:
            return None
        return number

    with ThreadPoolExecutor(8) as pool:
        [winner] = [number for number in pool.map(write, range(8)) if number is not None]
    found = store.read("current")
    assert found is not None
    assert found.data == f"{winner}".encode()


def test_large_files_are_sent_and_fetched_in_pieces(bucket: Bucket, proxy: Proxy, tmp_path: Path) -> None:
    store, content = ObjectStore.at(bucket.at("audiences")), os.urandom(20_000_000)
    (tmp_path / "source").write_bytes(content)
    store.upload(tmp_path / "source", "large")
    store.download("large", tmp_path / "target")
    assert (tmp_path / "target").read_bytes() == content
    assert sum("partNumber" in seen.path for seen in proxy.seen) == 3


def test_a_file_that_is_replaced_while_it_is_read_is_an_error(
    bucket: Bucket, proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(object_store, "_PIECE", 1000)
    store = ObjectStore.at(bucket.at("audiences"))
    bucket.put("audiences/large", b"a" * 5000)

    def replace(_seen: Seen) -> None:
        if len([one for one in proxy.seen if one.method == "GET"]) == 2:
            bucket.put("audiences/large", b"b" * 5000)

    proxy.spoil = replace
    with pytest.raises(PublishError, match="audiences/large: was replaced while it was read; run again"):
        store.download("large", tmp_path / "target")


def test_a_full_disk_is_not_a_fault_of_the_storage(bucket: Bucket) -> None:
    bucket.put("audiences/file", b"x")
    with pytest.raises(OSError, match="No space left on device"):
        ObjectStore.at(bucket.at("audiences")).download("file", Path("/dev/full"))


def test_a_lost_response_to_a_conditional_write_is_found_out(bucket: Bucket, proxy: Proxy) -> None:
    store = ObjectStore.at(bucket.at("audiences"))
    first = store.write_new("current", b"one")
    lost = list[int]()

    def lose(seen: Seen) -> str | None:
        if seen.method != "PUT" or lost:
            return None
        lost.append(seen.number)
        return "lost"

    proxy.spoil = lose
    try:
        store.replace("current", b"two", first)
    except PublishError as error:  # the client does not send such requests again; the caller reads the pointer
        assert "the storage cannot be reached" in str(error)  # noqa: PT017 - both outcomes are right
    found = store.read("current")
    assert found is not None
    assert found.data == b"two"
    assert lost


MESSAGES = {
    403: "access is denied; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    301: "the bucket is in another region; set AWS_REGION",
    400: r"the storage refused a request \(HTTP status 400\)",
    501: "the storage does not support this request",
    503: "the storage cannot be reached; check the network, and AWS_ENDPOINT_URL",
}


@pytest.mark.parametrize("status", MESSAGES)
def test_refusals_are_one_line_without_credentials(
    bucket: Bucket, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.setattr(clients, "_RETRIES", 1)
    store = ObjectStore.at(bucket.at("audiences"))
    proxy.spoil = lambda _seen: status
    for action in (
        lambda: store.read("current"),
        lambda: store.write_new("current", b"x"),
        lambda: store.remove(["current"]),
        lambda: list(store.files("")),
    ):
        with pytest.raises(PublishError, match=MESSAGES[status]) as raised:
            action()
        assert str(raised.value).startswith(bucket.at("audiences"))
        assert "\n" not in str(raised.value)
        assert SECRET not in str(raised.value)
        assert raised.value.__cause__ is None


@pytest.mark.usefixtures("bucket")
def test_a_missing_bucket_is_reported() -> None:
    store = ObjectStore.at("s3://no-such-bucket/audiences")
    for action in (
        lambda: store.read("current"),
        lambda: store.write_new("current", b"x"),
        lambda: store.remove(["current"]),
        lambda: list(store.files("")),
    ):
        with pytest.raises(PublishError, match="the bucket does not exist; create it first, or check its name"):
            action()


def test_missing_credentials_are_reported(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    with pytest.raises(UsageError, match="no credentials were found; set AWS_ACCESS_KEY_ID"):
        ObjectStore.at(bucket.at("audiences")).read("current")


def test_a_profile_is_read_with_boto3(bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    profile = f"[crm]\naws_access_key_id = AKIDOFPROFILE\naws_secret_access_key = {SECRET}\n"
    (tmp_path / "credentials").write_text(profile)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_PROFILE", "crm")
    store = ObjectStore.at(bucket.at("audiences"))
    store.write_new("current", b"x")
    assert store.read("current") is not None
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(UsageError, match="AWS_PROFILE=crm needs boto3, which is not installed; run: pip install boto3"):
        ObjectStore.at(bucket.at("audiences")).read("current")


def test_prefixes_that_clients_do_not_keep_are_refused() -> None:
    for address in ("s3://bucket/a//b", "s3://bucket/../b", "gs://bucket/."):
        with pytest.raises(UsageError, match="the prefix has an empty part"):
            ObjectStore.at(address)
    with pytest.raises(UsageError, match=r"has no bucket; write s3://BUCKET/KEY \(--output\)"):
        ObjectStore.at("s3://")


@pytest.mark.parametrize(
    "use",
    [
        lambda store: store.read("current"),
        lambda store: store.upload(Path("file"), "key"),
        lambda store: store.write_new("current", b"x"),
        lambda store: store.remove(["key"]),
        lambda store: list(store.files("runs")),
    ],
)
def test_obstore_is_an_extra(use: Callable[[ObjectStore], object], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("obstore", "obstore.store"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(UsageError, match=r"which is not installed; run: pip install 'segbatch\[objects\]'"):
        use(ObjectStore.at("s3://bucket/audiences"))


def config_at(address: str) -> dict[str, Any]:
    client: Any = clients.open_client(read_address(address))
    return dict(client.config)


def test_settings_of_azure_and_google(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="the storage account of the container is unknown"):
        clients.open_client(read_address("az://exports/audiences"))
    monkeypatch.setattr("shutil.which", lambda _name: "/usr/bin/az")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT", "crm")
    assert config_at("az://exports/a")["use_azure_cli"] in {True, "true"}
    monkeypatch.setenv("AZURE_STORAGE_SAS_TOKEN", "sv=2024&sig=eA%3D%3D")
    assert "use_azure_cli" not in config_at("az://exports/a")
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", "AccountKey=eA==;BlobEndpoint=http://127.0.0.1:1/crm/")
    config = config_at("abfss://exports@other.dfs.core.windows.net/a")
    assert config["account_name"] == "other"
    assert config["endpoint"] == "http://127.0.0.1:1/crm"
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:2")
    assert config_at("gs://exports/a")["base_url"] == "http://127.0.0.1:2"
    monkeypatch.delenv("STORAGE_EMULATOR_HOST")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/no/such/file")
    with pytest.raises(UsageError, match="a setting in the environment is not valid"):
        clients.open_client(read_address("gs://exports/a"))
