"""Contact ids as they are written: texts as texts, whatever their layout in the snapshot, all others as they are."""

import pyarrow as pa

from segbatch.contacts.columns import is_text

__all__ = ["TEXTS", "picked", "stored", "stored_type", "written_type"]

TEXTS = pa.dictionary(pa.int32(), pa.string())
"""Texts that repeat; in a Parquet file they are texts, coded by a dictionary."""


def stored_type(id_type: pa.DataType) -> pa.DataType:
    """Return the type in which ids of a snapshot are kept."""
    kind = id_type.value_type if pa.types.is_dictionary(id_type) else id_type
    return pa.string() if is_text(kind) else kind


def written_type(id_type: pa.DataType) -> pa.DataType:
    """Return the type in which ids that may repeat go to a Parquet writer: texts by dictionary."""
    kind = stored_type(id_type)
    return TEXTS if kind == pa.string() else kind


def stored(ids: pa.Array) -> pa.Array:
    """Return ids in the type in which they are kept."""
    if pa.types.is_dictionary(ids.type):
        ids = ids.dictionary_decode()
    return ids.cast(pa.string()) if is_text(ids.type) else ids


def picked(ids: pa.Array, rows: pa.Array) -> pa.Array:
    """Return the ids of some rows for a Parquet writer, without copying a text for each.

    Args:
        ids: Ids as they are kept.
        rows: Row numbers, 32-bit.
    """
    if ids.type == pa.string():
        return pa.DictionaryArray.from_arrays(rows, ids, safe=False)
    return ids.take(rows)
