"""Settings of object storage, as deltalake gets them."""

import pytest

from segbatch.snapshot.object_store.clients import Bucket
from segbatch.snapshot.object_store.delta_options import delta_options, delta_url
from segbatch.snapshot.object_store.url import read_address


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("s3a://crm/contacts/", "s3://crm/contacts"),
        ("gcs://crm/contacts", "gs://crm/contacts"),
        ("az://crm/contacts", "az://crm/contacts"),
        ("abfss://crm@acct.dfs.core.windows.net/contacts", "abfss://crm@acct.dfs.core.windows.net/contacts"),
    ],
)
def test_an_address_has_the_scheme_that_deltalake_knows(address: str, url: str) -> None:
    assert delta_url(read_address(address)) == url


VARIABLES = [
    ("s3://crm/x", {"AWS_ENDPOINT_URL": "127.0.0.1:9"}, {"AWS_ENDPOINT_URL": "https://127.0.0.1:9"}),
    ("s3://crm/x", {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, {"AWS_ALLOW_HTTP": "true", "AWS_REGION": "us-east-1"}),
    ("s3://crm/x", {"AWS_REGION": "eu-central-1"}, {"AWS_REGION": "eu-central-1"}),
    ("gs://crm/x", {}, {"max_retries": "3"}),
    (
        "az://crm/x",
        {"AZURE_STORAGE_ACCOUNT": "acct", "AZURE_STORAGE_KEY": "k"},
        {"account_name": "acct", "account_key": "k"},
    ),
    (
        "abfss://crm@acct.dfs.core.windows.net/x",
        {"AZURE_STORAGE_CONNECTION_STRING": "AccountName=other;SharedAccessSignature=sv=1&sig=2"},
        {"account_name": "acct", "sas_token": "sv=1&sig=2"},
    ),
]


@pytest.mark.parametrize(("address", "variables", "expected"), VARIABLES)
def test_the_variables_of_segbatch_are_options_of_deltalake(
    monkeypatch: pytest.MonkeyPatch, address: str, variables: dict[str, str], expected: dict[str, str]
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    place = read_address(address)
    found = delta_options(place, Bucket(place))
    assert found | expected == found
    assert found["connect_timeout"] == "5s"
