"""Repair of Parquet footers that PyArrow refuses because of one column.

Such columns are maps with optional keys (written by Presto, Trino, Athena and Hive) and decimals with more digits than
Arrow supports. PyArrow gets a changed schema. There, such a map is the list of records that it is stored as, and such a
decimal is bytes. The Arrow types in the footer are left out if PyArrow does not support them, such as the 128-bit
integers of Polars.
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pyarrow as pa

from segbatch.platform.thrift import Cursor, Struct, encode_list
from segbatch.snapshot.arrow.types import Opaque, is_list

_TAIL = struct.Struct("<I4s")
_MAGIC, _ENCRYPTED = b"PAR1", b"PARE"
_MOST_DIGITS = 76
_ARROW_SCHEMA, _OTHER_KEY = b"\x0cARROW:schema", b"\x0cother:schema"
"""The key of the Arrow types in a footer, preceded by its length, and another key of the same length."""

_SCHEMA = 2
_NAME = 4
_REPETITION, _CHILDREN, _CONVERTED, _SCALE, _PRECISION, _LOGICAL = 3, 5, 6, 7, 8, 10
_FIELD_ID = 9
_OPTIONAL = 1
_MAP, _KEY_VALUE, _LIST = 1, 2, 3
_LOGICAL_MAP, _LOGICAL_DECIMAL, _DECIMAL_PRECISION = 2, 5, 2
_I32 = 5


@dataclass(slots=True)
class Element:
    """A node of a Parquet schema.

    Attributes:
        fields: The fields of the node's Thrift structure.
        is_map: Whether the node is a map that was changed to a list.
        is_opaque: Whether the node is a decimal that was changed to bytes.
    """

    fields: Struct
    children: list["Element"] = field(default_factory=list)
    is_map: bool = False
    is_opaque: bool = False

    def number(self, key: int) -> int | None:
        """Return the numeric field with a Thrift key, or None."""
        value = self.fields.get(key, (0, None))[1]
        return value if isinstance(value, int) else None

    @property
    def name(self) -> str:
        """The name of the column or of the part of a column."""
        value = self.fields[_NAME][1]
        return value.decode(errors="replace") if isinstance(value, bytes) else ""

    @name.setter
    def name(self, name: str) -> None:
        self.fields[_NAME] = self.fields[_NAME][0], name.encode()

    @property
    def field_id(self) -> int | None:
        """The id of the field in a table, if the writer stored one."""
        return self.number(_FIELD_ID)

    def declared(self, arrow_type: pa.DataType) -> pa.DataType:
        """Return the Arrow type of the node as declared in its file.

        Args:
            arrow_type: The type that PyArrow found after the repair.
        """
        if self.is_opaque:
            return Opaque()
        if self.is_map:
            key, value = self.children[0].children
            pair = arrow_type.value_type
            return pa.map_(key.declared(pair.field(0).type), value.declared(pair.field(1).type))
        if pa.types.is_struct(arrow_type):
            return pa.struct([self._child(index, arrow_type.field(index)) for index in range(arrow_type.num_fields)])
        if pa.types.is_map(arrow_type):
            key, value = self.children[0].children
            return pa.map_(key.declared(arrow_type.key_type), value.declared(arrow_type.item_type))
        if is_list(arrow_type) and self.children:
            return pa.list_(self._elements(arrow_type.value_type).declared(arrow_type.value_type))
        return arrow_type

    def _child(self, index: int, child: pa.Field) -> pa.Field:
        return pa.field(child.name, self.children[index].declared(child.type))

    def _elements(self, arrow_type: pa.DataType) -> "Element":
        """Return the node of a list's elements: the repeated node if it is the struct, else the node below it."""
        repeated = self.children[0]
        is_struct = pa.types.is_struct(arrow_type) and arrow_type.num_fields == len(repeated.children)
        is_itself = is_struct and [it.fields[_NAME][1] for it in repeated.children] == [
            it.name.encode() for it in arrow_type
        ]
        return repeated if is_itself or not repeated.children else repeated.children[0]


def read_tail(source: pa.NativeFile) -> bytes | None:
    """Return only the Thrift bytes of a file's footer; None if the file does not end like Parquet."""
    size = source.size()
    if size < _TAIL.size + len(_MAGIC):
        return None
    source.seek(size - _TAIL.size)
    length, magic = _TAIL.unpack(source.read(_TAIL.size))
    if magic != _MAGIC or length > size - _TAIL.size:
        return None
    source.seek(size - _TAIL.size - length)
    return bytes(source.read(length))


