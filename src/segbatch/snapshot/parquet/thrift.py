"""The subset of Thrift's compact protocol that the schema in a Parquet footer needs."""

from dataclasses import dataclass

_TRUE, _FALSE, _BINARY, _LIST, _SET, _STRUCT = 1, 2, 8, 9, 10, 12
_BYTE = 3
_INTEGERS = {4, 5, 6}
_LONG = 15

Struct = dict[int, tuple[int, "Value"]]
"""The fields of a structure by field number, each with its Thrift type."""

Value = bool | int | bytes | list["Value"] | Struct


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


def _encoded(fields: Struct) -> bytes:
    """Encode a structure without lists, such as those of a Parquet schema."""
    found, before = b"", 0
    for number, (wire_type, value) in sorted(fields.items()):
        head = bytes([(number - before) << 4 | wire_type])
        found, before = found + head + _value(wire_type, value), number
    return found + b"\0"


def encoded_list(values: list[Struct]) -> bytes:
    """Encode a list of structures."""
    return bytes([_LONG << 4 | _STRUCT]) + _varint(len(values)) + b"".join(map(_encoded, values))


def _value(wire_type: int, value: Value) -> bytes:
    match value:
        case bool():
            return b""
        case int():
            return _varint(value << 1 if value >= 0 else (-value << 1) - 1)
        case bytes() if wire_type == _BYTE:
            return value
        case bytes():
            return _varint(len(value)) + value
        case dict():
            return _encoded(value)
        case list():
            raise ValueError(value)


def _varint(number: int) -> bytes:
    found = bytearray()
    while number > 127:  # noqa: PLR2004 - seven bits per byte
        found.append(number & 127 | 128)
        number >>= 7
    return bytes([*found, number])
