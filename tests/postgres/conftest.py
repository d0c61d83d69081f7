"""Fixtures for the tests with a real PostgreSQL server, which `make postgres` runs."""

from collections.abc import Iterator

import pytest

from postgres_server import PostgresServer, find_binaries, run_server


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A server for the whole session."""
    binaries = find_binaries()
    if binaries is None:
        pytest.fail("PostgreSQL is missing; as root on Debian `make postgres` installs it")
    with run_server(binaries) as server:
        yield server


@pytest.fixture
def database(postgres: PostgresServer) -> Iterator[PostgresServer]:
    """The server, with a database of the test's own."""
    with postgres.new_database() as server:
        yield server
