"""The encoding of Thrift structures, compared with the specification of the protocol and with footers from PyArrow."""

import io
from struct import unpack

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segbatch.platform.thrift import (
    Cursor,
    Struct,
    array,
    binary,
    boolean,
    encode_struct,
    encode_varint,
    i32,
    i64,
    struct,
)

FIELDS = st.one_of(
    st.booleans().map(boolean),
    st.integers(-(2**31), 2**31 - 1).map(i32),
    st.integers(-(2**63), 2**63 - 1).map(i64),
    st.binary(max_size=200).map(binary),
    st.lists(st.integers(-(2**31), 2**31 - 1), max_size=40).map(array),
    st.lists(st.binary(max_size=9), max_size=40).map(array),
)
STRUCTS = st.recursive(
    st.dictionaries(st.integers(1, 15), FIELDS, max_size=5),
    lambda inner: st.dictionaries(
        st.integers(1, 15), st.one_of(FIELDS, inner.map(struct), st.lists(inner, max_size=20).map(array)), max_size=4
    ),
    max_leaves=20,
)


@pytest.mark.parametrize(
    ("number", "encoded"), [(0, "00"), (1, "01"), (127, "7f"), (128, "8001"), (300, "ac02"), (2**35, "808080808001")]
)
def test_a_varint_has_seven_bits_per_byte_lowest_bits_first(number: int, encoded: str) -> None:
    assert encode_varint(number).hex() == encoded


@pytest.mark.parametrize(
    ("fields", "encoded"),
    [
        ({}, "00"),
        ({1: i32(0)}, "150000"),
        ({1: i32(-1), 2: i32(1)}, "1501150200"),
        ({3: i64(-(2**63))}, "36ffffffffffffffffff0100"),
        ({1: boolean(value=True), 2: boolean(value=False)}, "111200"),
        ({4: binary(b"id")}, "480269640 0".replace(" ", "")),
        ({1: array([1, 2])}, "1925020400"),
        ({1: array([1] * 15)}, "19f50f" + "02" * 15 + "00"),
        ({1: array([True, False])}, "1921010200"),
        ({2: struct({1: i32(1)}), 15: i32(1)}, "2c150200d50200"),
    ],
)
def test_a_structure_is_encoded_as_the_protocol_specifies(fields: Struct, encoded: str) -> None:
    assert encode_struct(fields).hex() == encoded


@given(STRUCTS)
def test_an_encoded_structure_is_decoded(fields: Struct) -> None:
    assert Cursor(encode_struct(fields)).struct() == fields


def test_the_schema_of_a_footer_is_encoded_as_pyarrow_encodes_it() -> None:
    kinds = {"a": pa.string(), "b": pa.decimal128(20, 3), "c": pa.uint16(), "d": pa.timestamp("us", "UTC")}
    nested = {"e": pa.list_(pa.struct(list(kinds.items()))), "f": pa.map_(pa.string(), pa.int8())}
    file = io.BytesIO()
    pq.write_table(pa.schema([*kinds.items(), *nested.items()]).empty_table(), file)
    data = file.getvalue()
    [length] = unpack("<I", data[-8:-4])
    footer = data[-8 - length : -8]
    _, schema = Cursor(footer).struct()[2]
    assert isinstance(schema, list)
    for element in schema:
        assert isinstance(element, dict)
        assert encode_struct(element) in footer
