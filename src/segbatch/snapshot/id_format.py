"""Parsing and formatting of contact ids."""

import re
from collections.abc import Iterable
from contextlib import suppress
from uuid import UUID

import polars as pl
import pyarrow as pa

_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]+")
_UUID_LENGTH = 16


class UnreadableIdError(Exception):
    """A text is not a valid id for the type of a snapshot's ids."""


def describe_ids(arrow_type: pa.DataType) -> str:
    """Return a description of ids of a type, for a message."""
    arrow_type = _plain(arrow_type)
    if is_uuid(arrow_type):
        return "UUIDs"
    if _is_binary(arrow_type):
        return "bytes, written in hexadecimal"
    return "whole numbers" if _is_number(arrow_type) else "texts"


def matches_id(ids: pl.Series, arrow_type: pa.DataType, wanted: object) -> pl.Series:
    """Return which ids are equal to the wanted id.

    Args:
        ids: Ids as returned by `ids_as_series`.
        wanted: The id as returned by `write_id`, or the id itself.

    Raises:
        UnreadableIdError: The wanted id is not valid for this type.
    """
    arrow_type = _plain(arrow_type)
    if is_uuid(arrow_type) or _is_binary(arrow_type):
        return ids == pl.Series([_read_bytes(wanted, arrow_type)], dtype=pl.Binary)
    if not _is_number(arrow_type):
        return ids == str(wanted)
    text = str(wanted).strip()
    if not _WHOLE_NUMBER.fullmatch(text):
        raise UnreadableIdError
    return ids.cast(pl.String) == _canonical(text)


def matches_any_id(ids: pl.Series, arrow_type: pa.DataType, wanted: Iterable[object]) -> pl.Series:
    """Return which ids are among the wanted ids. One that is not valid for the type equals no id.

    Args:
        ids: Ids as returned by `ids_as_series`.
        wanted: The ids as returned by `write_id`.
    """
    arrow_type = _plain(arrow_type)
    if is_uuid(arrow_type) or _is_binary(arrow_type):
        read = list[bytes]()
        for one in wanted:
            with suppress(UnreadableIdError):
                read.append(_read_bytes(one, arrow_type))
        return ids.is_in(pl.Series(read, dtype=pl.Binary)).fill_null(value=False)
    texts = pl.Series([str(one) for one in wanted], dtype=pl.String)
    return ids.cast(pl.String).is_in(texts).fill_null(value=False)


def write_id(contact_id: object, arrow_type: pa.DataType) -> str | int:
    """Return an id for output: whole numbers as int, UUIDs in canonical form, bytes in hexadecimal."""
    if isinstance(contact_id, bytes):
        return str(UUID(bytes=contact_id)) if is_uuid(_plain(arrow_type)) else contact_id.hex()
    return int(str(contact_id)) if _is_number(_plain(arrow_type)) else str(contact_id)


def _plain(arrow_type: pa.DataType) -> pa.DataType:
    return arrow_type.value_type if pa.types.is_dictionary(arrow_type) else arrow_type


def is_uuid(arrow_type: pa.DataType) -> bool:
    """Return whether ids are UUIDs. Ids of 16 bytes count as UUIDs if the file does not annotate their type."""
    if isinstance(arrow_type, pa.BaseExtensionType):
        return bool(arrow_type.extension_name == "arrow.uuid")
    return bool(pa.types.is_fixed_size_binary(arrow_type) and arrow_type.byte_width == _UUID_LENGTH)


def has_uuids(arrow_type: pa.DataType) -> bool:
    """Return whether ids of a type, which may be dictionary-encoded, are UUIDs."""
    return is_uuid(_plain(arrow_type))


def _is_binary(arrow_type: pa.DataType) -> bool:
    return bool(pa.types.is_fixed_size_binary(arrow_type) or pa.types.is_binary(arrow_type))


def _is_number(arrow_type: pa.DataType) -> bool:
    return bool(pa.types.is_integer(arrow_type) or pa.types.is_decimal128(arrow_type))


def _read_bytes(wanted: object, arrow_type: pa.DataType) -> bytes:
    if isinstance(wanted, bytes):
        return wanted
    try:
        return UUID(str(wanted).strip()).bytes if is_uuid(arrow_type) else bytes.fromhex(str(wanted))
    except ValueError:
        raise UnreadableIdError from None


def _canonical(digits: str) -> str:
    """Return a whole number of any length without a plus sign and leading zeros."""
    sign = "-" if digits.startswith("-") else ""
    number = digits.lstrip("+-").lstrip("0") or "0"
    return f"{sign}{number}" if number != "0" else number
