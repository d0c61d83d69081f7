"""The types in which the columns of a query are stored in a snapshot.

A value is stored exactly or not at all: columns whose type Parquet does not have are refused, with the cast to write.
"""

import io
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import MAX_PREC, Context, Decimal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from segbatch.errors import SnapshotError
from segbatch.snapshot.arrow.arrays import convert
from segbatch.snapshot.arrow.types import is_list, is_uuid_type
from segbatch.text import clipped, counted, some_of

_MOST_DIGITS = 38
_FREE_SCALE = 9
"""The decimal places of a Postgres `numeric` without a precision, whose values may have any number."""

_TYPE, _TYPMOD = b"POSTGRESQL:type", b"POSTGRESQL:typmod"
_HEADER = 4
_CASTS = {
    "money": "numeric",
    "interval": "text, or extract(epoch from {column})",
    "hstore": "json",
}
_FIRST_TIMESTAMP, _FIRST_DAY = -9_000_000_000_000_000_000, -2_000_000_000
"""Earlier values overflowed in Arrow: the `infinity` and `-infinity` of Postgres, and timestamps after 294246."""

_INFINITE = pa.array([-(2**63) + 946_684_800_000_000 - 1, -(2**63) + 946_684_800_000_000], pa.int64())
"""The timestamps `infinity` and `-infinity`, which Postgres counts from 2000 and Arrow from 1970."""

_ALL_DIGITS = Context(prec=MAX_PREC)
_PLACES = 18
_CAST = "cast it in the query, for example "


