"""A temporary PostgreSQL server for tests: a cluster in a folder of its own, on a free port of the loopback device."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path

USER, PASSWORD = "segbatch_owner", "canary-Pa55word"
_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_wal_size": "4GB",
    "listen_addresses": "127.0.0.1",
    "log_min_duration_statement": "-1",
}
_SYSTEM_USER = "postgres"
_NUMBERS = count(1)


def find_binaries() -> Path | None:
    """Return the folder with `initdb` and `pg_ctl`: that of the PATH, or the newest of Debian's."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: float(folder.parent.name))
    return folders[-1] if folders else None


@dataclass(frozen=True)
class PostgresServer:
    """A running server.

    Attributes:
        folder: The folder of the cluster, with its log in `log`.
        database: The database that `address` and `execute` use.
    """

    binaries: Path
    folder: Path
    port: int
    database: str = "postgres"
    user: str = USER
    password: str = field(default=PASSWORD, repr=False)

    @property
    def address(self) -> str:
        """The address with the password."""
        return f"postgresql://{self.user}:{self.password}@127.0.0.1:{self.port}/{self.database}"

    @property
    def address_without_password(self) -> str:
        """The address as it may be shown, except that it has the user. The password is in `environment`."""
        return f"postgresql://{self.user}@127.0.0.1:{self.port}/{self.database}"

    @property
    def environment(self) -> dict[str, str]:
        """The variables that libpq reads."""
        return {"PGPASSWORD": self.password}

    def execute(self, sql: str) -> str:
        """Execute statements with psql, and return the rows, unaligned and without a header."""
        command = [str(self.binaries / "psql"), "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", self.address_without_password]
        done = subprocess.run(
            [*command, "-f", "-"], input=sql, text=True, capture_output=True, check=False, env=self._env()
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def copy_to(self, query: str, file: Path) -> None:
        """Write the result of a query to a file with psql's `\\copy`, in COPY's binary format."""
        self.execute(f"\\copy ({query}) TO '{file}' (FORMAT binary)")

    def _env(self) -> dict[str, str]:
        return {**os.environ, **self.environment}

    @contextmanager
    def new_database(self) -> Iterator["PostgresServer"]:
        """Create a database for the block, and drop it afterwards, with all connections to it."""
        name = f"test_{next(_NUMBERS)}"
        self.execute(f"CREATE DATABASE {name}")
        try:
            yield replace(self, database=name)
        finally:
            self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def end_connections(self) -> None:
        """End all other connections to the database, as a restart of the server does."""
        self.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )

    def start(self) -> None:
        """Start the server and wait until it accepts connections."""
        options = " ".join(f"-c {name}={value}" for name, value in _SETTINGS.items())
        options += f" -c port={self.port} -c unix_socket_directories={self.folder}"
        self._ctl("start", "-w", "-l", str(self.folder / "log"), "-o", options)

    def stop(self, mode: str = "fast") -> None:
        """Stop the server: `smart`, `fast`, or `immediate`, which is a crash."""
        self._ctl("stop", "-m", mode)

    def _ctl(self, *arguments: str) -> None:
        _run_as_owner([str(self.binaries / "pg_ctl"), "-D", str(self.folder / "data"), *arguments])


@contextmanager
def run_server(binaries: Path) -> Iterator[PostgresServer]:
    """Run a server with an empty cluster for the block.

    Args:
        binaries: The folder with `initdb`, `pg_ctl` and `psql`.
    """
    folder = Path(tempfile.mkdtemp(prefix="segbatch-pg-"))
    try:
        _give_to_owner(folder)
        password = folder / "password"
        password.write_text(PASSWORD)
        password.chmod(0o644)
        initdb = [str(binaries / "initdb"), "-D", str(folder / "data"), "-U", USER, "--pwfile", str(password)]
        _run_as_owner([*initdb, "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"])
        server = PostgresServer(binaries, folder, _free_port())
        server.start()
        try:
            yield server
        finally:
            server.stop("immediate")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def _give_to_owner(folder: Path) -> None:
    if _is_root():
        shutil.chown(folder, _SYSTEM_USER, _SYSTEM_USER)


def _run_as_owner(command: Sequence[str]) -> None:
    """Run a program of PostgreSQL, which refuses to run as root. A server keeps its output open: it goes to a file."""
    owner = {"user": _SYSTEM_USER, "group": _SYSTEM_USER, "extra_groups": []} if _is_root() else {}
    with tempfile.TemporaryFile("w+") as output:
        done = subprocess.run(command, stdout=output, stderr=output, cwd="/", check=False, **owner)  # type: ignore[call-overload]
        output.seek(0)
        assert done.returncode == 0, output.read()


def _is_root() -> bool:
    return os.geteuid() == 0
