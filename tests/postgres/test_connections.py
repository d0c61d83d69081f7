"""Connections to a real PostgreSQL server, and its errors in one line."""

import pytest

from postgres_server import PASSWORD, PostgresServer
from segbatch.errors import DatabaseError
from segbatch.platform.adbc import open_connection, translate_errors
from segbatch.platform.database_url import read_database_url


def query(address: str, sql: str) -> list[tuple[object, ...]]:
    database = read_database_url(address, "--contacts")
    with (
        open_connection(database, read_only=True) as connection,
        translate_errors(database),
        connection.cursor() as cursor,
    ):
        cursor.execute(sql)
        rows: list[tuple[object, ...]] = cursor.fetchall()
        return rows


def message_of(address: str, sql: str = "SELECT 1") -> str:
    with pytest.raises(DatabaseError) as caught:
        query(address, sql)
    message = str(caught.value)
    assert PASSWORD not in message
    assert "\n" not in message
    return message


def test_the_password_comes_from_the_address_or_the_environment(
    postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert query(postgres.address, "SELECT 1") == [(1,)]
    assert "access is denied; set PGUSER and PGPASSWORD" in message_of(postgres.address_without_password)
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    assert query(postgres.address_without_password, "SELECT 1") == [(1,)]


def test_a_server_that_does_not_answer_is_named_without_the_password(postgres: PostgresServer) -> None:
    wrong = postgres.address.replace(f":{postgres.port}/", ":1/")
    expected = "postgresql://127.0.0.1:1/postgres: the server cannot be reached; check host, port and network"
    assert message_of(wrong) == expected
    assert "the database does not exist" in message_of(f"{postgres.address}_x")
    assert "access is denied" in message_of(postgres.address.replace(PASSWORD, "wrong"))


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT nope", 'the query is not valid: column "nope" does not exist'),
        ("SELECT * FROM nope", 'the query is not valid: relation "nope" does not exist'),
        ("SELEC 1", 'the query is not valid: syntax error at or near "SELEC"'),
        ("SELECT 'ada@example.com'::int", "the query computes a value that is not valid"),
        ("CREATE TABLE x (id int)", "the query changes the database"),
        ("SELECT pg_terminate_backend(pg_backend_pid())", "the server ended the connection"),
        ("SET statement_timeout = 1; SELECT 1", "cannot insert multiple commands"),
    ],
)
def test_an_error_of_a_query_is_one_line_without_values(postgres: PostgresServer, sql: str, expected: str) -> None:
    message = message_of(postgres.address, sql)
    assert message.startswith(f"postgresql://127.0.0.1:{postgres.port}/postgres: ")
    assert expected in message
    assert "ada@example.com" not in message
