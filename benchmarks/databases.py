"""A database: the first synchronisation and a later one with 1 % of changes, and a table as a snapshot beside COPY.

Needs PostgreSQL's programs (`make postgres` installs them). The server is a temporary one, which does not flush to the
disk, so that its own work counts as little as possible.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from comparing import tell
from measuring import ROOT, measure
from two_nights import cleared, first_night, members_in, published, second_night
from works import Work, make

sys.path.append(str(ROOT / "tests"))  # the server is that of the tests
from postgres_server import PostgresServer, find_binaries, run_server

if TYPE_CHECKING:
    from pathlib import Path

    from comparing import Settings
    from measuring import Measured

FIRST_SYNC: Final = "first synchronisation"
CHANGED_SYNC: Final = "synchronisation of 1 % of changes"
SNAPSHOT: Final = "segbatch snapshot"
COPY: Final = "COPY TO a file"

_TABLE: Final = """
CREATE TABLE contacts AS SELECT
  'contact-' || lpad(n::text, 9, '0') AS id,
  md5(n::text) || '@example.com' AS email,
  (ARRAY['free', 'basic', 'pro', 'enterprise'])[1 + hashint8(n) & 3] AS plan,
  (ARRAY['DE', 'FR', 'US', 'GB', 'JP', 'BR', 'IN', NULL])[1 + hashint8(n + 1) & 7] AS country,
  (n % 100000)::integer AS visits,
  round((n % 1000000) / 100.0, 2) AS revenue,
  n % 3 = 0 AS subscribed,
  timestamptz '2025-01-01' + n * interval '1 second' AS created_at,
  CASE WHEN n % 5 > 0 THEN date '2025-01-01' + (n % 400)::integer END AS last_order,
  n / 7.0::double precision AS score
FROM generate_series(1::bigint, {}) AS n
"""


@dataclass(frozen=True)
class DatabaseWork:
    """Tables to write to a database, and a table to read from it.

    Attributes:
        contacts: The number of contacts whose memberships are written.
        segments: The number of segments.
        rows: The number of contacts in the table that is read.
    """

    contacts: int = 2_000_000
    segments: int = 100
    rows: int = 10_000_000
    seed: int = 1

    def __str__(self) -> str:
        """Say it in words."""
        return f"{self.contacts:,} contacts, {self.segments:,} segments; a table of {self.rows:,} contacts"


def compare_databases(work: DatabaseWork, settings: Settings) -> dict[str, Any]:
    """Measure all in turns.

    Raises:
        SystemExit: PostgreSQL is not installed.
    """
    binaries = find_binaries()
    if not binaries:
        sys.exit("--databases needs PostgreSQL's initdb and pg_ctl; `make postgres` installs them")
    print(work, flush=True)
    turns: dict[str, list[dict[str, Any]]] = {}
    record = {"work": str(work), "turns": turns}
    with run_server(binaries) as server:
        os.environ |= server.environment
        for _ in range(settings.rounds):
            for name, found in (_synchronised(work, server, settings) | _read(work, server, settings)).items():
                turns.setdefault(name, []).append(found.record())
                tell(name, found)
            settings.save()
    record["memberships"] = _count(settings.folder / "out")
    cleared(settings.folder / "out")
    return record


def _synchronised(work: DatabaseWork, server: PostgresServer, settings: Settings) -> dict[str, Measured]:
    """Measure the first synchronisation with an empty database, and that of the next run."""
    files = make(Work(work.contacts, work.segments, seed=work.seed), settings.folder, next_night=True)
    out, found = settings.folder / "out", {}
    with server.new_database() as database:
        for name, run in ((FIRST_SYNC, first_night), (CHANGED_SYNC, second_night)):
            _ensure(run(files, out, settings.timeout))
            found[name] = measure(_segbatch("sync", _address(database), "--output", out), settings.timeout)
        _ensure_same(database, out)
    return found


def _read(work: DatabaseWork, server: PostgresServer, settings: Settings) -> dict[str, Measured]:
    """Measure a snapshot of a table, and what PostgreSQL's own command takes to write the same rows as text."""
    snapshot, copied = settings.folder / "snapshot.parquet", settings.folder / "contacts.copy"
    with server.new_database() as database:
        database.execute(_TABLE.format(work.rows) + "; VACUUM ANALYZE contacts")
        copy = f"\\copy (SELECT * FROM contacts) TO '{copied}'"  # noqa: S608 - a path of our own
        psql = [str(server.binaries / "psql"), "-XqAt", "-d", _address(database), "-c", copy]
        found = {
            SNAPSHOT: measure(
                _segbatch("snapshot", _address(database), "--from", "contacts", "--to", snapshot), settings.timeout
            ),
            COPY: measure(psql, settings.timeout),
        }
    sizes = {SNAPSHOT: snapshot, COPY: copied}
    found = {name: replace(one, written=sizes[name].stat().st_size) for name, one in found.items()}
    for path in sizes.values():
        path.unlink()
    return found


def _segbatch(*words: object) -> list[str]:
    return [sys.executable, "-m", "segbatch", *map(str, words)]


def _address(database: PostgresServer) -> str:
    return database.address_without_password


def _ensure(found: Measured) -> None:
    if found.error:
        raise RuntimeError(found.error)


def _ensure_same(database: PostgresServer, out: Path) -> None:
    """Check that the database has the memberships that are published."""
    stored, published = int(database.execute("SELECT count(*) FROM audiences.membership")), _count(out)
    if stored != published:
        raise RuntimeError(f"{stored:,} memberships are in the database, and {published:,} are published")


def _count(out: Path) -> int:
    return sum(size for size, _ in members_in(published(out)).values())
