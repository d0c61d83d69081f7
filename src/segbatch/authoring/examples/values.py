"""Values of examples in the types of the columns that they are in."""

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Context, Decimal
from typing import Any
from uuid import UUID

import polars as pl
import pyarrow as pa

from segbatch.authoring.examples.contacts import ExampleContact, InvalidExampleError
from segbatch.compiler.literals import LiteralTypeError, read_number
from segbatch.snapshot.arrow.types import is_list, is_text
from segbatch.snapshot.fields.types import Kind, UuidType, children_of, element_type, kind_of
from segbatch.text import clipped, did_you_mean, shown

JSON = pa.json_()

_ALL_DIGITS = Context(prec=76)
_SIZES = {8: 1 << 7, 16: 1 << 15, 32: 1 << 31, 64: 1 << 63}


def column_array(name: str, arrow_type: pa.DataType, contacts: Sequence[ExampleContact]) -> pa.Array:
    """Return a column of the contacts of examples.

    Args:
        contacts: The contacts; a contact without a value is null.

    Raises:
        ExceptionGroup: Values do not fit the type; one `InvalidExampleError` for each.
    """
    stored = stored_type(arrow_type)
    values, errors = list[Any](), list[Exception]()
    for contact in contacts:
        place = contact.keys.get(name, contact.path)
        try:
            values.append(_read(contact.columns.get(name), arrow_type, name, place))
        except InvalidExampleError as error:
            errors.append(error)
    if errors:
        raise ExceptionGroup("examples", errors)
    array = pa.array(values, stored)
    return pa.ExtensionArray.from_storage(arrow_type, array) if stored != arrow_type else array


def stored_type(arrow_type: pa.DataType) -> pa.DataType:
    """Return the type that a column is stored as."""
    return arrow_type.storage_type if isinstance(arrow_type, pa.BaseExtensionType) else arrow_type


def _read(value: Any, arrow_type: pa.DataType, name: str, place: str) -> Any:
    """Return a value as PyArrow takes it for a type."""
    if value is None:
        return None
    if arrow_type == JSON:
        return json.dumps(value, ensure_ascii=False)
    if pa.types.is_dictionary(arrow_type):
        return _read(value, arrow_type.value_type, name, place)
    if pa.types.is_struct(arrow_type):
        return _read_struct(value, arrow_type, name, place)
    if is_list(arrow_type):
        items = value if isinstance(value, list) else [value]
        return [_read(item, arrow_type.value_type, name, place) for item in items]
    if pa.types.is_map(arrow_type):
        return _read_map(value, arrow_type, name, place)
    return _read_scalar(value, arrow_type, name, place)


