"""A bucket to put snapshots into, past the proxy."""

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyarrow import fs

_NUMBERS = itertools.count()


@dataclass(frozen=True, slots=True)
class Bucket:
    store: Any
    name: str

    @classmethod
    def new(cls, port: int) -> "Bucket":
        store = fs.S3FileSystem(
            access_key="other",
            secret_key="other",  # noqa: S106 - the server takes any
            endpoint_override=f"127.0.0.1:{port}",
            scheme="http",
            region="us-east-1",
            allow_bucket_creation=True,
            background_writes=False,
        )
        name = f"crm-{next(_NUMBERS)}"
        store.create_dir(name)
        return cls(store, name)

    def put(self, key: str, content: bytes | Path) -> str:
        """Write an object, and return its address."""
        with self.store.open_output_stream(f"{self.name}/{key}") as stream:
            stream.write(content if isinstance(content, bytes) else content.read_bytes())
        return self.at(key)

    def remove(self, key: str) -> None:
        self.store.delete_file(f"{self.name}/{key}")

    def at(self, key: str) -> str:
        return f"s3://{self.name}/{key}"
