"""Ids that are selected or stored without PyArrow's functions, compared with those functions."""

from decimal import Decimal
from uuid import UUID

import numpy as np
import pyarrow as pa
import pytest

from segbatch.storage.id_types import select_ids, to_stored

IDS = [
    pa.array(["", "b", "c" * 30, "日本"]),
    pa.array([5, 2**40, -3, 0]),
    pa.array([1, 2, 3, 4], pa.uint8()),
    pa.array([UUID(int=number).bytes for number in range(4)], pa.binary(16)),
    pa.array([b"", b"\xff", b"c", b"d"]),
    pa.array(map(Decimal, range(4)), pa.decimal128(10, 2)),
]


@pytest.mark.parametrize("ids", IDS, ids=lambda ids: str(ids.type))
@pytest.mark.parametrize("wanted", [[1, 0, 1, 1], [0, 0, 0, 0], [1, 1, 1, 1]], ids=str)
def test_selected_ids_are_those_that_pyarrow_filters(ids: pa.Array, wanted: list[int]) -> None:
    is_wanted = np.array(wanted, bool)
    assert select_ids(ids, is_wanted).equals(ids.filter(pa.array(is_wanted)))
    assert select_ids(ids[1:], is_wanted[1:]).equals(ids[1:].filter(pa.array(is_wanted[1:])))


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view()], ids=str)
@pytest.mark.parametrize("texts", [["", "b", "日本", "d"], ["a", None, "c", "d"]], ids=str)
def test_texts_are_stored_as_strings(kind: pa.DataType, texts: list[str | None]) -> None:
    for part in (slice(None), slice(1, 3), slice(2, 2)):
        found = to_stored(pa.array(texts, kind)[part])
        assert found.type == pa.string()
        assert found.to_pylist() == texts[part]
        found.validate(full=True)
