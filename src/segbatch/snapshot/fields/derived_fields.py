"""Fields that were found in the data of columns, read from a batch or from values that were kept of it."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import polars as pl
import pyarrow as pa

from segbatch.snapshot.encoded_texts import EncodedTexts, encode_arrays
from segbatch.snapshot.fields.alternatives import merge
from segbatch.snapshot.fields.json_column import JsonColumn
from segbatch.snapshot.fields.kept_values import KeptReader, Piece
from segbatch.snapshot.fields.paths import Way
from segbatch.snapshot.fields.resolution import Derived, readable
from segbatch.snapshot.parquet.files import SnapshotFile


@dataclass(slots=True)
class Source:
    """JSON texts at one place: the expression for the texts, and their contents."""

    texts: pl.Expr
    leaf: str
    json: JsonColumn


Sources = Mapping[object, Source]
"""The JSON texts that fields are read from, by `source_of`."""


def source_of(way: Way) -> object:
    """Return the key of the JSON texts that a way leads into."""
    return way.leaf, way.steps[:-1]


def key_of(way: Way) -> object:
    """Return a key that is equal for ways to the same values."""
    return (source_of(way), way.json.key) if way.json is not None else (way.leaf, way.steps)


def decode(frame: pl.DataFrame, wanted: Mapping[str, Derived], sources: Sources) -> pl.DataFrame:
    """Add fields to a batch, which must have the columns they are read from."""
    read = _read_texts(frame, wanted, sources)

    def values_of(way: Way) -> pl.Series:
        if way.json is not None:
            return read[key_of(way)]
        return frame.select(readable(way.expr, way.dtype)[0].alias("v")).to_series()

    return frame.with_columns([_column(name, found, values_of) for name, found in wanted.items()])


def _read_texts(frame: pl.DataFrame, wanted: Mapping[str, Derived], sources: Sources) -> Mapping[object, pl.Series]:
    paths: dict[object, dict[str | None, None]] = {}
    for way in (way for found in wanted.values() for way, _ in found.ways):
        if way.json is not None:
            paths.setdefault(source_of(way), {})[way.json.key] = None
    read: dict[object, pl.Series] = {}
    for key, of_source in paths.items():
        texts = frame.select(sources[key].texts.alias("j")).to_series()
        read.update({(key, path): values for path, values in sources[key].json.decode(texts, of_source).items()})
    return read


@dataclass(frozen=True, slots=True)
class KeptFields:
    """A pass over the kept values of fields.

    Attributes:
        wanted: The fields.
        sources: The JSON texts that they are in.
        texts: The fields that the caller can use as `EncodedTexts`.
        values: The values of the rows that were not read yet.
    """

    wanted: Mapping[str, Derived]
    sources: Sources
    texts: Collection[str]
    values: KeptReader

    def add_to(self, frame: pl.DataFrame, file: SnapshotFile) -> tuple[pl.DataFrame, dict[str, EncodedTexts]]:
        """Add the fields of the next rows to a batch of a file.

        Returns:
            The batch, and the fields that have few distinct texts.

        Raises:
            SnapshotError: The file has more rows than when its values were kept.
        """
        try:
            pieces = self.values.take(frame.height)
        except EOFError:
            raise file.changed() from None
        columns, encoded = list[pl.Series](), dict[str, EncodedTexts]()
        for name, found in self.wanted.items():
            way = found.ways[0][0]
            arrays = [piece[key_of(way)] for piece in pieces]
            are_few = all(isinstance(array, pa.DictionaryArray) for array in arrays)
            if are_few and name in self.texts and len(found.ways) == 1 and isinstance(found.dtype, pl.String):
                encoded[name] = encode_arrays(name, [self._with_texts(way, array) for array in arrays])
            else:
                columns.append(pl.concat([self._column(name, found, piece) for piece in pieces]))
        return frame.with_columns(columns), encoded

    def _column(self, name: str, found: Derived, piece: Piece) -> pl.Series:
        return _column(name, found, lambda way: self._values(way, piece[key_of(way)]))

    def _values(self, way: Way, values: pa.Array) -> pl.Series:
        if way.json is not None:
            return self.sources[source_of(way)].json.convert(values, way.json.key)
        dtype = readable(pl.element(), way.dtype)[1]
        if isinstance(values, pa.DictionaryArray):
            return pl.Series(values.dictionary, dtype=dtype).gather(pl.Series(values.indices, dtype=pl.UInt32))
        return pl.Series(values, dtype=dtype)

    def _with_texts(self, way: Way, values: pa.DictionaryArray) -> pa.DictionaryArray:
        """Return encoded values with texts as the distinct ones."""
        return pa.DictionaryArray.from_arrays(values.indices, self._values(way, values.dictionary).to_arrow())


def _column(name: str, found: Derived, values_of: Callable[[Way], pl.Series]) -> pl.Series:
    """Return a field from the values of each of its ways."""
    values = [values_of(way) for way, _ in found.ways]
    if len(values) == 1:
        return values[0].alias(name)
    parts = pl.DataFrame({str(i): series for i, series in enumerate(values)})
    typed = [(pl.col(str(i)), readable(pl.element(), dtype)[1]) for i, (_, dtype) in enumerate(found.ways)]
    return parts.select(merge(typed, found.dtype).alias(name)).to_series()
