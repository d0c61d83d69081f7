"""Values in JSON texts, as JSON: the distinct ones of a batch, their kinds, and their conversion to a common type.

Most values of a field are frequent, so each distinct value is examined and converted once.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from segbatch.snapshot.fields.json_numbers import of_any_length
from segbatch.snapshot.fields.json_texts import FoundValues, JsonTexts
from segbatch.snapshot.fields.json_types import CommonType, Shape, ValueCounts

_Codes = npt.NDArray[np.int32]

_KINDS = ("number", "integer", "text", "boolean", "list", "object")
_STARTS = {'"': 2, "t": 3, "f": 3, "[": 4, "{": 5}
_NUMBER, _INTEGER, _TEXT, _BOOLEAN, _LIST, _OBJECT = range(len(_KINDS))
_SHARE = 4
"""Values are encoded if at most a quarter as many are distinct as there are rows."""

_DTYPES: Mapping[Shape, pl.DataType] = {"integer": pl.Decimal(38, 0), "number": pl.Float64()}


class BatchValues:
    """The values that some pointers find in a batch."""

    def __init__(self, found: FoundValues, reader: JsonTexts) -> None:
        self._texts, self._codes, self._reader = found.texts, found.codes, reader
        self._kinds, self._digits = _kinds_and_digits(pl.Series(found.texts, dtype=pl.String))

    def is_found(self, pointer: int) -> bool:
        """Whether a pointer finds a value in any text."""
        return bool((self._codes[pointer] >= 0).any())

    def first_of(self, pointers: Sequence[int]) -> _Codes:
        """Return the numbers of the values that the first of several pointers finds."""
        codes = np.full(self._codes.shape[1], -1, np.int32)
        for pointer in pointers:
            codes = np.where(codes >= 0, codes, self._codes[pointer])
        return codes

    def count(self, codes: _Codes) -> ValueCounts:
        """Return statistics of values."""
        numbers = np.bincount(codes + 1, minlength=len(self._texts) + 1)[1:]
        used = np.flatnonzero(numbers)
        found = _count(self._kinds[used], self._digits[used], numbers[used])
        if found.kinds["list"]:
            self._count_elements(used[self._kinds[used] == _LIST], numbers, found)
        return found

    def _count_elements(self, lists: npt.NDArray[np.intp], numbers: npt.NDArray[np.intp], found: ValueCounts) -> None:
        """Count the lists that have an element of each kind."""
        elements = self._reader.elements_of(pl.Series(self._texts.take(pa.array(lists)), dtype=pl.String))
        owners = np.repeat(np.arange(len(lists)), elements.list.len().to_numpy())
        texts = elements.explode(empty_as_null=False)
        is_value = (texts != "null").to_numpy()
        kinds, digits = _kinds_and_digits(texts)
        pairs = np.unique(np.stack([owners, kinds])[:, is_value], axis=1)
        of_lists = _count(pairs[1], np.zeros(0, np.int64), numbers[lists[pairs[0]]])
        found.elements, found.element_digits = of_lists.kinds, int(digits[is_value].max(initial=0))

    def column(self, codes: _Codes) -> pa.Array:
        """Return the JSON text of each row, encoded if few are distinct."""
        is_missing = codes < 0
        used = np.flatnonzero(np.bincount(codes + 1, minlength=len(self._texts) + 1)[1:])
        if len(used) * _SHARE > len(codes):
            return self._texts.take(pa.array(codes, mask=is_missing))
        numbers = np.zeros(len(self._texts) + 1, np.min_scalar_type(len(used)))
        numbers[used] = np.arange(len(used))
        return pa.DictionaryArray.from_arrays(
            pa.array(numbers[codes], mask=is_missing), self._texts.take(pa.array(used))
        )


def _kinds_and_digits(texts: pl.Series) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.int64]]:
    """Return the kind of each JSON value, and the number of digits of each whole number."""
    text, start = pl.col("t"), pl.col("t").str.head(1)
    kinds = start.replace_strict(_STARTS, default=_NUMBER, return_dtype=pl.Int64)
    whole = (kinds == _NUMBER) & text.str.contains("^-?[0-9]+$")
    digits = pl.when(whole).then(text.str.strip_prefix("-").str.len_bytes()).otherwise(0).cast(pl.Int64)
    found = texts.to_frame("t").select(pl.when(whole).then(_INTEGER).otherwise(kinds).alias("k"), digits.alias("d"))
    return found["k"].to_numpy().astype(np.intp), found["d"].to_numpy()


def _count(kinds: npt.NDArray[np.intp], digits: npt.NDArray[np.int64], numbers: npt.NDArray[np.intp]) -> ValueCounts:
    totals = np.bincount(kinds, numbers, len(_KINDS))
    found = ValueCounts(digits=int(digits.max(initial=0)))
    found.kinds.update({name: int(total) for name, total in zip(_KINDS, totals, strict=True) if total})
    return found


def convert(values: pa.Array, kind: CommonType, reader: JsonTexts) -> pl.Series:
    """Return JSON values as their common type.

    Objects, and lists that cannot be compared, are returned as text: they can only be checked for presence.
    """
    if not isinstance(values, pa.DictionaryArray):
        return _converted(pl.Series(values, dtype=pl.String), kind, reader)
    distinct = _converted(pl.Series(values.dictionary, dtype=pl.String), kind, reader)
    return distinct.gather(pl.Series(values.indices, dtype=pl.UInt32))


def _converted(texts: pl.Series, kind: CommonType, reader: JsonTexts) -> pl.Series:
    if kind.shape != "list":
        return _scalars(texts, kind.shape)
    lists = reader.elements_of(
        texts.to_frame("t").select(pl.when(pl.col("t").str.starts_with("[")).then("t")).to_series()
    )
    both = pl.DataFrame({"list": lists, "text": texts})
    single = pl.when(pl.col("text").is_not_null()).then(pl.concat_list("text"))
    elements = both.select(pl.coalesce("list", single)).to_series()
    inner = elements.explode(empty_as_null=False, keep_nulls=False)
    return _with_elements(elements, _scalars(inner, kind.element))


def _with_elements(lists: pl.Series, values: pl.Series) -> pl.Series:
    """Return lists of the same lengths with other elements."""
    lengths = lists.list.len()
    offsets = pa.array(np.concatenate([[0], lengths.fill_null(0).cum_sum().to_numpy()]))
    array = pa.LargeListArray.from_arrays(offsets, values.to_arrow(), mask=lengths.is_null().to_arrow())
    return pl.Series(array, dtype=pl.List(values.dtype))


def _scalars(texts: pl.Series, shape: Shape) -> pl.Series:
    """Convert single values. Null in a list is missing."""
    text = pl.when(pl.col("t") != "null").then("t")
    match shape:
        case "integer" | "number":
            value = text.cast(_DTYPES[shape], strict=False)
        case "any length":
            value = of_any_length(text)
        case "boolean":
            value = pl.when(text == "true").then(statement=True).when(text == "false").then(statement=False)
        case _:
            plain = text.str.strip_prefix('"').str.strip_suffix('"')
            value = pl.when(text.str.starts_with('"')).then(plain).otherwise(text)
            return _without_escapes(texts, texts.to_frame("t").select(value).to_series())
    return texts.to_frame("t").select(value).to_series()


def _without_escapes(texts: pl.Series, values: pl.Series) -> pl.Series:
    rows = (texts.str.starts_with('"') & texts.str.contains("\\", literal=True)).arg_true()
    return values.scatter(rows, texts.gather(rows).str.json_decode(pl.String)) if len(rows) else values
