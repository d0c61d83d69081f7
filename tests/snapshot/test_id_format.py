"""One contact's id, in every type that ids have."""

from typing import Any
from uuid import UUID

import pyarrow as pa
import pytest

from segbatch.snapshot.id_checks import ids_as_series
from segbatch.snapshot.id_format import UnreadableIdError, describe_ids, matches_id, write_id

ONE = UUID("0027aab6-f1a1-431d-9a04-f9a659baa415")
OTHER = UUID("009885c9-84eb-42e1-ad95-c92c589db73f")


@pytest.mark.parametrize(
    ("ids", "typed", "written", "words"),
    [
        (pa.array(["7", "007"]), "007", "007", "texts"),
        (pa.array(["a", "b"]).dictionary_encode(), "b", "b", "texts"),
        (pa.array([7, -12], pa.int64()), "-12", -12, "whole numbers"),
        (pa.array([7, 12], pa.uint8()), " +012 ", 12, "whole numbers"),
        (pa.array([7, 0], pa.int32()), "-0", 0, "whole numbers"),
        (pa.array([7, 12], pa.decimal128(20, 0)), "12", 12, "whole numbers"),
        (pa.array([ONE.bytes, OTHER.bytes], pa.uuid()), str(OTHER), str(OTHER), "UUIDs"),
        (pa.array([ONE.bytes, OTHER.bytes], pa.binary(16)), OTHER.hex.upper(), str(OTHER), "UUIDs"),
        (pa.array([b"\x00", b"\xff"], pa.binary()), "ff", "ff", "bytes, written in hexadecimal"),
        (pa.array([b"\x00", b"\xff"], pa.binary()), b"\xff", "ff", "bytes, written in hexadecimal"),
    ],
)
def test_an_id_is_found_as_it_is_typed(ids: pa.Array, typed: Any, written: Any, words: str) -> None:
    series = ids_as_series(ids)
    assert matches_id(series, ids.type, typed).to_list() == [False, True]
    assert write_id(series[1], ids.type) == written
    assert describe_ids(ids.type) == words
    assert matches_id(series, ids.type, write_id(series[1], ids.type)).to_list() == [False, True]


@pytest.mark.parametrize("typed", [2**80, "-1", "300"])
def test_a_number_beyond_the_type_matches_no_id(typed: object) -> None:
    ids = pa.array([7, 12], pa.uint8())
    assert not matches_id(ids_as_series(ids), ids.type, typed).any()


@pytest.mark.parametrize(
    ("kind", "typed"),
    [(pa.int64(), "abc"), (pa.int64(), "1.5"), (pa.int64(), ""), (pa.uuid(), "12"), (pa.binary(), "xyz")],
)
def test_what_cannot_be_an_id_is_refused(kind: pa.DataType, typed: str) -> None:
    with pytest.raises(UnreadableIdError):
        matches_id(ids_as_series(pa.array([], kind)), kind, typed)
