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


def orders(operator: str, value: Any = None, *where: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return a rule on the table `orders`."""
    written: dict[str, Any] = {"table": "orders", **more, "operator": operator}
    written |= {} if value is None else {"value": value}
    return written | ({"where": list(where)} if where else {})


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


def nested(array: pa.Array) -> dict[str, pa.Array]:
    """Return an array at the top level, in a struct, a list, a map, and a list of structs."""
    struct = pa.StructArray.from_arrays([array], ["in"])
    return {
        "top": array,
        "s": struct,
        "l": pa.ListArray.from_arrays([0, 1, 2], array),
        "m": pa.MapArray.from_arrays([0, 1, 2], pa.array(["k", "k"]), array),
        "ls": pa.ListArray.from_arrays([0, 1, 2], struct),
    }
