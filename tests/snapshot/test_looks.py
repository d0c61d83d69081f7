"""Looks at parts of a column are merged to the look at the whole column, however it is cut."""

import json
import pickle
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from random_cases import CASES
from segbatch.snapshot.fields import keys
from segbatch.snapshot.fields.custom_fields import FieldReader
from segbatch.snapshot.fields.field_look import FieldLook, merge_looks
from segbatch.snapshot.fields.json_column import JsonColumn
from segbatch.snapshot.fields.json_look import JsonLook
from segbatch.snapshot.fields.keys import Columns, merge_keys

NUMBERS = st.one_of(
    st.integers(-5, 5), st.sampled_from([10**15, 10**16, 2**63, 2**64, 10**40, 1e20]), st.floats(-9, 9, width=16)
)
SCALARS = st.one_of(st.none(), st.booleans(), NUMBERS, st.sampled_from(["", "x", "12", "NaN"]))
VALUES = st.one_of(SCALARS, st.lists(SCALARS, max_size=3), st.fixed_dictionaries({}, optional={"b": SCALARS}))
OBJECTS = st.fixed_dictionaries({}, optional={"a": VALUES, "a.b": SCALARS, "c": VALUES}).map(json.dumps)
BROKEN = st.sampled_from(["", "{", "[1]", "null", '{"a": NaN}', "{'a': 1}", "7", '{"a": [1,]}'])
TEXTS = st.lists(st.one_of(OBJECTS, OBJECTS, st.none(), BROKEN), max_size=8)
PATHS = ["a", "a.b", "c", None]


def cut(texts: list[str | None], data: st.DataObject) -> list[list[str | None]]:
    """Return the texts in parts, some of which may be empty."""
    ends = sorted(data.draw(st.lists(st.integers(0, len(texts)), max_size=4)))
    return [texts[begin:end] for begin, end in zip([0, *ends], [*ends, len(texts)], strict=True)]


def merged(looks: list[Any], data: st.DataObject) -> Any:
    """Return the merged looks, of neighbours in any order."""
    looks = [*looks]
    while len(looks) > 1:
        at = data.draw(st.integers(0, len(looks) - 2))
        looks[at : at + 2] = [looks[at].then(looks[at + 1])]
    return looks[0]


def sent(look: Any) -> Any:
    """Return a look as another process receives it."""
    return pickle.loads(pickle.dumps(look))  # noqa: S301 - of this test


def series(texts: list[str | None]) -> pl.Series:
    return pl.Series("j", texts, pl.String)


@pytest.mark.parametrize("objects", [False, True])
@settings(max_examples=4 * CASES)
@given(texts=TEXTS, data=st.data())
def test_json_texts_can_be_cut_anywhere_and_merged_in_any_order(
    objects: bool,  # noqa: FBT001 - a parameter of the test
    texts: list[str | None],
    data: st.DataObject,
) -> None:
    column = JsonColumn(PATHS, objects=objects)
    looks = [sent(column.look_at(series(part))) for part in cut(texts, data)]
    assert merged(looks, data) == column.look_at(series(texts))


@settings(max_examples=4 * CASES)
@given(texts=TEXTS, data=st.data())
def test_the_parts_of_json_texts_may_come_in_any_order_but_for_the_first_fault(
    texts: list[str | None], data: st.DataObject
) -> None:
    column = JsonColumn(PATHS, objects=True)
    look = merged([column.look_at(series(part)) for part in data.draw(st.permutations(cut(texts, data)))], data)
    expected = column.look_at(series(texts))
    look.first_broken, look.fault = expected.first_broken, expected.fault
    assert look == expected


@settings(max_examples=4 * CASES)
@given(texts=TEXTS, data=st.data())
def test_the_type_of_a_path_does_not_depend_on_the_cut(texts: list[str | None], data: st.DataObject) -> None:
    whole, parts = JsonColumn(PATHS, objects=True), JsonColumn(PATHS, objects=True)
    whole.look = whole.look_at(series(texts))
    for part in cut(texts, data):
        parts.look = parts.look.then(parts.look_at(series(part)))
    for path in PATHS:
        assert parts.common_type(path) == whole.common_type(path)
        assert parts.splits(path) == whole.splits(path)
    assert_frame_equal(
        pl.DataFrame({str(path): one for path, one in whole.decode(series(texts), PATHS).items()}),
        pl.DataFrame({str(path): one for path, one in parts.decode(series(texts), PATHS).items()}),
    )


