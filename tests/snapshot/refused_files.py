"""Parquet files that PyArrow refuses as a whole, made of files that it wrote."""

import base64
import struct
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.parquet.encryption as pe

from segbatch.platform.thrift import Cursor, Struct, encode_list

_NAME, _CHILDREN, _CONVERTED, _SCALE, _PRECISION, _LOGICAL = 4, 5, 6, 7, 8, 10
_I32 = 5


def write_map_with_optional_keys(path: Path, table: pa.Table, column: str) -> None:
    """Write a list of pairs as the map that Presto before 0.274 wrote: the keys are optional, and so may be null.

    Args:
        path: Where to write.
        table: The data.
        column: The list; its elements are structs of a key and a value, and are required.
    """
    pq.write_table(table, path, store_schema=False)

    def change(elements: list[Struct]) -> list[Struct]:
        at = next(index for index, fields in enumerate(elements) if fields[_NAME][1] == column.encode())
        elements[at].pop(_LOGICAL)
        elements[at][_CONVERTED] = _I32, 1
        elements[at + 1][_CHILDREN] = _I32, 2
        return [*elements[: at + 2], *elements[at + 3 :]]  # without the struct, which has no level of its own

    _change_schema(path, change)


def write_long_decimal(path: Path, table: pa.Table, column: str, digits: int = 77) -> None:
    """Write a file that claims more digits for a decimal than Arrow has."""
    pq.write_table(table, path, store_schema=False)

    def change(elements: list[Struct]) -> list[Struct]:
        for fields in elements:
            if fields[_NAME][1] == column.encode():
                fields.pop(_LOGICAL)
                fields[_PRECISION] = _I32, digits
        return elements

    _change_schema(path, change)


def write_encrypted(path: Path, table: pa.Table, column: str, *, plaintext_footer: bool) -> None:
    """Encrypt one column of a file, and its footer too if it is not to be plain."""
    keys = pe.KmsConnectionConfig()
    settings = pe.EncryptionConfiguration(
        footer_key="footer",
        column_keys={"column": [column]},
        plaintext_footer=plaintext_footer,
        cache_lifetime=timedelta(minutes=5),
    )
    properties = pe.CryptoFactory(_Keys).file_encryption_properties(keys, settings)
    with pq.ParquetWriter(path, table.schema, encryption_properties=properties) as writer:
        writer.write_table(table)


class _Keys(pe.KmsClient):  # type: ignore[misc]
    """Keys that are kept nowhere."""

    def __init__(self, _config: pe.KmsConnectionConfig) -> None:
        super().__init__()

    def wrap_key(self, key_bytes: bytes, _master_key: str) -> bytes:
        return base64.b64encode(key_bytes)

    def unwrap_key(self, wrapped_key: bytes, _master_key: str) -> bytes:
        return base64.b64decode(wrapped_key)


def _change_schema(path: Path, change: Callable[[list[Struct]], list[Struct]]) -> None:
    data = path.read_bytes()
    (length,) = struct.unpack("<I", data[-8:-4])
    footer = data[-8 - length : -8]
    cursor = Cursor(footer)
    assert cursor.field(0) == (1, _I32)
    cursor.value(_I32)
    assert cursor.field(1) == (2, 9)
    begin = cursor.at
    elements = cursor.value(9)
    assert isinstance(elements, list)
    changed = encode_list(change([fields for fields in elements if isinstance(fields, dict)]))
    footer = footer[:begin] + changed + footer[cursor.at :]
    path.write_bytes(data[: -8 - length] + footer + struct.pack("<I", len(footer)) + b"PAR1")
