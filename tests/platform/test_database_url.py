"""Addresses of databases: their parts, and their display without secrets."""

from pathlib import Path

import pytest

from segbatch.errors import UsageError
from segbatch.platform.database_url import is_database_url, read_database_url, resolve_database_url
from segbatch.platform.urls import redact_url


@pytest.mark.parametrize(
    ("text", "shown", "table"),
    [
        ("postgresql://db.example.com/crm", "postgresql://db.example.com/crm", None),
        ("postgresql://me:secret@db:5432/crm#a.contacts", "postgresql://db:5432/crm#a.contacts", "a.contacts"),
        ("POSTGRES://secret@db/crm?password=secret&sslmode=require", "postgres://db/crm", None),
        ("postgresql://me:secret@a:1,b:2/crm?target_session_attrs=any", "postgresql://a:1,b:2/crm", None),
        ("postgresql://me:secret@[::1]:5432/crm", "postgresql://[::1]:5432/crm", None),
        ("postgresql:///crm?host=/run/postgresql&password=secret", "postgresql:///crm", None),
        ("postgresql://db/crm#my%20table", "postgresql://db/crm#my%20table", "my table"),
        ("sqlite:///data/a@b.db#contacts", "sqlite:///data/a@b.db#contacts", "contacts"),
        ("snowflake://me:secret@acme/CRM?warehouse=W&token=secret#c", "snowflake://acme/CRM#c", "c"),
        ("bigquery://project/dataset", "bigquery://project/dataset", None),
        ("grpc+tls://me:secret@flight.example.com:443", "grpc+tls://flight.example.com:443", None),
    ],
)
def test_addresses_are_shown_without_secrets(text: str, shown: str, table: str | None) -> None:
    assert is_database_url(text)
    assert redact_url(text) == shown
    address = read_database_url(text, "--contacts")
    assert (str(address), address.table) == (shown, table)
    assert "secret" not in repr(address)


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://me:sec/ret@db/crm",
        "postgresql://me:sec?ret@db/crm",
        "postgresql://me:sec#ret@db/crm",
        "postgresql://me:sec@ret@db/crm",
        "postgresql://me:sec:ret@db:x/crm",
        "postgresql://me:secret",
        "postgresql://db/crm?password=sec@ret",
        "postgresql://db/crm#sec@ret",
        "postgresql:/db/secret",
        "postgresql://",
        "postgresql:///#",
    ],
)
def test_no_part_of_an_address_that_is_not_valid_is_shown(text: str) -> None:
    shown = redact_url(text)
    for secret in ("sec", "ret", "secret"):
        assert secret not in shown
    if text not in {"postgresql://", "postgresql:///#"}:
        with pytest.raises(UsageError, match=r"postgresql://\.\.\.: is not a valid address of a database") as caught:
            read_database_url(text, "--contacts")
        assert "sec" not in str(caught.value).replace("secure", "")


def test_a_sqlite_file_has_no_parameters() -> None:
    with pytest.raises(UsageError, match=r"leave out '\?' \(--to\)"):
        read_database_url("sqlite:///x.db?mode=rw", "--to")
    with pytest.raises(UsageError, match=r"write it like sqlite:///contacts\.db"):
        read_database_url("sqlite://x.db", "--to")


@pytest.mark.parametrize("text", ["contacts.parquet", "s3://bucket/key", "C:/data", "mysql://db/crm"])
def test_other_texts_are_not_addresses_of_databases(text: str) -> None:
    assert not is_database_url(text)


@pytest.mark.parametrize(
    ("text", "file"), [("sqlite:///data/my%20file.db", "data/my file.db"), ("sqlite:////data/x.db#t", "/data/x.db")]
)
def test_a_sqlite_address_has_a_path(text: str, file: str) -> None:
    assert read_database_url(text, "--contacts").file == Path(file)


@pytest.mark.parametrize(
    ("text", "resolved"),
    [
        ("sqlite:///crm.db#contacts", "sqlite:////etc/crm.db#contacts"),
        ("sqlite:////data/crm.db", "sqlite:////data/crm.db"),
        ("postgresql://db/crm", "postgresql://db/crm"),
        ("sqlite://", "sqlite://"),
    ],
)
def test_the_path_of_a_sqlite_file_is_resolved_from_a_folder(text: str, resolved: str) -> None:
    assert resolve_database_url(Path("/etc"), text) == resolved
