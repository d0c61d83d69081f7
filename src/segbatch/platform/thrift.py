"""The subset of Thrift's compact protocol that Parquet's page headers and footers need.

The protocol is described in
https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
"""

from collections.abc import Sequence
from dataclasses import dataclass

_TRUE, _FALSE, _BYTE, _I16, _I32, _I64 = 1, 2, 3, 4, 5, 6
_BINARY, _LIST, _SET, _STRUCT = 8, 9, 10, 12
_INTEGERS = {_I16, _I32, _I64}
_LONG = 15

Struct = dict[int, tuple[int, "Value"]]
"""The fields of a structure by field number, each with its Thrift type."""

Value = bool | int | bytes | list["Value"] | Struct
Field = tuple[int, Value]


@dataclass(slots=True)
class Cursor:
    """A position in bytes, advanced by reading.

    Attributes:
        at: The position as an offset into `data`.
    """

    data: bytes
    at: int = 0

    def field(self, before: int) -> tuple[int, int] | None:
        """Read the number and type of a structure's next field; None at the end of the structure.

        Args:
            before: The number of the previous field, 0 for the first field.

        Raises:
            ValueError: The bytes are cut short.
        """
        head = self._byte()
        if not head:
            return None
        delta, wire_type = head >> 4, head & 15
        return (before + delta if delta else self._integer()), wire_type

    def value(self, wire_type: int) -> Value:
        """Read a value of a Thrift type.

        Raises:
            ValueError: The bytes are cut short, or the type is not used in Parquet schemas.
        """
        if wire_type in {_TRUE, _FALSE}:
            return wire_type == _TRUE
        if wire_type == _BYTE:
            return self._take(1)
        if wire_type in _INTEGERS:
            return self._integer()
        if wire_type == _BINARY:
            return self._take(self._unsigned())
        if wire_type in {_LIST, _SET}:
            return self._list()
        if wire_type == _STRUCT:
            return self.struct()
        raise ValueError(wire_type)

    def struct(self) -> Struct:
        """Read the fields of a structure up to its end.

        Raises:
            ValueError: The bytes are cut short.
        """
        found: Struct = {}
        number = 0
        while (head := self.field(number)) is not None:
            number, wire_type = head
            found[number] = wire_type, self.value(wire_type)
        return found

    def _list(self) -> list[Value]:
        head = self._byte()
        size, wire_type = head >> 4, head & 15
        return [self.value(wire_type) for _ in range(self._unsigned() if size == _LONG else size)]

    def _take(self, length: int) -> bytes:
        found = self.data[self.at : self.at + length]
        if len(found) < length:
            raise ValueError(length)
        self.at += length
        return found

    def _byte(self) -> int:
        return self._take(1)[0]

    def _unsigned(self) -> int:
        found = shift = 0
        while True:
            byte = self._byte()
            found |= (byte & 127) << shift
            shift += 7
            if byte < 128:  # noqa: PLR2004 - the highest bit means that more bytes follow
                return found

    def _integer(self) -> int:
        zigzag = self._unsigned()
        return (zigzag >> 1) ^ -(zigzag & 1)


def boolean(value: bool) -> Field:  # noqa: FBT001 - like the other types
    """Return a field with a boolean."""
    return (_TRUE if value else _FALSE), value


def i32(value: int) -> Field:
    """Return a field with an integer of 32 bits."""
    return _I32, value


def i64(value: int) -> Field:
    """Return a field with an integer of 64 bits."""
    return _I64, value


def binary(value: bytes) -> Field:
    """Return a field with bytes, or with a text in UTF-8."""
    return _BINARY, value


def struct(fields: Struct) -> Field:
    """Return a field with a structure."""
    return _STRUCT, fields


def array(values: Sequence[Value]) -> Field:
    """Return a field with a list of structures, bytes, booleans or integers of 32 bits."""
    return _LIST, [*values]


def encode_struct(fields: Struct) -> bytes:
    """Encode a structure."""
    encoded, before = bytearray(), 0
    for number, (wire_type, value) in sorted(fields.items()):
        encoded.append((number - before) << 4 | wire_type)
        encoded += _encode_value(wire_type, value)
        before = number
    encoded.append(0)
    return bytes(encoded)


def encode_list(values: Sequence[Value]) -> bytes:
    """Encode a list of structures, bytes, booleans or integers of 32 bits."""
    match values:
        case [bool(), *_]:
            wire_type = _TRUE
            content = bytes(_TRUE if value else _FALSE for value in values)
        case _:
            wire_type = _element_type(values)
            content = b"".join(_encode_value(wire_type, value) for value in values)
    size = len(values)
    head = bytes([size << 4 | wire_type]) if size < _LONG else bytes([_LONG << 4 | wire_type]) + encode_varint(size)
    return head + content


def encode_varint(number: int) -> bytes:
    """Encode a number that is not negative, seven bits to a byte, the lowest bits first."""
    encoded = bytearray()
    while number > 127:  # noqa: PLR2004 - seven bits per byte
        encoded.append(number & 127 | 128)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def _encode_value(wire_type: int, value: Value) -> bytes:
    match value:
        case bool():
            return b""
        case int():
            return encode_varint(value << 1 if value >= 0 else (-value << 1) - 1)
        case bytes() if wire_type == _BYTE:
            return value
        case bytes():
            return encode_varint(len(value)) + value
        case dict():
            return encode_struct(value)
        case list():
            return encode_list(value)


def _element_type(values: Sequence[Value]) -> int:
    match values:
        case [bytes(), *_]:
            return _BINARY
        case [int(), *_]:
            return _I32
        case _:
            return _STRUCT