def _read_struct(value: Any, arrow_type: pa.StructType, name: str, place: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise InvalidExampleError(_misfit_message(name, "an object", value), place)
    fields = {field.name: field.type for field in arrow_type}
    value = dict(_with_dotted_keys(value, fields))
    for key in value:
        if key not in fields:
            hint = did_you_mean(key, fields)
            raise InvalidExampleError(f"'{clipped(name)}' has no '{clipped(key)}'{hint}", place)
    return {key: _read(child, fields[key], f"{name}.{key}", place) for key, child in value.items()}


def _with_dotted_keys(value: Mapping[str, Any], fields: Collection[str]) -> Iterator[tuple[str, Any]]:
    """Yield the members of an object, with several keys joined if the joined path is one key of a struct."""
    for key, child in value.items():
        inside = f"{key}."
        if key in fields or not isinstance(child, Mapping) or not any(name.startswith(inside) for name in fields):
            yield key, child
        else:
            yield from _with_dotted_keys({inside + name: below for name, below in child.items()}, fields)


def _read_map(value: Any, arrow_type: pa.MapType, name: str, place: str) -> list[tuple[Any, Any]]:
    if not isinstance(value, Mapping):
        raise InvalidExampleError(_misfit_message(name, "an object", value), place)
    if not is_text(arrow_type.key_type):
        raise InvalidExampleError(_unsupported(name, arrow_type), place)
    inner = arrow_type.item_type
    items = _flattened(value) if is_text(inner) else value.items()
    return [(key, _read(child, inner, f"{name}.{key}", place)) for key, child in items]


def _flattened(value: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the members of an object and of the objects in it, with the path of their keys as key."""
    for key, child in value.items():
        if isinstance(child, Mapping):
            yield from ((f"{key}.{name}", below) for name, below in _flattened(child))
        else:
            yield key, child


def _read_scalar(value: Any, arrow_type: pa.DataType, name: str, place: str) -> Any:
    for is_type, kind, read in _READERS:
        if is_type(arrow_type):
            try:
                return read(value, arrow_type)
            except (ValueError, ArithmeticError, TypeError):
                raise InvalidExampleError(_misfit_message(name, kind, value), place) from None
    raise InvalidExampleError(_unsupported(name, arrow_type), place)


def _misfit_message(name: str, kind: str, value: Any) -> str:
    return f"'{clipped(name)}' is {kind}; found {shown(value)}"


def _unsupported(name: str, arrow_type: pa.DataType) -> str:
    return f"'{clipped(name)}' has the type {arrow_type}, and an example cannot have a value of it; leave it out"


def _text(value: Any, _: pa.DataType) -> str:
    """Return a text; an object in a column of texts is JSON."""
    if isinstance(value, Mapping):
        return json.dumps(value, ensure_ascii=False)
    if not isinstance(value, str):
        raise TypeError
    return value


def _boolean(value: Any, _: pa.DataType) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _whole(value: Any, arrow_type: pa.DataType) -> int:
    number = _number(value)
    is_signed = pa.types.is_signed_integer(arrow_type)
    bound = _SIZES[arrow_type.bit_width]
    low, high = (-bound, bound) if is_signed else (0, 2 * bound)
    if number != int(number) or not low <= number < high:
        raise ValueError
    return int(number)


def _number(value: Any) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError
    return value


def _float(value: Any, _: pa.DataType) -> float:
    return float(_number(value))


def _decimal(value: Any, arrow_type: pa.DataType) -> Decimal:
    try:
        number = read_number(value) if isinstance(value, str) else Decimal(str(_number(value)))
    except LiteralTypeError:
        raise TypeError from None
    exact = number.quantize(Decimal(1).scaleb(-arrow_type.scale), context=_ALL_DIGITS)
    if exact != number or len(exact.as_tuple().digits) > arrow_type.precision:
        raise ValueError
    return exact


def _date(value: Any, arrow_type: pa.DataType) -> date:
    return date.fromisoformat(_text(value, arrow_type))


def _moment(value: Any, arrow_type: pa.DataType) -> datetime:
    """Return a moment; a date is its start, and a time without an offset is in UTC, as in the column."""
    moment = datetime.fromisoformat(_text(value, arrow_type))
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return moment if arrow_type.tz is not None else moment.replace(tzinfo=None)


def _uuid(value: Any, arrow_type: pa.DataType) -> bytes:
    return UUID(_text(value, arrow_type)).bytes


def _nothing(value: Any, _: pa.DataType) -> None:
    """Return null: the column has no values, and so no rule can read one."""


_READERS: Sequence[tuple[Callable[[pa.DataType], bool], str, Callable[[Any, pa.DataType], Any]]] = (
    (is_text, "text", _text),
    (pa.types.is_boolean, "true or false", _boolean),
    (pa.types.is_integer, "a whole number", _whole),
    (pa.types.is_floating, "a number", _float),
    (pa.types.is_decimal, "a number with few enough digits", _decimal),
    (pa.types.is_date, "a date such as 2026-12-31", _date),
    (pa.types.is_timestamp, "a time such as 2026-12-31T18:00:00Z", _moment),
    (lambda arrow_type: arrow_type == pa.uuid(), "a UUID", _uuid),
    (pa.types.is_null, "without values", _nothing),
)


def arrow_of(dtype: pl.DataType) -> pa.DataType:
    """Return the Arrow type of a column in a schema file. Objects without known keys are JSON, and UUIDs in them texts.

    Args:
        dtype: The type, as `schema_file_columns` returns it.
    """
    if isinstance(dtype, UuidType):
        return pa.uuid()
    return _arrow_inside(dtype)


def _arrow_inside(dtype: pl.DataType) -> pa.DataType:
    match kind_of(dtype):
        case Kind.LIST:
            return JSON if _has_json(element_type(dtype)) else pa.list_(_arrow_inside(element_type(dtype)))
        case Kind.STRUCT:
            children = children_of(dtype)
            is_known = bool(children) and not any(map(_has_json, children.values()))
            fields = {key: _arrow_inside(child) for key, child in children.items()}
            return pa.struct(fields) if is_known else JSON
        case kind:
            return _ARROW.get(kind) or (pa.int64() if dtype == pl.Int64() else pa.float64())


def _has_json(dtype: pl.DataType) -> bool:
    """Return whether an object without known keys is somewhere in a type; it cannot be stored as a struct."""
    if kind_of(dtype) is Kind.LIST:
        return _has_json(element_type(dtype))
    children = children_of(dtype)
    return kind_of(dtype) is Kind.STRUCT and (not children or any(map(_has_json, children.values())))


_ARROW: Mapping[Kind, pa.DataType] = {
    Kind.TEXT: pa.string(),
    Kind.UUID: pa.string(),
    Kind.BOOLEAN: pa.bool_(),
    Kind.DATETIME: pa.timestamp("us", "UTC"),
    Kind.DATE: pa.date32(),
    Kind.OTHER: pa.duration("us"),
    Kind.NOTHING: pa.null(),
}