def test_the_first_broken_text_is_found_in_a_later_part() -> None:
    column = JsonColumn(["a"], objects=True)
    parts: list[list[str | None]] = [['{"a": 1}', None], ["{}", "{"], ["[1]"]]
    looks = [column.look_at(series(part)) for part in parts]
    found = looks[0].then(looks[1]).then(looks[2])
    assert (found.rows, found.broken, found.first_broken) == (5, 2, 3)
    assert found.fault.startswith("it is truncated")


@pytest.mark.parametrize("parts", [(0, 1, 2), (2, 1, 0), (1, 0, 2)])
def test_a_sample_of_keys_is_that_of_the_first_keys_by_name(
    parts: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "MOST_KEYS", 3)
    samples = [{"e", "b"}, {"c", "a"}, {"d", "b"}]
    assert merge_keys(*(samples[part] for part in parts)) == {"a", "b", "c"}
    first, second, third = (samples[part] for part in parts)
    assert merge_keys(merge_keys(first, second), third) == merge_keys(first, merge_keys(second, third))


ENTRIES = st.one_of(st.none(), st.dictionaries(st.sampled_from(["a", "b", "a.b"]), st.sampled_from(["1", "{}"])))
ROWS = st.lists(st.tuples(st.one_of(OBJECTS, st.none()), ENTRIES), max_size=6)


@settings(max_examples=4 * CASES)
@given(rows=ROWS, data=st.data())
def test_a_reader_that_merges_looks_reads_fields_as_one_that_examined_all_contacts(
    rows: list[tuple[str | None, dict[str, str] | None]], data: st.DataObject
) -> None:
    dtypes = {"custom_fields": pl.String(), "m": pl.Map(pl.String(), pl.String())}
    frame = pl.DataFrame(
        {"custom_fields": [text for text, _ in rows], "m": [entries for _, entries in rows]}, schema=dtypes
    )
    names, columns = {"custom_fields.a", "custom_fields.a.b", "m.a", "m.a.b", "m.zz"}, Columns(dtypes)
    whole, worker, driver = (FieldReader(names, columns, {"custom_fields": "json", "m": "map"}) for _ in range(3))
    whole.examine(frame)
    parts = cut_frame(frame, data)
    looks: list[FieldLook] = [sent(worker.look_at(part)) for part in parts]
    driver.add(merge_looks(looks))
    for reader in (whole, driver):
        reader.finish()
    assert driver.look == whole.look
    assert describe(driver) == describe(whole)
    assert_frame_equal(driver.decode(frame, names), whole.decode(frame, names))


def cut_frame(frame: pl.DataFrame, data: st.DataObject) -> list[pl.DataFrame]:
    """Return a frame in parts, some of which may be empty."""
    ends = sorted(data.draw(st.lists(st.integers(0, frame.height), max_size=3)))
    return [frame[begin:end] for begin, end in zip([0, *ends], [*ends, frame.height], strict=True)]


def describe(reader: FieldReader) -> dict[str, tuple[Any, ...]]:
    return {name: (one.dtype, one.warning, one.kinds, one.is_mixed) for name, one in reader.derived.items()}


def test_an_empty_look_changes_nothing() -> None:
    column = JsonColumn(["a"], objects=True)
    look = column.look_at(series(['{"a": 1}', "{"]))
    assert JsonLook().then(look) == look
    assert look.then(JsonLook()) == look


def test_a_text_that_was_not_json_when_it_was_looked_at_is_no_error_later() -> None:
    column = JsonColumn(["a"], objects=True)
    column.look = column.look_at(pl.Series(['{"a": 1}']))
    later = column.decode(pl.Series(['{"a": 2}', "no JSON", None]), ["a"])  # the file was written in the meantime
    assert later["a"].to_list() == [2, None, None]


def test_texts_that_were_not_looked_at_are_checked() -> None:
    column = JsonColumn(["a"], objects=True)
    column.look = column.look_at(pl.Series(['{"a": 1}']))
    other = column.for_other_texts().decode(pl.Series(['{"a": 2}', '{"a": 3, "b": NaN}', '{"a": 4, }']), ["a"])
    assert other["a"].to_list() == [2, None, None]
