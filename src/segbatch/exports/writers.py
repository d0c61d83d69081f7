"""Writers for the export formats: CSV, JSON Lines and Parquet."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import IO, Literal, Protocol, cast, get_args

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from segbatch.errors import UsageError
from segbatch.exports.cell_format import escape_formulas, find_formulas, format_cells, format_ids, format_json
from segbatch.exports.rows import CONTACT_ID
from segbatch.text import did_you_mean, one_of, shown

Format = Literal["csv", "jsonl", "parquet"]

_SUFFIXES: dict[str, Format] = {
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
}
_BOM = "\N{BYTE ORDER MARK}".encode()
_FEWEST = 50_000
"""The minimum number of rows to write at once, except for the last rows."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns and options of a file.

    Attributes:
        empty: The columns, without rows.
        id_type: The Arrow type of the contact ids.
        json_columns: The columns with JSON texts.
        raw: Leave texts in CSV unchanged, even if a spreadsheet would read them as formulas.
        bom: Start CSV with a byte order mark.
    """

    empty: pl.DataFrame
    id_type: pa.DataType
    json_columns: frozenset[str] = frozenset()
    raw: bool = False
    bom: bool = False


class Writer(Protocol):
    """Writes rows to a file.

    Attributes:
        guarded: The number of cells that got a `'`.
    """

    guarded: int

    def write(self, frame: pl.DataFrame) -> None:
        """Write a frame of rows."""

    def finish(self) -> None:
        """Complete the file without closing it."""


def resolve_format(name: str | None, suffix: str) -> Format:
    """Return the format of an export.

    Args:
        name: The name of the format, if given.
        suffix: The suffix of the file; empty for standard output.

    Raises:
        UsageError: The format does not exist, cannot be determined, or does not match the suffix.
    """
    by_suffix = _SUFFIXES.get(suffix.lower())
    if name is None:
        if by_suffix is None and suffix:
            raise UsageError(f"unknown file extension {shown(suffix)}: use {one_of(_SUFFIXES)}, or pass --format")
        return by_suffix or "csv"
    found = next((known for known in get_args(Format) if known == name), None)
    if found is None:
        hint = did_you_mean(name, get_args(Format)) or f": use {one_of(get_args(Format))}"
        raise UsageError(f"invalid --format {shown(name)}{hint}")
    if by_suffix not in {None, found}:
        raise UsageError(f"the file extension {suffix} contradicts --format {found}; drop one of them")
    return cast("Format", found)


def make_writer(file_format: Format, file: IO[bytes], layout: Layout) -> Writer:
    """Return a writer for a format. A CSV writer writes the header at once."""
    match file_format:
        case "csv":
            return _Csv(file, layout)
        case "jsonl":
            return _JsonLines(file, layout)
        case "parquet":
            return _Parquet(file, layout)


def combine_frames(frames: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """Concatenate small frames, as those of a small segment, to frames that are large enough to write."""
    waiting, rows = list[pl.DataFrame](), 0
    for frame in frames:
        waiting.append(frame)
        rows += len(frame)
        if rows >= _FEWEST:
            yield pl.concat(waiting)
            waiting, rows = [], 0
    if waiting:
        yield pl.concat(waiting)


class _Csv:
    """CSV of RFC 4180 in UTF-8: every text in double quotes, a null as an empty cell."""

    def __init__(self, file: IO[bytes], layout: Layout) -> None:
        self._file, self._layout, self.guarded = file, layout, 0
        names = pl.Series("name", layout.empty.columns)
        head = pl.DataFrame([[name] for name in self._safe(names)], schema=[str(i) for i in range(len(names))])
        self.guarded = 0
        if layout.bom:
            file.write(_BOM)
        self._write(head)

    def write(self, frame: pl.DataFrame) -> None:
        ids = format_ids(frame.get_column(CONTACT_ID), self._layout.id_type)
        cells = [format_cells(column) for column in frame.with_columns(ids).iter_columns()]
        self._write(pl.DataFrame([self._safe(cell) for cell in cells]))

    def finish(self) -> None:
        pass

    def _write(self, cells: pl.DataFrame) -> None:
        text = cells.write_csv(include_header=False, line_terminator="\r\n", quote_style="non_numeric")
        self._file.write(text.encode())

    def _safe(self, cells: pl.Series) -> pl.Series:
        if self._layout.raw or cells.dtype != pl.String:
            return cells
        found = int(find_formulas(cells).sum())
        self.guarded += found
        return escape_formulas(cells) if found else cells


class _JsonLines:
    """JSON Lines: one object on each line."""

    def __init__(self, file: IO[bytes], layout: Layout) -> None:
        self._file, self._layout, self.guarded = file, layout, 0

    def write(self, frame: pl.DataFrame) -> None:
        layout, names = self._layout, frame.columns
        ids = format_ids(frame.get_column(CONTACT_ID), layout.id_type)
        values = [
            format_json(column, is_json=column.name in layout.json_columns).fill_null("null")
            for column in frame.with_columns(ids).iter_columns()
        ]
        keys = format_json(pl.Series("key", names), is_json=False)
        parts = list[pl.Expr]()
        for number, (key, value) in enumerate(zip(keys, values, strict=True)):
            parts += [pl.lit(f"{',' if number else '{'}{key}:"), pl.lit(value)]
        lines = pl.select(pl.concat_str(*parts, pl.lit("}"))).to_series()
        self._file.write(("\n".join(lines) + "\n").encode())

    def finish(self) -> None:
        pass


class _Parquet:
    """Parquet with the types of the snapshot. Times are in UTC."""

    def __init__(self, file: IO[bytes], layout: Layout) -> None:
        self._layout, self.guarded = layout, 0
        self._schema = self._table(layout.empty).schema
        self._writer = pq.ParquetWriter(file, self._schema, compression="zstd")

    def write(self, frame: pl.DataFrame) -> None:
        self._writer.write_table(self._table(frame).cast(self._schema))

    def finish(self) -> None:
        self._writer.close()

    def _table(self, frame: pl.DataFrame) -> pa.Table:
        untyped = [name for name, dtype in frame.schema.items() if dtype == pl.Null or isinstance(dtype, pl.Enum)]
        table = frame.with_columns(frame.get_column(name).cast(pl.String) for name in untyped).to_arrow(
            compat_level=pl.CompatLevel.oldest()
        )
        index = table.schema.get_field_index(CONTACT_ID)
        return table.set_column(index, CONTACT_ID, _cast_ids(table.column(index), self._layout.id_type))


def _cast_ids(ids: pa.ChunkedArray, arrow_type: pa.DataType) -> pa.ChunkedArray:
    """Convert ids to the type that they have in the membership."""
    if isinstance(arrow_type, pa.BaseExtensionType):
        chunks = [
            pa.ExtensionArray.from_storage(arrow_type, chunk.cast(arrow_type.storage_type)) for chunk in ids.chunks
        ]
        return pa.chunked_array(chunks, arrow_type)
    return ids.cast(arrow_type)
