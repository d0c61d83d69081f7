"""Values in Parquet's plain encoding, and the schema of their column, for every type of contact ids.

The content of a dictionary page is the same as that of a plain data page of a required column. So PyArrow writes a
small file with one such page, and the page and its schema element are taken from it. No type needs code of its own.
"""

import io
from dataclasses import dataclass
from struct import unpack
from typing import cast

import pyarrow as pa
import pyarrow.parquet as pq

from segbatch.platform.thrift import Cursor, Struct

_MAGIC_LENGTH = 4
_TAIL_LENGTH = 8
_ONE_PAGE = 1 << 30


@dataclass(frozen=True, slots=True)
class EncodedValues:
    """The content of a dictionary page.

    Attributes:
        physical_type: The number of the values' type in Parquet.
        compressed: The values, compressed with zstd.
        plain_length: The length of the values before compression.
    """

    physical_type: int
    compressed: bytes
    plain_length: int


def encode_values(values: pa.Array) -> EncodedValues:
    """Encode the values of a dictionary page.

    Args:
        values: Values without nulls.
    """
    data = _write(values, "values")
    page = Cursor(data, _MAGIC_LENGTH)
    header = page.struct()
    length, plain_length = _number(header, 3), _number(header, 2)
    return EncodedValues(_number(_element(data), 1), data[page.at : page.at + length], plain_length)


def schema_element(kind: pa.DataType, name: str) -> Struct:
    """Return the Thrift structure that describes a required column in a Parquet footer."""
    return _element(_write(pa.array([], kind), name))


def _write(values: pa.Array, name: str) -> bytes:
    """Return a Parquet file with one plain page."""
    file = io.BytesIO()
    schema = pa.schema([pa.field(name, values.type, nullable=False)])
    pq.write_table(
        pa.table([values], schema=schema),
        file,
        row_group_size=_ONE_PAGE,
        data_page_size=_ONE_PAGE,
        max_rows_per_page=_ONE_PAGE,
        use_dictionary=False,
        compression="zstd",
        compression_level=1,
        write_statistics=False,
        store_schema=False,
    )
    return file.getvalue()


def _element(data: bytes) -> Struct:
    """Return the schema element of the only column of a Parquet file."""
    [length] = unpack("<I", data[-_TAIL_LENGTH:-_MAGIC_LENGTH])
    _, schema = Cursor(data[-_TAIL_LENGTH - length :]).struct()[2]
    _, element = cast("list[Struct]", schema)
    return element


def _number(fields: Struct, key: int) -> int:
    return cast("int", fields[key][1])
