"""Iceberg tables in a catalog in SQLite."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pytest
from pyiceberg.catalog import Catalog, load_catalog
from pyiceberg.schema import Schema
from pyiceberg.types import NestedField, StringType
from pyiceberg.utils.config import Config

from segbatch.snapshot.lakehouse.iceberg import storage_properties


def configure(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Let `prod` be the name of a catalog, and nothing else of this machine's settings count."""
    warehouse = (folder / "ware house").as_uri().replace("%20", " ")
    for_catalog(monkeypatch, "prod", uri=f"sqlite:///{folder / 'catalog.db'}", warehouse=warehouse)
    with opened() as catalog:
        catalog.create_namespace("crm")


def for_catalog(monkeypatch: pytest.MonkeyPatch, catalog: str, **settings: str) -> None:
    """Set variables of a catalog. pyiceberg reads the environment only once in a process."""
    for name, value in settings.items():
        monkeypatch.setenv(f"PYICEBERG_CATALOG__{catalog.upper()}__{name.upper()}", value)
    monkeypatch.setenv("PYICEBERG_HOME", "/nonexistent")
    monkeypatch.setattr("pyiceberg.catalog._ENV_CONFIG", Config())


@contextmanager
def opened() -> Iterator[Catalog]:
    with load_catalog("prod", **storage_properties("prod")) as catalog:
        yield catalog


def texts(*names: str) -> Schema:
    """Return a schema of columns of text, with ids from 1."""
    return Schema(*(NestedField(number, name, StringType()) for number, name in enumerate(names, 1)))


def write(name: str, *versions: pa.Table, overwrite: bool = False) -> list[int]:
    """Create a table of texts, or add to it, and return the ids of the snapshots."""
    with opened() as catalog:
        exists = catalog.table_exists(name)
        table = catalog.load_table(name) if exists else catalog.create_table(name, texts(*versions[0].column_names))
        found = []
        for version in versions:
            table.overwrite(version) if overwrite else table.append(version)
            snapshot = table.current_snapshot()
            assert snapshot is not None
            found.append(snapshot.snapshot_id)
        return found
