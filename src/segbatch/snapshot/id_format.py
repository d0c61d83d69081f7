"""One contact's id: read as a person writes it, and written as a person reads it."""

import re
from uuid import UUID

import polars as pl
import pyarrow as pa

__all__ = ["UnreadableIdError", "describe_ids", "is_uuid", "matches_id", "write_id"]

_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]+")
_UUID_LENGTH = 16


class UnreadableIdError(Exception):
    """A text that cannot be an id of a snapshot, because of its ids' type."""


def describe_ids(kind: pa.DataType) -> str:
    """Say what ids of a type are, for a message."""
    kind = _plain(kind)
    if is_uuid(kind):
        return "UUIDs"
    if _is_binary(kind):
        return "bytes, written in hexadecimal"
    return "whole numbers" if _is_number(kind) else "texts"


def matches_id(ids: pl.Series, kind: pa.DataType, wanted: object) -> pl.Series:
    """Tell which ids are the one that is wanted.

    Args:
        ids: Ids as `ids_as_series` gives them.
        kind: Their Arrow type.
        wanted: A text as `write_id` writes it, or the id itself.

    Raises:
        UnreadableIdError: It cannot be an id of this type.
    """
    kind = _plain(kind)
    if is_uuid(kind) or _is_binary(kind):
        return ids == pl.Series([_read_bytes(wanted, kind)], dtype=pl.Binary)
    if not _is_number(kind):
        return ids == str(wanted)
    text = str(wanted).strip()
    if not _WHOLE_NUMBER.fullmatch(text):
        raise UnreadableIdError
    return ids.cast(pl.String) == _canonical(text)


def write_id(contact_id: object, kind: pa.DataType) -> str | int:
    """Write an id: a whole number as such, a UUID in its own form, bytes in hexadecimal."""
    if isinstance(contact_id, bytes):
        return str(UUID(bytes=contact_id)) if is_uuid(_plain(kind)) else contact_id.hex()
    return int(str(contact_id)) if _is_number(_plain(kind)) else str(contact_id)


def _plain(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def is_uuid(kind: pa.DataType) -> bool:
    """Tell whether ids are UUIDs; 16 bytes are what a UUID is where the file does not say more."""
    if isinstance(kind, pa.BaseExtensionType):
        return bool(kind.extension_name == "arrow.uuid")
    return bool(pa.types.is_fixed_size_binary(kind) and kind.byte_width == _UUID_LENGTH)


def _is_binary(kind: pa.DataType) -> bool:
    return bool(pa.types.is_fixed_size_binary(kind) or pa.types.is_binary(kind))


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_decimal128(kind))


def _read_bytes(wanted: object, kind: pa.DataType) -> bytes:
    if isinstance(wanted, bytes):
        return wanted
    try:
        return UUID(str(wanted).strip()).bytes if is_uuid(kind) else bytes.fromhex(str(wanted))
    except ValueError:
        raise UnreadableIdError from None


def _canonical(digits: str) -> str:
    """Write a whole number without a plus and without leading zeros, of any length."""
    sign = "-" if digits.startswith("-") else ""
    number = digits.lstrip("+-").lstrip("0") or "0"
    return f"{sign}{number}" if number != "0" else number
