"""Writers for the export formats: CSV, JSON Lines and Parquet.

In text, times are written as ISO 8601, bytes in hexadecimal, lists and objects as JSON.

CSV is protected against CSV injection: spreadsheets would execute text from a contact that looks like a formula. As
OWASP advises, a `'` is put before such text, and before such a part of a text that another cell separator would turn
into a cell.
"""

import json
from dataclasses import dataclass
from typing import IO, Literal, Protocol
from uuid import UUID

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from segbatch.exports.rows import CONTACT_ID
from segbatch.snapshot.fields.children import child
from segbatch.snapshot.fields.children import column as named
from segbatch.snapshot.fields.types import element_type, instance, is_map_of_keys, value_type
from segbatch.snapshot.id_format import is_uuid

Format = Literal["csv", "jsonl", "parquet"]

_BOM = "\N{BYTE ORDER MARK}".encode()

_SIGNS = r"[=+\-@＝＋－＠]"  # noqa: RUF001 - full-width forms count as well
_UNSEEN = r"\s\p{Z}\p{C}"
"""White space and invisible characters, which spreadsheets skip."""

_FORMULA = rf"^(?:[\t\r\n]|[{_UNSEEN}]*{_SIGNS})"
_INNER_FORMULA = rf"([;\t\r\n][{_UNSEEN}\"]*)({_SIGNS})"
"""The start of a formula after a `;`, a tab or a line break inside a text.

Programs that separate cells by `;` or a tab start a new cell there. They read our quotes as a part of the cell, so a
line break ends the row as well.
"""

_BEFORE, _BEHIND = '{"x":', "}"
"""The JSON before and after a value in an object with that value only."""

_NO_BREAKS = str.maketrans("\r\n", "  ")
"""In JSON, line breaks are only valid where a blank is valid too."""

_INSTANT = "%Y-%m-%dT%H:%M:%S%.fZ"
_MOST_DAYS = 95_000_000
"""The number of days before and after 1970 that Polars' calendar covers."""


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


def make_writer(file_format: Format, file: IO[bytes], layout: Layout) -> Writer:
    """Return a writer for a format. A CSV writer writes the header at once."""
    match file_format:
        case "csv":
            return _Csv(file, layout)
        case "jsonl":
            return _JsonLines(file, layout)
        case "parquet":
            return _Parquet(file, layout)


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
        ids = _format_ids(frame.get_column(CONTACT_ID), self._layout.id_type)
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
        ids = _format_ids(frame.get_column(CONTACT_ID), layout.id_type)
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


def _format_ids(ids: pl.Series, arrow_type: pa.DataType) -> pl.Series:
    """Format UUIDs as UUIDs and other binary ids in hexadecimal. Other ids are returned unchanged."""
    if ids.dtype != pl.Binary:
        return ids
    if not is_uuid(arrow_type):
        return ids.bin.encode("hex")
    return pl.Series(ids.name, [str(UUID(bytes=value)) for value in ids], pl.String)


def find_formulas(texts: pl.Series) -> pl.Series:
    """Return which texts a spreadsheet or another program would read as a formula, or would find a formula in."""
    return (texts.str.contains(_FORMULA) | texts.str.contains(_INNER_FORMULA)).fill_null(value=False)


def escape_formulas(texts: pl.Series) -> pl.Series:
    """Put a `'` before texts that look like a formula, and inside texts before each formula that could start a cell."""
    column = named(texts.name)
    inside = column.str.replace_all(_INNER_FORMULA, "${1}'${2}")
    marked = pl.when(column.str.contains(_FORMULA)).then(pl.concat_str(pl.lit("'"), inside)).otherwise(inside)
    return texts.to_frame().select(marked.alias(texts.name)).to_series()


def format_cells(values: pl.Series) -> pl.Series:
    """Return values as CSV cells: numbers and booleans unchanged, all other types as text."""
    if values.dtype.is_nested():
        return format_json(values, is_json=False)
    return _plain(values, keep_decimals=True)


def format_json(values: pl.Series, *, is_json: bool) -> pl.Series:
    """Return each value as JSON. Null stays null.

    Args:
        values: The values to convert.
        is_json: Whether the texts are already JSON. Texts that are not valid JSON become JSON strings.
    """
    if is_json:
        return pl.Series(values.name, [None if text is None else _one_line(text) for text in values], pl.String)
    if values.dtype.is_decimal():
        return values.cast(pl.String)
    value = pl.struct(_plain(values).alias("x")).struct.json_encode()
    text = pl.select(value.str.strip_prefix(_BEFORE).str.strip_suffix(_BEHIND).alias(values.name)).to_series()
    return text.to_frame().select(pl.when(values.is_not_null()).then(named(values.name))).to_series()


def _one_line(text: str) -> str:
    try:
        json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return json.dumps(text, ensure_ascii=False)
    return text.translate(_NO_BREAKS)


def _refuse(name: str) -> None:
    raise ValueError(name)


def _plain(values: pl.Series, *, keep_decimals: bool = False) -> pl.Series:
    if keep_decimals and values.dtype.is_decimal():
        return values
    return values.to_frame().select(_expressed(named(values.name), values.dtype).alias(values.name)).to_series()


def _expressed(value: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Convert a value to the types of JSON: numbers, booleans, texts, and lists and structs of these."""
    match dtype:
        case pl.Datetime(time_unit="ns"):
            return value.to_physical().cast(pl.Datetime("ns", "UTC")).dt.strftime(_INSTANT)
        case pl.Datetime():
            a_day = 86_400_000 if dtype.time_unit == "ms" else 86_400_000_000
            return _or_infinity(value, pl.Datetime(dtype.time_unit, "UTC"), _MOST_DAYS * a_day, _INSTANT)
        case pl.Date():
            return _or_infinity(value, dtype, _MOST_DAYS, "%Y-%m-%d")
        case pl.Time() | pl.Duration():
            return value.dt.to_string("iso:strict")
        case pl.Binary():
            return value.bin.encode("hex")
        case pl.Categorical() | pl.Enum() | pl.Null():
            return value.cast(pl.String)
        case pl.Decimal():
            return value.cast(pl.Float64 if dtype.scale else pl.Int128)
        case _:
            return _expressed_parts(value, dtype) if dtype.is_nested() else value


def _or_infinity(value: pl.Expr, dtype: pl.DataType, most: int, form: str) -> pl.Expr:
    """Format a date or timestamp, with far values as `infinity`. Polars aborts the process on values that far away."""
    units = value.to_physical()
    far = pl.when(units > most).then(pl.lit("infinity")).when(units < -most).then(pl.lit("-infinity"))
    return far.otherwise(units.clip(-most, most).cast(dtype).dt.strftime(form))


def _expressed_parts(value: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    match dtype:
        case pl.Array():
            return _expressed(value.arr.to_list(), pl.List(dtype.inner))
        case pl.List():
            return value.list.eval(_expressed(pl.element(), element_type(dtype)))
        case pl.Map() if not is_map_of_keys(dtype) or not _is_plain(value_type(dtype)):
            return _expressed(value.map.entries(), pl.List(pl.Struct({"key": dtype.key, "value": dtype.value})))
        case pl.Struct() if dtype.fields:
            parts = [
                _expressed(child(value, field.name, instance(field.dtype)), instance(field.dtype)).alias(field.name)
                for field in dtype.fields
            ]
            return pl.when(value.is_not_null()).then(pl.struct(parts))
        case _:
            return value


def _is_plain(dtype: pl.DataType) -> bool:
    return isinstance(dtype, pl.String | pl.Boolean) or dtype.is_integer() or dtype.is_float()
