"""What the tests ask of DuckDB with extensions, of Polars and of pandas, each in the environment of `make lake`."""

import itertools
import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
from pyarrow import fs

from lake_tables import VIEWS
from workspace import Workspace

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-lake/bin/python"
KEY, SECRET, REGION = "any", "any", "us-east-1"

_NUMBERS = itertools.count()

Rows = list[list[str]]


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket of the server on this machine."""

    port: int
    name: str

    @classmethod
    def new(cls, port: int) -> "Bucket":
        bucket = cls(port, f"audiences-{next(_NUMBERS)}")
        bucket.store.create_dir(bucket.name)
        return bucket

    @property
    def store(self) -> Any:
        return fs.S3FileSystem(
            access_key=KEY,
            secret_key=SECRET,
            endpoint_override=f"127.0.0.1:{self.port}",
            scheme="http",
            region=REGION,
            allow_bucket_creation=True,
            background_writes=False,
        )

    @property
    def options(self) -> dict[str, str]:
        """The options of delta-rs, and of Polars."""
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}",
            "AWS_ALLOW_HTTP": "true",
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": REGION,
        }

    @property
    def secret(self) -> str:
        """DuckDB's statement that lets it into the bucket."""
        return (
            f"CREATE SECRET (TYPE s3, KEY_ID '{KEY}', SECRET '{SECRET}', ENDPOINT '127.0.0.1:{self.port}', "
            f"USE_SSL false, URL_STYLE 'path', REGION '{REGION}')"
        )

    def upload(self, folder: Path, prefix: str) -> str:
        """Write all files below a folder to the bucket, and return the address."""
        store = self.store
        for file in (path for path in sorted(folder.rglob("*")) if path.is_file()):
            with store.open_output_stream(f"{self.name}/{prefix}/{file.relative_to(folder)}") as stream:
                stream.write(file.read_bytes())
        return f"s3://{self.name}/{prefix}"


def run_python(program: str, request: Any, environment: Mapping[str, str] | None = None) -> Any:
    """Run a program in the environment of the readers, and return the JSON that it prints."""
    done = subprocess.run(
        [PYTHON, "-c", program],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def read_views(statements: Sequence[str], columns: Mapping[str, Sequence[str]]) -> dict[str, Rows]:
    """Return the rows of the views that statements create, read by DuckDB with its extensions."""
    queries = [f"SELECT {', '.join(columns[view])} FROM {view}" for view in VIEWS]
    request = {"statements": list(statements), "queries": queries}
    answers = run_python(Path(__file__).with_name("engine.py").read_text(), request)
    return {view: sorted(map(_plain, rows)) for view, rows in zip(VIEWS, answers, strict=True)}


def read_local(workspace: Workspace) -> tuple[dict[str, list[str]], dict[str, Rows]]:
    """Return the columns and the rows of the local tables, with all values as text."""
    columns, rows = dict[str, list[str]](), dict[str, Rows]()
    with duckdb.connect(str(workspace.output / "segbatch.duckdb"), read_only=True) as connection:
        for view in VIEWS:
            cursor = connection.execute(f"SELECT * FROM {view}")
            columns[view] = [name for name, *_ in cursor.description or ()]
            rows[view] = sorted(_plain([str(cell) for cell in row]) for row in cursor.fetchall())
    return columns, rows


def _plain(row: list[str]) -> list[str]:
    """Return a row with JSON in one layout."""
    return [json.dumps(json.loads(cell)) if cell.startswith("{") else cell for cell in row]
