"""One statement of SQL for all the segments: one scan, an array a contact, a row for each of its elements.

Each database has two. The plain one is what is written first: the array is one of texts. The tuned one is the
best that was found: the array is one of an enum or of small numbers, which become texts in the file, and the settings
are those under which it was fastest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from conditions import in_clickhouse, in_duckdb, literal, read_segments, whole

if TYPE_CHECKING:
    from pathlib import Path

NO_LIMITS = "max_query_size = 1000000000, max_ast_elements = 100000000, max_expanded_ast_elements = 100000000"


def texts(segments: list[dict[str, Any]]) -> str:
    """Write the ids of the segments, with commas between them."""
    return ", ".join(literal(segment["id"]) for segment in segments)


def duckdb_plain(contacts: Path, segments: list[dict[str, Any]]) -> str:
    """Write the rows for DuckDB, the array one of texts."""
    cases = ", ".join(f"CASE WHEN {whole(each, in_duckdb)} THEN {literal(each['id'])} END" for each in segments)
    chosen = f"unnest(list_filter([{cases}], lambda one: one IS NOT NULL))"
    return f"SELECT {chosen} AS segment_id, id AS contact_id FROM {literal(str(contacts))}"  # noqa: S608


def duckdb_tuned(contacts: Path, segments: list[dict[str, Any]]) -> str:
    """Write the rows for DuckDB, the array one of an enum `segment` of their ids, whose values are numbers inside."""
    cases = ", ".join(
        f"CASE WHEN {whole(each, in_duckdb)} THEN {literal(each['id'])}::segment END" for each in segments
    )
    chosen = f"unnest(list_filter([{cases}], lambda one: one IS NOT NULL))"
    return f"SELECT {chosen} AS segment_id, id AS contact_id FROM {literal(str(contacts))}"  # noqa: S608


def clickhouse_plain(segments: list[dict[str, Any]]) -> str:
    """Write the columns for ClickHouse, the array one of texts."""
    conditions = ", ".join(whole(each, in_clickhouse) for each in segments)
    chosen = f"arrayJoin(arrayFilter((one, holds) -> holds, [{texts(segments)}], [{conditions}]))"
    return f"{chosen} AS segment_id, id AS contact_id"


def clickhouse_tuned(segments: list[dict[str, Any]]) -> str:
    """Write the columns for ClickHouse, the array one of numbers, which are those of an enum."""
    conditions = ", ".join(whole(each, in_clickhouse) for each in segments)
    numbers = f"range(1, {len(segments) + 1})::Array(UInt16)"
    chosen = f"arrayJoin(arrayFilter((one, holds) -> holds, {numbers}, [{conditions}]))"
    names = ", ".join(f"{literal(each['id'])} = {number}" for number, each in enumerate(segments, 1))
    return f"CAST({chosen}::Int16 AS Enum16({names})) AS segment_id, id AS contact_id"


def duckdb(contacts: Path, definitions: Path, out: Path, *, tuned: bool) -> None:
    """Let DuckDB write the membership.

    Args:
        contacts: The snapshot.
        definitions: The folder of the segments.
        out: The folder to write to.
        tuned: Whether by the better statement.
    """
    import duckdb as database  # noqa: PLC0415 - each peer loads what is its own

    connection = database.connect()
    connection.execute("SET enable_progress_bar = false")
    segments = read_segments(definitions)
    options = "FORMAT parquet"
    if tuned:
        connection.execute("SET preserve_insertion_order = false")
        connection.execute(f"CREATE TYPE segment AS ENUM ({texts(segments)})")
        options += ", COMPRESSION uncompressed"
    rows = duckdb_tuned(contacts, segments) if tuned else duckdb_plain(contacts, segments)
    connection.execute(f"COPY ({rows}) TO {literal(str(out / 'membership.parquet'))} ({options})")


def clickhouse(contacts: Path, definitions: Path, out: Path, *, tuned: bool) -> None:
    """Let ClickHouse, in this process, write the membership.

    Args:
        contacts: The snapshot.
        definitions: The folder of the segments.
        out: The folder to write to.
        tuned: Whether by the better statement.
    """
    import chdb  # noqa: PLC0415 - each peer loads what is its own

    segments = read_segments(definitions)
    columns = clickhouse_tuned(segments) if tuned else clickhouse_plain(segments)
    source = f"file({literal(str(contacts))}, 'Parquet')"
    # Half a million texts a block are much memory where each contact becomes hundreds of rows. Bloom filters and
    # page indexes serve nobody here.
    settings = (
        "max_block_size = 8192, input_format_parquet_max_block_size = 8192, "
        "output_format_parquet_write_bloom_filter = 0, output_format_parquet_write_page_index = 0, "
        "output_format_parquet_enum_as_byte_array = 1"
    )
    target = f"INTO OUTFILE {literal(str(out / 'membership.parquet'))} FORMAT Parquet"
    chdb.query(
        f"SELECT {columns} FROM {source} {target} SETTINGS {NO_LIMITS}{', ' + settings if tuned else ''}"  # noqa: S608
    )
