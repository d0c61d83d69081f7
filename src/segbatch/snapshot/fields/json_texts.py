"""JSON texts in DuckDB: which texts can be read, and the values in them."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from segbatch.snapshot.fields.json_text import listed

if TYPE_CHECKING:
    import duckdb

_KIND, _KIND_IF_VALID = "json_type(j)", "CASE WHEN json_valid(j) THEN json_type(j) END"
"""The kind of a text. The first expression parses once instead of twice, and fails for a text that is not JSON."""

_LOOSE = (r"(?i)nan|inf", r",[ \t\r\n]*[}\]]")
"""Patterns of texts that may not be JSON in the standard. Two searches are three times as fast as one for both."""
_QUOTED = r'"(?:\\.|[^"\\])*"'

_CHUNK = 16_384
"""Number of texts that DuckDB processes at a time, on each of its threads."""


class BrokenTextError(Exception):
    """A text in the batch is not JSON."""


class JsonTexts:
    """A DuckDB connection with one batch of JSON texts at a time, in the column `j` of the table `batch`.

    The connection is opened on first use, and again in a process that unpickles the object. Threads that share the
    object use it one after the other.
    """

    def __init__(self, *, objects: bool) -> None:
        """Prepare to read texts.

        Args:
            objects: Whether every text must be an object.
        """
        self.objects = objects
        self._lock = threading.RLock()
        self._had_broken = False

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle without the connection."""
        return _json_texts, (self.objects,)

    @cached_property
    def _connection(self) -> "duckdb.DuckDBPyConnection":
        import duckdb  # noqa: PLC0415 - slow to import, and only needed for JSON texts

        return duckdb.connect(config={"arrow_large_buffer_size": True})

    @contextmanager
    def using(self, texts: pl.Series) -> Iterator[None]:
        """Register texts as the batch that queries read."""
        with self._lock:
            self._register(texts)
            yield

    def _register(self, texts: pl.Series) -> None:
        """Register texts in chunks that DuckDB reads in parallel."""
        table = pa.table({"j": texts.to_arrow(compat_level=pl.CompatLevel.newest())})  # without a copy of the texts
        self._connection.register("batch", pa.Table.from_batches(table.to_batches(_CHUNK), table.schema))

    def rows_of(self, sql: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        return self._connection.execute(sql).fetchall()

    def table_of(self, sql: str) -> pa.Table:
        """Return the rows of a query as an Arrow table.

        Raises:
            BrokenTextError: A text that the query reads is not JSON.
        """
        from duckdb import InvalidInputException  # noqa: PLC0415 - as above

        try:
            return self._connection.sql(sql).to_arrow_table()
        except InvalidInputException:
            raise BrokenTextError from None

    def read(self, texts: pl.Series, pointers: Sequence[str]) -> tuple[pl.Series, "FoundValues"]:
        """Return the kind of JSON of each text, null for texts that are not JSON, and the values at some pointers.

        The texts are parsed once if all that begin like an object are JSON.
        """
        if not self._had_broken:
            kinds = _strictly(texts, self._kinds_by_start(texts))
            try:
                return kinds, self.find(self.readable(texts, kinds), pointers)
            except BrokenTextError:
                self._had_broken = True
        kinds = self.kinds_of(texts)
        return kinds, self.find(self.readable(texts, kinds), pointers)

    def find(self, texts: pl.Series, pointers: Sequence[str]) -> "FoundValues":
        """Return the values at some pointers in texts that can be read, as JSON.

        Raises:
            BrokenTextError: A text is not JSON.
        """
        if not pointers or texts.null_count() == len(texts):
            return FoundValues(pa.array([], pa.large_string()), np.full((len(pointers), len(texts)), -1, np.int32))
        sql = f"SELECT json_extract(coalesce(j, 'null'), {listed(pointers)}) AS v FROM batch"
        with self.using(texts):
            lists = self.table_of(sql).column(0)
        values = pa.chunked_array([chunk.flatten() for chunk in lists.chunks], pa.large_string()).dictionary_encode()
        encoded = values.combine_chunks()
        codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).reshape(-1, len(pointers))
        return FoundValues(encoded.dictionary, np.ascontiguousarray(codes.T))

    def elements_of(self, lists: pl.Series) -> pl.Series:
        """Return the elements of JSON lists, as JSON."""
        with self.using(lists):
            return pl.Series(self.table_of("SELECT json_extract(j, '$[*]') AS v FROM batch").column(0))

    def kinds_of(self, texts: pl.Series) -> pl.Series:
        """Return the kind of JSON of each text; null for texts that are not JSON."""
        with self.using(texts):
            try:
                kinds = self._column(_KIND_IF_VALID if self._had_broken else _KIND)
            except BrokenTextError:
                self._had_broken = True
                kinds = self._column(_KIND_IF_VALID)
        return _strictly(texts, kinds)

    def _kinds_by_start(self, texts: pl.Series) -> pl.Series:
        """Return the kinds of the texts; those that begin like an object count as one without being parsed."""
        is_object = texts.str.starts_with("{")
        rest = (~is_object & texts.is_not_null()).arg_true()
        kinds = pl.select(pl.when(is_object).then(pl.lit("OBJECT"))).to_series()
        if not len(rest):
            return kinds
        others = texts.gather(rest)
        with self.using(others):
            return kinds.scatter(rest, self._column(_KIND_IF_VALID))

    def _column(self, expression: str) -> pl.Series:
        return pl.Series(self.table_of(f"SELECT {expression} FROM batch").column(0))

    def readable(self, texts: pl.Series, kinds: pl.Series | None = None) -> pl.Series:
        """Return the texts that can be read, with null in place of the others.

        Args:
            kinds: The kinds of the texts, if they are known.
        """
        found = self.kinds_of(texts) if kinds is None else kinds
        good = (found == "OBJECT").fill_null(value=False) if self.objects else found.is_not_null()
        if good.sum() + texts.null_count() == len(texts):
            return texts
        return texts.to_frame("j").select(pl.when(good).then("j")).to_series()

    def broken_rows(self, texts: pl.Series, kinds: pl.Series) -> pl.Series:
        """Return the rows of the texts that are not JSON, or not an object if objects are required."""
        good = kinds.is_in(["OBJECT", "NULL"]).fill_null(value=False) if self.objects else kinds.is_not_null()
        return (texts.is_not_null() & ~good).arg_true()


class FoundValues:
    """The values at some pointers in texts, as JSON.

    Attributes:
        texts: The distinct values.
        codes: For each pointer, the number of each text's value in `texts`; -1 for no value, and for null.
    """

    def __init__(self, texts: pa.Array, codes: npt.NDArray[np.int32]) -> None:
        null = texts.index("null").as_py()
        self.texts, self.codes = texts, np.where(codes == null, np.int32(-1), codes) if null >= 0 else codes


def _json_texts(objects: bool) -> JsonTexts:  # noqa: FBT001 - pickle passes arguments by position
    return JsonTexts(objects=objects)


def _strictly(texts: pl.Series, kinds: pl.Series) -> pl.Series:
    """Replace by null the kind of texts that are JSON for DuckDB, but not in the standard.

    Such texts have NaN, Infinity, or a comma before a closing bracket. These are searched outside of quoted texts, and
    only if the whole text has something like them.
    """
    rows = _is_loose(texts).arg_true()
    outside = texts.gather(rows).str.replace_all(_QUOTED, "0")
    return kinds.scatter(rows.filter(_is_loose(outside)), None)


def _is_loose(texts: pl.Series) -> pl.Series:
    words, commas = (texts.str.contains(pattern) for pattern in _LOOSE)
    return words | commas