@dataclass(frozen=True, slots=True)
class QueryColumns:
    """The columns of a query, and the types that they are stored in.

    Attributes:
        place: The database, for messages.
        given: The columns as the driver returns them.
        stored: The columns as they are stored.
    """

    place: str
    given: pa.Schema
    stored: pa.Schema

    def convert(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return a batch with the types that are stored.

        Raises:
            SnapshotError: A value does not fit into its type.
        """
        columns = [self._column(*pair) for pair in zip(batch.columns, self.given, self.stored, strict=True)]
        return pa.RecordBatch.from_arrays(columns, schema=self.stored)

    def _column(self, array: pa.Array, given: pa.Field, stored: pa.Field) -> pa.Array:
        _ensure_finite(array, given.name, self.place)
        _ensure_text(array, given.name, self.place)
        if array.type.equals(stored.type):
            return array
        try:
            return _converted(array, stored.type)
        except pa.ArrowInvalid:
            column = clipped(given.name)
            problem = f"the column '{column}' has a value that {_in_words(stored.type)} cannot store exactly"
            raise SnapshotError(f"{self.place}: {problem}; {_CAST}{_cast_of(array, column)}") from None


def plan_columns(schema: pa.Schema, place: str) -> QueryColumns:
    """Choose the types that the columns of a query are stored in.

    Args:
        schema: The columns as the driver returns them.
        place: The database, for messages.

    Raises:
        SnapshotError: The query has no columns, or columns that cannot be stored. All of them are named.
    """
    if not schema.names:
        raise SnapshotError(f"{place}: the query returns no columns; write a query that selects contacts (--query)")
    if repeated := [name for name, number in Counter(schema.names).items() if number > 1]:
        problem = f"{counted(len(repeated), 'column')} of the query have the same name as another"
        raise SnapshotError(f"{place}: {problem}: {some_of(repeated)}; rename them with AS")
    stored = [_stored_field(field) for field in schema]
    if refused := [field for field, target in zip(schema, stored, strict=True) if target is None]:
        raise SnapshotError(f"{place}: {'; '.join(map(_refusal, refused))}")
    return QueryColumns(place, schema, pa.schema([field for field in stored if field is not None]))


def _stored_field(field: pa.Field) -> pa.Field | None:
    target = None if _type_name(field) == "money" else _stored_type(field)
    if target is None or not _fits_into_parquet(target):
        return None
    return pa.field(field.name, target)


def _stored_type(field: pa.Field) -> pa.DataType | None:
    """Return the type to store a column in; None if the values would not be exact."""
    arrow_type = field.type
    if isinstance(arrow_type, pa.OpaqueType):
        is_number = arrow_type.type_name == "numeric" and pa.types.is_string(arrow_type.storage_type)
        return _decimal_of(field.metadata or {}) if is_number else None
    if isinstance(arrow_type, pa.BaseExtensionType):
        return arrow_type if is_uuid_type(arrow_type) else arrow_type.storage_type
    if is_list(arrow_type):
        value = _stored_type(arrow_type.value_field)
        return None if value is None else pa.list_(value)
    if pa.types.is_struct(arrow_type):
        fields = {child.name: _stored_type(child) for child in arrow_type}
        return None if None in fields.values() else pa.struct(list(fields.items()))
    return arrow_type


def _decimal_of(metadata: Mapping[bytes, bytes]) -> pa.DataType | None:
    """Return the decimal for a Postgres `numeric(precision, scale)`; without a precision, one with nine places."""
    modifier = int(metadata.get(_TYPMOD, b"-1")) - _HEADER
    if modifier < 0:
        return pa.decimal128(_MOST_DIGITS, _FREE_SCALE)
    precision, scale = modifier >> 16, ((modifier & 0x7FF) ^ 0x400) - 0x400
    digits = max(precision - min(scale, 0), scale)
    return pa.decimal128(digits, max(scale, 0)) if digits <= _MOST_DIGITS else None


def _fits_into_parquet(arrow_type: pa.DataType) -> bool:
    try:
        pq.ParquetWriter(io.BytesIO(), pa.schema([("x", arrow_type)])).close()
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid):
        return False
    return not any(map(pa.types.is_duration, _leaves(arrow_type)))


def _leaves(arrow_type: pa.DataType) -> Iterator[pa.DataType]:
    if arrow_type.num_fields:
        for index in range(arrow_type.num_fields):
            yield from _leaves(arrow_type.field(index).type)
    else:
        yield arrow_type


def _type_name(field: pa.Field) -> str:
    metadata = field.metadata or {}
    return metadata[_TYPE].decode() if _TYPE in metadata else str(field.type)


def _refusal(field: pa.Field) -> str:
    name, type_name = clipped(field.name), _type_name(field)
    target = _CASTS.get(type_name, "double precision" if type_name == "numeric" else "text").format(column=f'"{name}"')
    return f"the column '{name}' has the type {clipped(type_name)}, which a snapshot cannot store; cast it to {target}"


def _in_words(arrow_type: pa.DataType) -> str:
    if pa.types.is_decimal(arrow_type):
        return f"a number of {arrow_type.precision} digits with {arrow_type.scale} decimal places"
    return str(arrow_type)


def _cast_of(array: pa.Array, column: str) -> str:
    """Return a cast of numbers in texts: to a decimal that stores all of them, if there is one."""
    as_double = f'CAST("{column}" AS double precision)'
    storage = array.storage if isinstance(array, pa.ExtensionArray) else array
    if not pa.types.is_string(storage.type):
        return as_double
    numbers = [Decimal(text) for text in storage.drop_null().to_pylist() if text.lower() != "nan"]
    if not all(number.is_finite() for number in numbers):
        return as_double
    whole = max(number.adjusted() + 1 for number in numbers)
    places = max(-int(number.normalize(_ALL_DIGITS).as_tuple().exponent) for number in numbers)
    places = max(places, min(_PLACES, _MOST_DIGITS - max(whole, 0)))
    fits = whole + places <= _MOST_DIGITS
    return f'CAST("{column}" AS numeric(38, {places})) or AS double precision' if fits else as_double


def _converted(array: pa.Array, arrow_type: pa.DataType) -> pa.Array:
    """Convert an array.

    Raises:
        pa.ArrowInvalid: A value does not fit into the type.
    """
    if _has_long_number(array):
        raise pa.ArrowInvalid
    try:
        return convert(array, arrow_type)
    except pa.ArrowInvalid:
        return convert(_without_nan(array), arrow_type)


def _has_long_number(array: pa.Array) -> bool:
    """Return whether a text has more digits than a decimal, which PyArrow converts to another number."""
    if is_list(array.type):
        return _has_long_number(array.flatten())
    if pa.types.is_struct(array.type):
        return any(map(_has_long_number, array.flatten()))
    if not _is_number_in_text(array):
        return False
    if (pc.max(pc.binary_length(array.storage)).as_py() or 0) <= _MOST_DIGITS:
        return False
    digits = pc.replace_substring(pc.utf8_ltrim(array.storage, "-0."), ".", "")
    return bool(pc.any(pc.greater(pc.utf8_length(digits), _MOST_DIGITS)).as_py())


def _is_number_in_text(array: pa.Array) -> bool:
    return isinstance(array, pa.ExtensionArray) and pa.types.is_string(array.storage.type)


def _without_nan(array: pa.Array) -> pa.Array:
    """Return numbers in texts with null in place of NaN, which counts as missing."""
    if _is_number_in_text(array):
        is_nan = pc.equal(pc.utf8_lower(array.storage), "nan")
        return pc.if_else(is_nan, pa.scalar(None, pa.string()), array.storage)
    return array


def _ensure_finite(array: pa.Array, name: str, place: str) -> None:
    """Raise an error if a date or a timestamp is infinite, or too late for Arrow."""
    if is_list(array.type):
        _ensure_finite(array.flatten(), name, place)
        return
    is_time = pa.types.is_timestamp(array.type)
    if not is_time and not pa.types.is_date32(array.type):
        return
    units = array.view(pa.int64() if is_time else pa.int32())
    first = pc.min(units).as_py()
    if first is not None and first < (_FIRST_TIMESTAMP if is_time else _FIRST_DAY):
        column = clipped(name)
        if is_time and not pc.any(pc.is_in(units, _INFINITE)).as_py():
            problem, example = "a date after the year 294246", f"LEAST(\"{column}\", '9999-12-31')"
        else:
            problem, example = "an infinite date", f"NULLIF(\"{column}\", 'infinity')"
        advice = f"replace it in the query, for example {example}"
        raise SnapshotError(f"{place}: the column '{column}' has {problem}, which a snapshot cannot store; {advice}")


def _ensure_text(array: pa.Array, name: str, place: str) -> None:
    """Raise an error if a text is not UTF-8, which SQLite does not ensure."""
    if not pa.types.is_string(array.type):
        return
    try:
        array.validate(full=True)
    except pa.ArrowInvalid:
        column = clipped(name)
        advice = f'cast it in the query: CAST("{column}" AS BLOB)'
        raise SnapshotError(f"{place}: the column '{column}' has a text that is not UTF-8; {advice}") from None
