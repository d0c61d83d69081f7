"""Which strings are URLs, and how URLs are shown."""

import pytest

from segbatch.platform.urls import is_url, redact_argument, redact_url


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("s3://bucket/key", "s3://bucket/key"),
        ("s3:/bucket/key", "s3://bucket/key"),
        ("s3://bucket/a:b@c", "s3://bucket/a:b@c"),
        ("s3://key:secret@bucket/x", "s3://bucket/x"),
        ("s3://key:sec/ret+@bucket/x", "s3://bucket/x"),
        ("gs://secret@bucket/x", "gs://bucket/x"),
        ("abfss://box@acme.dfs.core.windows.net/x", "abfss://box@acme.dfs.core.windows.net/x"),
        ("https://acme.blob.core.windows.net/box/x?sv=1&sig=secret", "https://acme.blob.core.windows.net/box/x"),
        ("HTTP://me:secret@a.example/x", "HTTP://a.example/x"),
    ],
)
def test_urls_are_shown_without_secrets(text: str, shown: str) -> None:
    assert is_url(text)
    assert redact_url(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql//me:secret@db/crm", "postgresql//...db/crm"),
        ("postgresql:me:secret@db/crm", "postgresql//...db/crm"),
        ("Postgres/me:sec@ret@db/crm", "Postgres//...db/crm"),
        ("s3//key:secret@bucket/x", "s3//...bucket/x"),
    ],
)
def test_mistyped_urls_are_shown_without_secrets(text: str, shown: str) -> None:
    assert not is_url(text)
    assert redact_url(text) == shown.replace("...", "...@")


@pytest.mark.parametrize(
    "path",
    ["postgres/contacts@3", "a//b@c", "contacts.parquet", "/data/me:you@home/x", "C:/data", "a//b", "", "./s3://x"],
)
def test_paths_are_unchanged(path: str) -> None:
    assert not is_url(path)
    assert redact_url(path) == path


@pytest.mark.parametrize(
    ("argument", "shown"),
    [
        ("--contacts=postgresql://me:secret@db/crm?a=b#t", "--contacts=postgresql://db/crm#t"),
        ("--table=orders=s3://key:secret@bucket/x", "--table=orders=s3://bucket/x"),
        ("postgresql://me:secret@db/crm", "postgresql://db/crm"),
        ("--query=SELECT 1", "--query=SELECT 1"),
        ("contacts.parquet", "contacts.parquet"),
    ],
)
def test_arguments_are_shown_without_secrets(argument: str, shown: str) -> None:
    assert redact_argument(argument) == shown
