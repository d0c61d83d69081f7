"""What readers of plain Parquet in a store see."""

from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from segbatch.model.manifest import History, Manifest

Rows = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class PublishedRun:
    """The published run in a folder with the files of a store."""

    manifest: Manifest
    history: History
    members: Rows
    changes: Rows


def published_in(root: Path) -> PublishedRun | None:
    """Return the published run, with all its files; None if nothing is published."""
    if not (root / "current").exists():
        return None
    folder = root / "runs" / (root / "current").read_text().strip()
    manifest = Manifest.model_validate_json((folder / "manifest.json").read_bytes())
    history = History.model_validate_json((folder / "history.json").read_bytes())
    for file in manifest.files:
        assert (folder / file.path).stat().st_size == file.size
    members = pq.read_table(folder / "membership").to_pylist()
    changes = pq.read_table(folder / "changes.parquet").to_pylist()
    return PublishedRun(
        manifest,
        history,
        sorted((row["segment_id"], row["contact_id"]) for row in members),
        sorted((row["change"], row["contact_id"]) for row in changes),
    )
