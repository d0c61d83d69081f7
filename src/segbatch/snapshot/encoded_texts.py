"""Texts of a batch as their distinct values and a number per contact.

A rule gives the same answer for all contacts with the same text, so it is evaluated once per distinct value.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from segbatch.platform.arrow import as_series
from segbatch.snapshot.arrow.types import is_text
from segbatch.snapshot.fields.children import select_columns

WORTH_ENCODING = 3
"""Minimum number of uses of a column for which it pays to find its distinct texts."""

_FEW = 256
_SHARE = 4
_SAMPLE = 1_024
"""A dictionary is used if it has at most 256 values, or a quarter as many values as the batch has contacts. A column of
other texts is only encoded if its first 1,024 have at most 512 values."""

_KEPT = 2
"""Texts of earlier batches are kept if all are at most twice as many as those of a batch."""


@dataclass(frozen=True, slots=True)
class EncodedTexts:
    """The texts of one column, or of one part of a column, in a batch.

    Attributes:
        frame: The distinct values in their column, followed by one row without a value.
        codes: The row of each contact in `frame`.
    """

    frame: pl.DataFrame
    codes: npt.NDArray[np.int32]


class _Known(NamedTuple):
    """The texts of a column in the batches so far.

    Attributes:
        dictionary: The texts of the last batch, as the file has them.
        places: The row in `frame` of each distinct text of this batch and of earlier ones.
        frame: These texts in their column, followed by one row without a value.
        rows: The row in `frame` of each text of the dictionary, and of a missing one.
    """

    dictionary: pa.Array
    places: Mapping[str, int]
    frame: pl.DataFrame
    rows: npt.NDArray[np.int32]


class DictionaryReader:
    """Reads the texts that consecutive batches have as small dictionaries.

    Row groups often have the same texts in another order. As long as a column has no new text, `EncodedTexts.frame` is
    the same object.
    """

    def __init__(self, leaves: Iterable[str]) -> None:
        """Choose the columns.

        Args:
            leaves: Their dotted paths, as `text_leaves` returns them.
        """
        self._paths = {leaf: leaf.split(".") for leaf in leaves}
        self._known = dict[str, _Known]()

    def read(self, batch: pa.RecordBatch) -> dict[str, EncodedTexts]:
        """Return the texts of those columns of a batch that are small dictionaries, by their dotted path.

        Args:
            batch: The contacts, as read from the file.
        """
        arrays = {leaf: _part(batch, path) for leaf, path in self._paths.items()}
        return {
            leaf: self._encode(leaf, array) for leaf, array in arrays.items() if array is not None and _is_small(array)
        }

    def _encode(self, leaf: str, array: pa.DictionaryArray) -> EncodedTexts:
        known = self._known.get(leaf)
        if known is None or not known.dictionary.equals(array.dictionary):
            known = self._known[leaf] = _find(array.dictionary, self._paths[leaf], known)
        codes = _codes(array.indices, 0, len(array.dictionary))
        return EncodedTexts(known.frame, known.rows.take(codes, mode="clip"))  # faster, and they were validated


def _find(dictionary: pa.Array, path: list[str], known: _Known | None) -> _Known:
    """Find the texts of a dictionary among those that are known, and add new ones."""
    own = dictionary.to_pylist()
    texts = dict.fromkeys(text for text in own if text is not None)
    if known is None or texts.keys() - known.places.keys():
        both = {**known.places, **texts} if known else texts
        kept = both if len(both) <= _KEPT * len(texts) else texts
        places: Mapping[str, int] = {text: row for row, text in enumerate(kept)}
        frame = _frame(pl.Series("texts", [*places], dtype=pl.String), path)
    else:
        places, frame = known.places, known.frame
    missing = len(places)
    rows = np.array([*(places.get(text, missing) for text in own), missing], dtype=np.int32)
    return _Known(dictionary, places, frame, rows)


def encode_columns(frame: pl.DataFrame, names: Collection[str]) -> tuple[pl.DataFrame, dict[str, EncodedTexts]]:
    """Encode those columns of a batch that are texts and have few distinct values.

    Returns:
        The other columns, and the encoded ones by name.
    """
    found = dict[str, EncodedTexts]()
    if not names:
        return frame, found
    for name in frame.columns:
        column = frame.get_column(name).alias("texts")  # methods of a series may read its name as a pattern
        if name in names and column.dtype == pl.String and _has_few(column):
            array = column.to_arrow().dictionary_encode()
            if _is_small(array):
                found[name] = _encode(array, [name])
    return select_columns(frame, [name for name in frame.columns if name not in found]), found


def _has_few(texts: pl.Series) -> bool:
    return texts.head(_SAMPLE).n_unique() <= _SAMPLE // 2


def text_leaves(schema: pa.Schema, leaves: Collection[str]) -> set[str]:
    """Return those dotted paths that lead to texts and cannot be confused with keys that contain dots."""
    return {leaf for leaf in leaves if _is_text_at(pa.struct(list(schema)), leaf.split("."))}


def _is_text_at(arrow_type: pa.DataType, path: list[str]) -> bool:
    if not path:
        return is_text(arrow_type)
    if not pa.types.is_struct(arrow_type):
        return False
    names = [field.name for field in arrow_type]
    starts = f"{path[0]}."
    is_clear = names.count(path[0]) == 1 and not any(name.startswith(starts) for name in names)
    return is_clear and _is_text_at(arrow_type.field(path[0]).type, path[1:])


def _part(batch: pa.RecordBatch, path: list[str]) -> pa.Array | None:
    """Return the array at a path, null where a parent is null; None if the file has another type there."""
    if batch.schema.names.count(path[0]) != 1:
        return None
    array = batch.column(path[0])
    for name in path[1:]:
        index = array.type.get_field_index(name) if pa.types.is_struct(array.type) else -1
        if index < 0:
            return None
        array = array.flatten()[index]
    return array


def _is_small(array: pa.Array) -> bool:
    if not pa.types.is_dictionary(array.type) or not is_text(array.type.value_type):
        return False
    return len(array.dictionary) <= max(_FEW, len(array) // _SHARE)


def encode_few(values: pl.Series) -> pa.Array:
    """Return values as Arrow data, encoded if they are texts and few are distinct."""
    array = values.to_arrow()
    if values.dtype == pl.String and _has_few(values):
        encoded = array.dictionary_encode()
        return encoded if _is_small(encoded) else array
    return array


def encode_arrays(name: str, arrays: Sequence[pa.DictionaryArray]) -> EncodedTexts:
    """Return the texts of a column of which there are consecutive parts. A text may be in the dictionary repeatedly."""
    if len(arrays) == 1:
        return _encode(arrays[0], [name])
    starts = accumulate((len(array.dictionary) for array in arrays), initial=0)
    texts = pa.concat_arrays([array.dictionary for array in arrays])
    codes = [_codes(array.indices, start, len(texts)) for array, start in zip(arrays, starts, strict=False)]
    return EncodedTexts(_frame(as_series("texts", texts), [name]), np.concatenate(codes))


def _encode(array: pa.DictionaryArray, path: list[str]) -> EncodedTexts:
    texts = as_series("texts", array.dictionary)
    return EncodedTexts(_frame(texts, path), _codes(array.indices, 0, len(array.dictionary)))


def _frame(texts: pl.Series, path: list[str]) -> pl.DataFrame:
    """Return texts in the column at a path, followed by one row without a value."""
    *parents, name = path
    frame = pl.concat([texts, pl.Series("texts", [None], dtype=pl.String)]).alias(name).to_frame()
    for parent in reversed(parents):
        frame = frame.to_struct(parent).to_frame()
    return frame


def _codes(indices: pa.Array, start: int, missing: int) -> npt.NDArray[np.int32]:
    """Return the rows of contacts in the frame of texts, from their indices in a dictionary.

    Args:
        start: The row of the dictionary's first text.
        missing: The row without a value.
    """
    codes = as_series("codes", indices).cast(pl.Int32).fill_null(missing - start).to_numpy()
    return np.asarray(codes + np.int32(start) if start else codes, np.int32)
