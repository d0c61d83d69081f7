"""A snapshot compared with its schema file, and the columns of a schema file for checks without a snapshot."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import polars as pl
from pydantic import ValidationError

from segbatch.errors import Problem, UsageError
from segbatch.model.invalid_values import invalid_reason
from segbatch.model.schema_file import SchemaField, SchemaFile
from segbatch.platform.files import new_file, replace_file, resolve_destination
from segbatch.snapshot.fields.keys import CUSTOM_FIELDS, UnknownColumnError, find_column
from segbatch.snapshot.fields.resolution import Derived, FieldColumns, resolve
from segbatch.snapshot.fields.types import Kind, UuidType, element_type, is_map_of_keys, kind_of, pair_of
from segbatch.snapshot.snapshot import Snapshot
from segbatch.text import clipped

_OBJECT, _MISSING, _LIST = "object", "missing", "list of "
_TYPES: Mapping[str, pl.DataType] = {
    "text": pl.String(),
    "number": pl.Float64(),
    "boolean": pl.Boolean(),
    "date-time": pl.Datetime("us", "UTC"),
    "date": pl.Date(),
    "UUID": UuidType(),
    "other": pl.Binary(),
    _OBJECT: pl.Struct([]),
    _MISSING: pl.Null(),
}


def type_name(dtype: pl.DataType) -> str:
    """Return the name of a type in a schema file: its kind, with `object` for everything that paths lead into."""
    kind = kind_of(dtype)
    if kind is Kind.STRUCT or is_map_of_keys(dtype) or pair_of(dtype):
        return _OBJECT
    if kind is Kind.LIST:
        return f"{_LIST}{type_name(element_type(dtype))}"
    return _MISSING if kind is Kind.NOTHING else kind.value


def read_schema_file(path: Path) -> SchemaFile:
    """Read a schema file.

    Raises:
        UsageError: The file cannot be read, or is not a schema file.
    """
    try:
        return SchemaFile.model_validate_json(path.read_bytes())
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror} (--schema)") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in first["loc"])
        what = f"${place}: {invalid_reason(first)}"
        message = f"{path}: {what}; write a schema with segbatch columns --schema"
        raise UsageError(f"{message} (--schema)") from None


def schema_destination(path: Path) -> Path:
    """Return the path to write a schema file to. It may replace a schema file, but no other file.

    Raises:
        UsageError: The path is not that of a file, or another file has it.
    """
    found = resolve_destination(path, "--schema")
    if found.exists():
        try:
            read_schema_file(found)
        except UsageError:
            message = "is not a schema file, and is not replaced; choose another path"
            raise UsageError(f"{path}: {message} (--schema)") from None
    return found


def write_schema_file(path: Path, schema_file: SchemaFile) -> None:
    """Write a schema file. It may replace a schema file, but no other file.

    Raises:
        UsageError: The file cannot be written, or another file has this path.
    """
    found = schema_destination(path)
    text = schema_file.model_dump_json(indent=2) + "\n"
    try:
        with new_file(found.with_name(f".{found.name}.new"), text.encode()) as new:
            replace_file(new, found)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror} (--schema)") from None


def schema_file_columns(schema_file: SchemaFile, id_column: str = "id") -> FieldColumns:
    """Return the columns of a schema file, for rules that are compiled without a snapshot.

    Args:
        id_column: The column with the contact ids. Numbers in it are whole.
    """
    columns: dict[str, list[SchemaField]] = {}
    for field in schema_file.fields:
        head = next((name for name in columns if field.path.startswith(f"{name}.")), field.path)
        columns.setdefault(head, []).append(field)
    derived = {
        field.path: Derived(_dtype(field.type), head, ())
        for head, fields in columns.items()
        if len(fields) > 1
        for field in fields
        if field.type != _OBJECT
    }
    types = {head: _column_type(head, fields) for head, fields in columns.items()}
    if types.get(id_column) == pl.Float64():
        types[id_column] = pl.Int64()
    return FieldColumns(types, None, derived)


def _column_type(head: str, fields: list[SchemaField]) -> pl.DataType:
    if len(fields) == 1:
        return _dtype(fields[0].type)
    return _object({field.path[len(head) + 1 :]: field.type for field in fields[1:]})


def _object(types: Mapping[str, str]) -> pl.DataType:
    """Return the struct with the fields at some dotted paths."""
    inside: dict[str, dict[str, str]] = {}
    for path, name in types.items():
        key = next((key for key in inside if path.startswith(f"{key}.")), None)
        if key is None:
            inside[path] = {}
        else:
            inside[key][path[len(key) + 1 :]] = name
    return pl.Struct({key: _object(below) if below else _dtype(types[key]) for key, below in inside.items()})


def _dtype(name: str) -> pl.DataType:
    return pl.List(_dtype(name.removeprefix(_LIST))) if name.startswith(_LIST) else _TYPES[name]


def find_deviations(schema_file: SchemaFile, snapshot: Snapshot, file: Path) -> Iterator[Problem]:
    """Yield a warning for each field of a schema file that a snapshot lacks, or has with another type.

    Fields in JSON texts and maps are compared only if rules read them, since the others are not looked up.

    Args:
        file: The path of the schema file, for the messages.
    """
    for field in schema_file.fields:
        if message := _deviation(field, snapshot, file):
            yield Problem(message, severity="warning")


def _deviation(field: SchemaField, snapshot: Snapshot, file: Path) -> str | None:
    name = clipped(field.path)
    try:
        now = _type_now(field.path, snapshot)
    except UnknownColumnError:
        is_known = _column_of(field.path, snapshot) is not None
        return None if is_known else f"the snapshot has no column '{name}', which {file} lists"
    if _MISSING in {now, field.type}:
        column = snapshot.schema[_column_of(field.path, snapshot) or field.path]
        is_gone = now == _MISSING != field.type and snapshot.rows and kind_of(column) is not Kind.NOTHING
        return f"no contact has '{name}', which {file} lists" if is_gone else None
    return None if now == field.type else f"'{name}' is of type '{now}', but of type '{field.type}' in {file}"


def _type_now(path: str, snapshot: Snapshot) -> str:
    """Return the type of a field in a snapshot.

    Raises:
        UnknownColumnError: The snapshot has no such column, or the data in it was not looked up.
    """
    column = snapshot.schema.alias if path == CUSTOM_FIELDS and snapshot.schema.alias else path
    if column in snapshot.forms:
        return _OBJECT
    return type_name(resolve(path, snapshot.schema).dtype)


def _column_of(path: str, snapshot: Snapshot) -> str | None:
    """Return the column that has a field; None if the snapshot lacks it."""
    try:
        found = find_column(path, snapshot.schema)
    except UnknownColumnError:
        return path
    return None if found is None else found[0]
