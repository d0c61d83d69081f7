"""Exports of the three contacts that `workspace` has."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import segbatch
from builders import rule, write_contacts, write_segment
from workspace import Workspace

Export = Callable[..., list[str]]


@pytest.fixture
def export(workspace: Workspace) -> Export:
    """Export to a file, and return its lines; `last` is what was told of it."""

    def exported(segment_id: str, name: str = "out.csv", **options: Any) -> list[str]:
        place = workspace.folder / name
        exported.last = segbatch.export(segment_id, place, workspace.output, **options)  # type: ignore[attr-defined]
        return place.read_bytes().decode().splitlines()

    return exported


def everybody(folder: Path, columns: dict[str, Any] | pa.Table, **options: Any) -> segbatch.RunReport:
    """Run over these contacts with one segment, which holds all of them."""
    contacts = write_contacts(folder / "contacts.parquet", columns)
    segments = write_segment(folder / "segments", "everyone", rule(options.get("id_column", "id"), "exists")).parent
    return segbatch.run(contacts, segments, folder / "output", run_id="only", **options)


def as_rows(folder: Path, names: str, **options: Any) -> list[dict[str, Any]]:
    """Export everybody with some columns as JSON Lines, and read it."""
    place = folder / "all.jsonl"
    segbatch.export("everyone", place, folder / "output", columns=[names], force=True, **options)
    return [json.loads(line) for line in place.read_text().splitlines()]
