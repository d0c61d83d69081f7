"""Names of fields in footers that PyArrow does not write."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from segbatch.snapshot.parquet.field_names import FieldName, FieldNames, MissingFieldIdsError, Shape
from segbatch.snapshot.parquet.footer import Element, change_schema, read_tail

_CHILDREN, _I32 = 5, 5


def footer_of(table: pa.Table) -> bytes:
    pq.write_table(table, "x.parquet")
    with pa.OSFile("x.parquet") as source:
        footer = read_tail(source)
    assert footer is not None
    return footer


def names_in(footer: bytes) -> list[str]:
    found: list[str] = []

    def keep(nodes: list[Element]) -> bool:
        found.extend(node.name for node in nodes)
        return False

    change_schema(footer, keep)
    return found


def by_name(name: str, *stored: str, shape: Shape | None = None) -> FieldName:
    return FieldName(name, stored=frozenset(stored), shape=shape)


STRUCT = Shape(fields=(by_name("x", "p1"), by_name("y", "p2")))


@pytest.mark.parametrize("repeated", ["array", "rows_tuple", "anything"])
def test_the_repeated_node_of_an_old_list_is_its_element(repeated: str) -> None:
    element = pa.field("element", pa.struct([("p1", pa.int64()), ("p2", pa.int64())]), nullable=False)
    table = pa.table({"rows": pa.array([[{"p1": 1, "p2": 2}]], pa.list_(element))})

    def flatten(nodes: list[Element]) -> bool:
        at = next(index for index, node in enumerate(nodes) if node.name == "list")
        nodes[at].name = repeated
        nodes[at].fields[_CHILDREN] = _I32, 2
        del nodes[at + 1]
        return True

    changed = change_schema(footer_of(table), flatten)
    assert changed is not None
    assert names_in(changed[0])[1:] == ["rows", repeated, "p1", "p2"]
    names = FieldNames(by_name=Shape(fields=(by_name("orders", "rows", shape=Shape(parts=(STRUCT,))),)))
    renamed = names.change(changed[0])
    assert renamed is not None
    assert names_in(renamed)[1:] == ["orders", repeated, "x", "y"]


def test_fields_of_nested_lists_are_renamed() -> None:
    table = pa.table({"rows": [[[{"p1": 1, "gone": 2}]]]})
    shape = Shape(parts=(Shape(parts=(STRUCT,)),))
    renamed = FieldNames(by_name=Shape(fields=(by_name("rows", "rows", shape=shape),))).change(footer_of(table))
    assert renamed is not None
    assert names_in(renamed)[1:] == ["rows", "list", "element", "list", "element", "x", "\x011"]


def test_a_footer_with_the_names_of_the_table_is_left_alone() -> None:
    table = pa.table({"id": ["ann"], "rows": [[1]]})
    shape = Shape(fields=(by_name("id", "id"), by_name("rows", "rows", shape=Shape(parts=(None,)))))
    assert FieldNames(by_name=shape).change(footer_of(table)) is None


def test_a_list_that_became_a_struct_in_the_table_is_left_to_the_comparison_of_types() -> None:
    table = pa.table({"s": [1]})
    names = FieldNames(by_name=Shape(fields=(by_name("s", "s", shape=Shape(parts=(STRUCT, None))),)))
    assert names.change(footer_of(table)) is None


def test_files_without_ids_are_refused_if_only_ids_have_a_meaning() -> None:
    with pytest.raises(MissingFieldIdsError):
        FieldNames(by_id=Shape(fields=(FieldName("id", 1),))).change(footer_of(pa.table({"id": ["ann"]})))
    assert Path("x.parquet").exists()
