"""Values in Parquet's plain encoding, and the schema of their column, for every type of contact ids.

The content of a dictionary page is the same as that of a plain data page of a required column. So PyArrow writes a
small file with one such page, and the page and its schema element are taken from it. No type needs code of its own.

Texts of random characters, such as UUIDs, shrink to half with zstd, and that would take longer than all other work on a
membership file. They are stored as they are. Ids that count up shrink to a fraction, and fast.
"""

from dataclasses import dataclass
from struct import unpack
from typing import cast

import pyarrow as pa
import pyarrow.parquet as pq

from segbatch.platform.thrift import Cursor, Struct

_MAGIC_LENGTH = 4
_TAIL_LENGTH = 8
_PAGE_LENGTH = 2
"""The number of the field in the header of a page."""
_ONE_PAGE = 1 << 30
_LONGEST_HEADER = 64

_SAMPLE = 1 << 16
"""Bytes that are compressed first, to find out whether the page shrinks."""
_WORTH = 3
"""Values are compressed if the sample shrinks to less than one part in this number."""


@dataclass(frozen=True, slots=True)
class EncodedValues:
    """The content of a dictionary page.

    Attributes:
        physical_type: The number of the values' type in Parquet.
        content: The values, compressed or not.
        plain_length: The length of the values before compression.
        is_compressed: Whether the values are compressed with zstd.
    """

    physical_type: int
    content: bytes | memoryview
    plain_length: int
    is_compressed: bool


def encode_values(values: pa.Array) -> EncodedValues:
    """Encode the values of a dictionary page.

    Args:
        values: Values without nulls.
    """
    data = _write(values, "values")
    page = Cursor(data[_MAGIC_LENGTH : _MAGIC_LENGTH + _LONGEST_HEADER].tobytes())
    length, start = _number(page.struct(), _PAGE_LENGTH), _MAGIC_LENGTH + page.at
    plain, physical_type = data[start : start + length], _number(_element(data), 1)
    codec = pa.Codec("zstd", 1)
    if len(codec.compress(plain[:_SAMPLE], asbytes=True)) * _WORTH < min(length, _SAMPLE):
        return EncodedValues(physical_type, codec.compress(plain, asbytes=True), length, is_compressed=True)
    return EncodedValues(physical_type, plain, length, is_compressed=False)


def schema_element(kind: pa.DataType, name: str) -> Struct:
    """Return the Thrift structure that describes a required column in a Parquet footer."""
    return _element(_write(pa.nulls(0, kind), name))


def _write(values: pa.Array, name: str) -> memoryview:
    """Return a Parquet file with one plain page."""
    file = pa.BufferOutputStream()
    schema = pa.schema([pa.field(name, values.type, nullable=False)])
    pq.write_table(
        pa.table([values], schema=schema),
        file,
        row_group_size=_ONE_PAGE,
        data_page_size=_ONE_PAGE,
        max_rows_per_page=_ONE_PAGE,
        use_dictionary=False,
        compression="none",
        write_statistics=False,
        store_schema=False,
    )
    return memoryview(file.getvalue())


def _element(data: memoryview) -> Struct:
    """Return the schema element of the only column of a Parquet file."""
    [length] = unpack("<I", data[-_TAIL_LENGTH:-_MAGIC_LENGTH])
    _, schema = Cursor(data[-_TAIL_LENGTH - length :].tobytes()).struct()[2]
    _, element = cast("list[Struct]", schema)
    return element


def _number(fields: Struct, key: int) -> int:
    return cast("int", fields[key][1])
