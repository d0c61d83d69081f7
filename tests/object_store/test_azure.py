"""The settings of Azure's storage: one order of precedence for all clients."""

import os

import pytest

from segbatch.errors import UsageError
from segbatch.snapshot.object_store.azure import account_of, read_azure_settings
from segbatch.snapshot.object_store.url import read_address

ADDRESS = read_address("az://container/contacts.parquet")
WITH_ACCOUNT = read_address("abfss://container@named.dfs.core.windows.net/contacts.parquet")
CONNECTION = "AccountName=given;AccountKey=a2V5;SharedAccessSignature=sig;BlobEndpoint=http://localhost:10000/given"


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("AZURE_")]:
        monkeypatch.delenv(name)


def test_the_connection_string_has_all_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", CONNECTION)
    found = read_azure_settings(ADDRESS)
    assert (found.account, found.key, found.token) == ("given", "a2V5", "sig")
    assert found.endpoint == "http://localhost:10000/given"


@pytest.mark.parametrize(
    ("account", "key"),
    [
        ("AZURE_STORAGE_ACCOUNT", "AZURE_STORAGE_KEY"),
        ("AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_ACCOUNT_KEY"),
    ],
)
def test_single_variables_come_first(monkeypatch: pytest.MonkeyPatch, account: str, key: str) -> None:
    settings = {"AZURE_STORAGE_CONNECTION_STRING": CONNECTION, account: "single", key: "other"}
    for name, value in (settings | {"AZURE_STORAGE_SAS_TOKEN": "token"}).items():
        monkeypatch.setenv(name, value)
    found = read_azure_settings(ADDRESS)
    assert (found.account, found.key, found.token) == ("single", "other", "token")


def test_the_account_of_the_address_comes_before_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT", "single")
    assert read_azure_settings(WITH_ACCOUNT).account == "named"


def test_an_unknown_account_is_an_error() -> None:
    message = r"az://container/contacts\.parquet: .*AZURE_STORAGE_ACCOUNT, or write abfss://.*/KEY"
    with pytest.raises(UsageError, match=message):
        account_of(read_azure_settings(ADDRESS), ADDRESS, "KEY")


def test_a_key_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", CONNECTION)
    assert "a2V5" not in repr(read_azure_settings(ADDRESS))
    assert "sig" not in repr(read_azure_settings(ADDRESS))
