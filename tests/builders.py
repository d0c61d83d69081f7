"""Small makers of the things that tests are about."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from segbatch import Segment


def rule(field: str, operator: str, value: Any = None, **more: Any) -> dict[str, Any]:
    written = {"field": field, "operator": operator, **more}
    return written if value is None else written | {"value": value}


def segment(*rules: dict[str, Any], **more: Any) -> Segment:
    return Segment.model_validate({"id": "s", "name": "S", "rules": list(rules)} | more)


def write_segment(folder: Path, segment_id: str, *rules: dict[str, Any], **more: Any) -> Path:
    """Write a definition into a file of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{segment_id}.json"
    path.write_text(json.dumps({"name": segment_id.title(), "rules": list(rules)} | more))
    return path


def write_contacts(path: Path, columns: dict[str, Any] | pa.Table, **options: Any) -> Path:
    """Write a snapshot; without an `id` column it gets ids a, b, c, ..."""
    path.parent.mkdir(parents=True, exist_ok=True)
    table = columns if isinstance(columns, pa.Table) else pa.table(columns)
    if "id" not in table.column_names:
        ids = pa.array([chr(ord("a") + number) for number in range(table.num_rows)], pa.string())
        table = table.add_column(0, "id", ids)
    pq.write_table(table, path, **options)
    return path
