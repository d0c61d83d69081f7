"""Delta tables that are written by hand, with what the library deltalake does not write."""

import json
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq

_Z85 = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
_PORTABLE_ROARING = 1681511377


def column(name: str, kind: Any, **metadata: Any) -> dict[str, Any]:
    """Return a column of a Delta schema. Two underscores in a key of the metadata are a dot."""
    keys = {key.replace("__", "."): value for key, value in metadata.items()}
    return {"name": name, "type": kind, "nullable": True, "metadata": keys}


@dataclass
class Data:
    """A data file: its name, its rows, and what the log says about it."""

    name: str
    rows: pa.Table
    deleted: Sequence[int] = ()
    partition: Mapping[str, str | None] = field(default_factory=dict)
    in_file: bool = False

    def write(self, folder: Path) -> dict[str, Any]:
        path = folder / self.name
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(self.rows, path)
        return {
            "path": quote(self.name),
            "partitionValues": dict(self.partition),
            "size": path.stat().st_size,
            "modificationTime": 1,
            "dataChange": True,
            "stats": json.dumps({"numRecords": len(self.rows)}),
        } | ({"deletionVector": self._vector(folder)} if self.deleted else {})

    def _vector(self, folder: Path) -> dict[str, Any]:
        bitmap = _roaring(self.deleted)
        if not self.in_file:
            padded = bitmap + b"\0" * (-len(bitmap) % 4)
            inline = {"storageType": "i", "pathOrInlineDv": _z85(padded), "sizeInBytes": len(bitmap)}
            return inline | {"cardinality": len(self.deleted)}
        framed = b"\1" + struct.pack(">i", len(bitmap)) + bitmap + struct.pack(">I", zlib.crc32(bitmap))
        (folder / "deletion_vector.bin").write_bytes(framed)
        place = {
            "storageType": "p",
            "pathOrInlineDv": (folder / "deletion_vector.bin").absolute().as_uri(),
            "offset": 1,
        }
        return place | {"sizeInBytes": len(bitmap), "cardinality": len(self.deleted)}


def write_delta(
    folder: Path,
    columns: Sequence[Mapping[str, Any]],
    files: Sequence[Data],
    *,
    features: Sequence[str] = ("deletionVectors",),
    configuration: Mapping[str, str] | None = None,
    partitions: Sequence[str] = (),
) -> None:
    """Write version 0 of a table."""
    log = folder / "_delta_log"
    log.mkdir(parents=True)
    protocol = {"minReaderVersion": 3, "minWriterVersion": 7}
    metadata = {
        "id": "8c1f1c2e-3c5b-4c9b-9d55-0f5a3a2f6f10",
        "format": {"provider": "parquet", "options": {}},
        "schemaString": json.dumps({"type": "struct", "fields": list(columns)}),
        "partitionColumns": list(partitions),
        "createdTime": 1,
        "configuration": dict(configuration or {}),
    }
    actions = [
        {"protocol": protocol | {"readerFeatures": list(features), "writerFeatures": list(features)}},
        {"metaData": metadata},
        *({"add": data.write(folder)} for data in files),
    ]
    (log / f"{0:020}.json").write_text("\n".join(map(json.dumps, actions)))


def _roaring(rows: Sequence[int]) -> bytes:
    """Return rows below 65,536 as a bitmap in the portable format for 64-bit numbers."""
    container = struct.pack("<IIHHI", 12346, 1, 0, len(rows) - 1, 16) + b"".join(struct.pack("<H", row) for row in rows)
    return struct.pack("<IQI", _PORTABLE_ROARING, 1, 0) + container


def _z85(data: bytes) -> str:
    def digits(number: int) -> str:
        return "".join(_Z85[number // 85**power % 85] for power in range(4, -1, -1))

    return "".join(digits(int.from_bytes(data[at : at + 4], "big")) for at in range(0, len(data), 4))