def is_encrypted(source: pa.NativeFile) -> bool:
    """Return whether a file ends like an encrypted Parquet file."""
    size = source.size()
    if size < len(_MAGIC):
        return False
    source.seek(size - len(_MAGIC))
    return bool(source.read(len(_MAGIC)) == _ENCRYPTED)


def repairs(footer: bytes) -> Iterator[tuple[bytes, Element | None]]:
    """Yield footers that PyArrow may be able to read, those with the fewest changes first.

    Yields:
        The bytes of a Parquet file without data that has the footer, and the root of its schema if the schema was
            changed.
    """
    before, key, after = footer.rpartition(_ARROW_SCHEMA)
    for candidate in (footer, *([before + _OTHER_KEY + after] if key else ())):
        changed = _repaired(candidate)
        if changed is not None:
            yield file_of(changed[0]), changed[1]
        elif candidate is not footer:
            yield file_of(candidate), None


def file_of(footer: bytes) -> bytes:
    """Return the bytes of a Parquet file without data that has a footer."""
    return _MAGIC + footer + _TAIL.pack(len(footer), _MAGIC)


def change_schema(footer: bytes, change: Callable[[list[Element]], bool]) -> tuple[bytes, Element] | None:
    """Change the schema in a footer.

    Args:
        footer: The Thrift bytes of the footer.
        change: Changes nodes of the schema, of which the first is the root, and returns whether it changed any.

    Returns:
        The bytes of the changed footer, and the root of its schema; None if nothing was changed, or the footer cannot
            be parsed.
    """
    cursor = Cursor(footer)
    try:
        number = 0
        while (head := cursor.field(number)) is not None and head[0] != _SCHEMA:
            number = head[0]
            cursor.value(head[1])
        begin = cursor.at
        elements = cursor.value(head[1]) if head else []
    except (ValueError, RecursionError):
        return None
    if not isinstance(elements, list):
        return None
    nodes = [Element(fields) for fields in elements if isinstance(fields, dict)]
    if not nodes or not _join(nodes) or not change(nodes):
        return None
    changed = footer[:begin] + encode_list([node.fields for node in nodes]) + footer[cursor.at :]
    return changed, nodes[0]


def _repaired(footer: bytes) -> tuple[bytes, Element] | None:
    """Return a footer whose schema PyArrow can read, and its root; None if there is nothing to repair."""
    return change_schema(footer, lambda nodes: bool(sum(map(_repair, nodes))))


def _join(nodes: list[Element]) -> bool:
    """Add to each node its children, which follow it in the list. Return whether all child counts are correct."""
    waiting: list[tuple[Element, int]] = []
    for node in nodes:
        while waiting and len(waiting[-1][0].children) == waiting[-1][1]:
            waiting.pop()
        if waiting:
            waiting[-1][0].children.append(node)
        elif node is not nodes[0]:
            return False
        if count := node.number(_CHILDREN):
            waiting.append((node, count))
    return all(len(node.children) == count for node, count in waiting)


def _repair(node: Element) -> bool:
    """Change a node that PyArrow refuses. Return whether the node was changed."""
    if _has_optional_keys(node):
        node.is_map = True
        node.fields[_CONVERTED] = _I32, _LIST
        node.fields.pop(_LOGICAL, None)
        for key in (_CONVERTED, _LOGICAL):
            node.children[0].fields.pop(key, None)
        return True
    if _digits(node) > _MOST_DIGITS:
        node.is_opaque = True
        for key in (_CONVERTED, _SCALE, _PRECISION, _LOGICAL):
            node.fields.pop(key, None)
        return True
    return False


def _has_optional_keys(node: Element) -> bool:
    logical = node.fields.get(_LOGICAL, (0, {}))[1]
    is_map = node.number(_CONVERTED) in {_MAP, _KEY_VALUE} or (isinstance(logical, dict) and _LOGICAL_MAP in logical)
    if not is_map or len(node.children) != 1 or len(node.children[0].children) != 2:  # noqa: PLR2004 - key and value
        return False
    return node.children[0].children[0].number(_REPETITION) == _OPTIONAL


def _digits(node: Element) -> int:
    logical = node.fields.get(_LOGICAL, (0, {}))[1]
    decimal = logical.get(_LOGICAL_DECIMAL, (0, {}))[1] if isinstance(logical, dict) else {}
    found = decimal.get(_DECIMAL_PRECISION, (0, 0))[1] if isinstance(decimal, dict) else 0
    return max(node.number(_PRECISION) or 0, found if isinstance(found, int) else 0)
