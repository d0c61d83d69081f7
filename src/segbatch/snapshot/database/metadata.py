"""The query in the metadata of a Parquet file."""

from collections.abc import Mapping

from pydantic import ValidationError

from segbatch.model.input_records import DatabaseSource

_KEY = b"segbatch:source"


def metadata_of(source: DatabaseSource) -> Mapping[bytes, bytes]:
    """Return the metadata with the record of a query."""
    return {_KEY: source.model_dump_json().encode()}


def source_in(metadata: Mapping[bytes, bytes] | None, rows: int) -> DatabaseSource | None:
    """Return the query in the metadata of a Parquet file, or None.

    Programs that filter a file copy its metadata. Then the number of rows differs, and the query is not that of the
    file.
    """
    text = (metadata or {}).get(_KEY)
    try:
        source = None if text is None else DatabaseSource.model_validate_json(text)
    except ValidationError:
        return None
    return source if source is not None and source.rows == rows else None
