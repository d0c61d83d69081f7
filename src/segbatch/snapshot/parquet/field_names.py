"""Names of fields that differ between a table and its files.

In Delta tables with column mapping and in Iceberg tables, a column can be renamed or dropped without a new file. A file
is then read as if it had the names of the table, by a changed footer. Fields that the table does not have get names
that no column has.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from segbatch.snapshot.arrow.types import is_list
from segbatch.snapshot.parquet.footer import Element, change_schema

_DROPPED = "\x01"
"""The first character of the names that fields of no column get."""

_ELEMENT_NAMES = ("array", "_tuple")


@dataclass(frozen=True, slots=True)
class Shape:
    """The parts of a table, a struct, a list or a map that have fields below them.

    Attributes:
        fields: The fields of a table or a struct.
        parts: The shape of a list's elements, or those of a map's keys and values; None for parts without fields.
    """

    fields: "tuple[FieldName, ...]" = ()
    parts: "tuple[Shape | None, ...]" = ()


@dataclass(frozen=True, slots=True)
class FieldName:
    """A field of a table or a struct.

    Attributes:
        name: The name in the table.
        field_id: The id that files have; None if fields are found by name.
        stored: The names that files may have.
        shape: The shape of the field's type; None if no fields are below it.
    """

    name: str
    field_id: int | None = None
    stored: frozenset[str] = field(default_factory=frozenset)
    shape: Shape | None = None


class MissingFieldIdsError(Exception):
    """Fields are found by id, but the file has no ids."""


@dataclass(frozen=True, slots=True)
class FieldNames:
    """How the fields of a table are found in its files.

    Attributes:
        by_id: The fields by their ids; None if ids have no meaning.
        by_name: The fields by the names in files without ids; None if such files cannot be read.
        are_same: Whether files have the names of the table, apart from the case of letters.
    """

    by_id: Shape | None = None
    by_name: Shape | None = None
    are_same: bool = False

    def change(self, footer: bytes) -> bytes | None:
        """Return a footer in which the fields have the names of the table; None if they have them already.

        Raises:
            MissingFieldIdsError: The file has no ids.
        """
        changed = change_schema(footer, self._rename)
        return None if changed is None else changed[0]

    def _rename(self, nodes: list[Element]) -> bool:
        has_ids = self.by_id is not None and any(node.field_id is not None for node in nodes[0].children)
        shape = self.by_id if has_ids else self.by_name
        if shape is None:
            raise MissingFieldIdsError
        return sum(_rename_fields(nodes[0].children, shape)) > 0


def _rename_fields(children: Sequence[Element], shape: Shape) -> Iterator[bool]:
    """Rename the fields of a table or a struct, and yield whether each was changed."""
    ids: dict[int | None, FieldName] = {one.field_id: one for one in shape.fields if one.field_id is not None}
    names = {name: one for one in shape.fields for name in one.stored}
    folded = _unique_folded(names, [child.name for child in children])
    for number, child in enumerate(children):
        written = child.name
        found = ids.get(child.field_id) if ids else names.get(written) or folded.get(written.casefold())
        child.name = f"{_DROPPED}{number}" if found is None else found.name
        yield child.name != written
        if found is not None and found.shape is not None:
            yield from _rename_parts(child, found.shape)


def _unique_folded(names: Mapping[str, FieldName], written: Sequence[str]) -> dict[str, FieldName]:
    """Return the fields that a file has once, with other letters in upper or lower case, by their folded name."""
    folded = [name.casefold() for name in written]
    return {
        name.casefold(): one
        for name, one in names.items()
        if name not in written and folded.count(name.casefold()) == 1
    }


def _rename_parts(node: Element, shape: Shape) -> Iterator[bool]:
    """Rename the fields below a struct, a list or a map."""
    if shape.fields:
        yield from _rename_fields(node.children, shape)
        return
    for part, below in zip(_parts_of(node, len(shape.parts)), shape.parts, strict=False):
        if below is not None:
            yield from _rename_parts(part, below)


def _parts_of(node: Element, number: int) -> Sequence[Element]:
    """Return the elements of a list, or the keys and values of a map, below the repeated nodes that Parquet adds."""
    repeated = node.children[0] if node.children else node
    if number > 1 or not repeated.children:
        return repeated.children or [repeated]
    is_element = len(repeated.children) > 1 or repeated.name.endswith(_ELEMENT_NAMES)
    return [repeated if is_element else repeated.children[0]]


def known_type(arrow_type: pa.DataType) -> pa.DataType:
    """Return a type without the fields of structs that the table does not have."""
    if pa.types.is_struct(arrow_type):
        return pa.struct([(one.name, known_type(one.type)) for one in arrow_type if not one.name.startswith(_DROPPED)])
    if pa.types.is_map(arrow_type):
        return pa.map_(known_type(arrow_type.key_type), known_type(arrow_type.item_type))
    if is_list(arrow_type) and arrow_type.num_fields:
        inner = known_type(arrow_type.value_type)
        return arrow_type if inner == arrow_type.value_type else pa.list_(inner)
    return arrow_type
