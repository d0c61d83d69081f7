"""Queries: given as SQL or as the name of a table, which is quoted for its database."""

import pytest

from segbatch.errors import UsageError
from segbatch.platform.database_url import Driver
from segbatch.snapshot.database.query import quote_table, read_query


@pytest.mark.parametrize(
    ("name", "driver", "quoted"),
    [
        ("contacts", "postgres", '"contacts"'),
        ("CRM.Contacts", "postgres", '"crm"."contacts"'),
        ('crm."Contacts.2025"', "postgres", '"crm"."Contacts.2025"'),
        ("order", "sqlite", '"order"'),
        ('my"table', "postgres", None),
        ('"a""b"', "postgres", '"a""b"'),
        ("my-table", "postgres", '"my-table"'),
        ("Contacts", "snowflake", '"CONTACTS"'),
        ('"Contacts"', "snowflake", '"Contacts"'),
        ("my-project.crm.contacts", "bigquery", "`my-project`.`crm`.`contacts`"),
        ("a`b", "bigquery", "`ab`"),
        ("crm.contacts", "flightsql", "crm.contacts"),
        ("", "postgres", None),
        ("a.", "postgres", None),
        ("a..b", "postgres", None),
        ('"a', "postgres", None),
        ('"a"b', "postgres", None),
    ],
)
def test_the_name_of_a_table_is_quoted_for_its_database(name: str, driver: Driver, quoted: str | None) -> None:
    if quoted is None:
        with pytest.raises(UsageError, match="is not the name of a table; write NAME or SCHEMA"):
            quote_table(name, driver)
    else:
        assert quote_table(name, driver) == quoted


@pytest.mark.parametrize(
    ("address", "query", "table", "message"),
    [
        ("postgresql://db/crm", None, None, "pass --query, or write the table after the address"),
        ("postgresql://db/crm#a", "SELECT 1", None, "pass a query or a table, not both"),
        ("postgresql://db/crm", "SELECT 1", "a", "pass a query or a table, not both"),
        ("postgresql://db/crm#a", None, "a", "the table is in the address, too"),
        ("postgresql://db/crm", " ; ", None, "the query is empty"),
    ],
)
def test_exactly_one_of_a_query_and_a_table_is_needed(
    address: str, query: str | None, table: str | None, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        read_query(address, query, table)


def test_a_query_loses_its_semicolon_and_names_its_table() -> None:
    assert read_query("postgresql://db/crm", "SELECT 1;\n").sql == "SELECT 1"
    assert read_query("postgresql://db/crm", "SELECT 1; -- all; of them\n/* ; */").sql == "SELECT 1"
    for whole in (
        "SELECT 1 -- ; all",
        "SELECT ';--'",
        "SELECT $a$;$a$ -- x",
        'SELECT 1 AS ";-- "',
        r"SELECT E'\'; --'",
    ):
        assert read_query("postgresql://db/crm", whole).sql == whole
    assert str(read_query("postgresql://me:canary@db/crm", table="a")) == "postgresql://db/crm#a"
    assert str(read_query("postgresql://me:canary@db/crm#a")) == "postgresql://db/crm#a"
    assert str(read_query("postgresql://me:canary@db/crm", "SELECT 1")) == "postgresql://db/crm"
