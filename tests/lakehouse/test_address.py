from pathlib import Path

import pytest

from segbatch.errors import UsageError
from segbatch.platform.urls import redact_url
from segbatch.snapshot.lakehouse.address import TableAddress, is_table_address, read_table_address

FORM = (
    "is not the address of an Iceberg table; write iceberg://CATALOG/NAMESPACE.TABLE or "
    "iceberg://CATALOG/NAMESPACE.TABLE@SNAPSHOT"
)


@pytest.mark.parametrize(
    ("text", "table", "version"),
    [
        ("delta+contacts", "contacts", None),
        ("delta+contacts@417", "contacts", 417),
        ("delta+contacts/@417", "contacts", 417),
        ("delta+/", "/", None),
        ("delta+exports@home/contacts", "exports@home/contacts", None),
        ("delta+exports@home/contacts@3", "exports@home/contacts", 3),
        ("delta+contacts@3@", "contacts@3", None),
        ("delta+contacts@3@12", "contacts@3", 12),
        ("delta+contacts@v3", "contacts@v3", None),
        ("delta+s3://crm/contacts@0", "s3://crm/contacts", 0),
        ("iceberg://prod/crm.contacts", "prod/crm.contacts", None),
        ("iceberg:/prod/crm.contacts@8123000000000000000", "prod/crm.contacts", 8123000000000000000),
        ("ICEBERG://prod/a.b.contacts", "prod/a.b.contacts", None),
    ],
)
def test_digits_after_the_last_at_sign_are_the_version(text: str, table: str, version: int | None) -> None:
    found = read_table_address(text)
    assert (found.table, found.version) == (table, version)
    assert read_table_address(str(found)) == found


def test_a_path_object_keeps_its_meaning() -> None:
    assert read_table_address(str(Path("iceberg://prod/crm.contacts@5"))).version == 5


@pytest.mark.parametrize("text", ["contacts.parquet", "./delta+contacts", "s3://crm/delta+x", "icebergs/x.parquet"])
def test_other_paths_are_not_addresses_of_tables(text: str) -> None:
    assert not is_table_address(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("delta+", "delta+: has no path; write delta+PATH or delta+PATH@VERSION"),
        (
            "delta+s3://key:secret@bucket/crm",
            "delta+s3://bucket/crm: the address has credentials; set them in the environment",
        ),
        ("delta+@5", "delta+@5: has no path; write delta+PATH or delta+PATH@VERSION"),
        ("delta+a@12345678901234567890", "delta+a@12345678901234567890: the version after '@' has too many digits"),
        (
            "iceberg://crm.contacts",
            f"iceberg://crm.contacts: {FORM}",
        ),
        (
            "iceberg://me:secret@host/contacts",
            "iceberg://host/contacts: the address has credentials; set them in the environment",
        ),
    ],
)
def test_an_address_that_is_not_complete_is_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError) as raised:
        read_table_address(text)
    assert str(raised.value) == message


def test_a_container_of_azure_is_not_hidden_in_messages() -> None:
    address = "delta+abfss://exports@account.dfs.core.windows.net/contacts@3"
    assert redact_url(address) == address
    assert redact_url("delta+s3://key:secret@bucket/contacts") == "delta+s3://bucket/contacts"


def test_the_words_of_an_address_name_the_version() -> None:
    assert TableAddress("delta", "x", 3).words == "version 3 of the Delta table"
    assert TableAddress("iceberg", "c/n.x").words == "the Iceberg table"
