"""Ids of contacts in related tables, in the type that they are compared in."""

from typing import Literal

import polars as pl
import pyarrow as pa

from segbatch.snapshot.id_format import is_uuid

Family = Literal["whole numbers", "texts", "UUIDs", "bytes"]


def family_of(arrow_type: pa.DataType) -> Family:
    """Return the family of an id type; ids of one family are compared, whatever their width or layout."""
    if pa.types.is_dictionary(arrow_type):
        arrow_type = arrow_type.value_type
    if is_uuid(arrow_type):
        return "UUIDs"
    if pa.types.is_integer(arrow_type) or pa.types.is_decimal(arrow_type):
        return "whole numbers"
    is_bytes = pa.types.is_binary(arrow_type) or pa.types.is_fixed_size_binary(arrow_type)
    return "bytes" if is_bytes else "texts"


def comparable_ids(ids: pl.Series) -> pl.Series:
    """Return ids, as `ids_as_series` returns them, in the type of their family."""
    if ids.dtype.is_integer():
        return ids.cast(pl.Int128)
    return ids.to_physical() if ids.dtype.is_decimal() else ids
