"""The views over plain Parquet files in object storage, for DuckDB.

A view cannot take the name of a folder from a query, but from a variable. So a session reads the small file `current`
once, and sees that run until it reads the file again.
"""

from collections.abc import Mapping, Sequence

from pydantic import BaseModel

from segbatch.model.manifest import RunRecord, SegmentRecord
from segbatch.sql.views.output import OutputAddress
from segbatch.sql.views.over_tables import MEMBERSHIP_HISTORY, Statements, create_view, qualified
from segbatch.storage.layout import CHANGES, CURRENT, HISTORY, MANIFEST, MEMBERSHIP, RUNS
from segbatch.storage.record_columns import column_types
from segbatch.storage.run_files import CHANGES_FOLDER
from segbatch.storage.sql_paths import quoted

_LARGEST_JSON = 1 << 28
"""Bytes of a manifest or a history, which DuckDB reads as one value. Its default is 16 MB."""

_SESSION = "Begin each session with these three statements, and repeat them to see a newer run."

_FOLDER = """SET VARIABLE segbatch_run = (
  SELECT {runs} || TRIM(content, CHR(10)) FROM READ_TEXT({current})
)"""

_FOLDERS = """SET VARIABLE segbatch_runs = (
  SELECT LIST({runs} || past.folder ORDER BY place DESC)
  FROM (SELECT UNNEST(runs) AS past, UNNEST(RANGE(LEN(runs))) AS place FROM {history})
)"""

_ALL_CHANGES = """SET VARIABLE segbatch_changes = (
  SELECT LIST({runs} || past.folder || IF(past.buckets IS NULL, '/{file}', '/{folder}/*.parquet') ORDER BY place DESC)
  FROM (SELECT UNNEST(runs) AS past, UNNEST(RANGE(LEN(runs))) AS place FROM {history})
)"""

_MEMBERSHIP = """SELECT segment_id, contact_id
FROM READ_PARQUET(GETVARIABLE('segbatch_run') || '/{membership}/*.parquet', hive_partitioning = FALSE)"""

_SEGMENTS = """SELECT {columns}
FROM (SELECT UNNEST(segments) AS segment FROM {manifest})"""

_RUNS = """SELECT {columns}, run_number
FROM (SELECT UNNEST(runs) AS past, UNNEST(RANGE(1, LEN(runs) + 1)) AS run_number FROM {history})"""

_RENAMES = """WITH RECURSIVE history AS (
  SELECT UNNEST(runs) AS past, UNNEST(RANGE(1, LEN(runs) + 1)) AS number FROM {history}
), reused AS (
  SELECT number, id, ROW_NUMBER() OVER (PARTITION BY id ORDER BY number) AS times
  FROM (SELECT number, UNNEST(past.reused) AS id FROM history)
), deleted AS (
  SELECT number, LIST(STRUCT_PACK(key := id, value := id || '~' || times)) AS ids FROM reused GROUP BY number
), present AS (
  SELECT MAX(number) AS number, CAST(MAP {{}} AS MAP(VARCHAR, VARCHAR)) AS ids FROM history
  UNION ALL
  SELECT p.number - 1, MAP_FROM_ENTRIES(LIST_CONCAT(
    LIST_FILTER(
      LIST_CONCAT(
        LIST_FILTER(MAP_ENTRIES(p.ids), lambda one: NOT LIST_CONTAINS(MAP_VALUES(h.past.renamed), one.key)),
        COALESCE(d.ids, [])
      ),
      lambda one: NOT LIST_CONTAINS(MAP_KEYS(h.past.renamed), one.key)
    ),
    LIST_TRANSFORM(MAP_ENTRIES(h.past.renamed), lambda one:
      STRUCT_PACK(key := one.key, value := COALESCE(p.ids[one.value], one.value)))
  ))
  FROM present AS p JOIN history AS h ON h.number = p.number LEFT JOIN deleted AS d ON d.number = p.number
  WHERE p.number > 1
)
SELECT h.past.run.run_id, UNNEST(MAP_KEYS(p.ids)) AS old_id, UNNEST(MAP_VALUES(p.ids)) AS new_id
FROM present AS p JOIN history AS h ON h.number = p.number"""

_CHANGES = """SELECT c.run_id, c.as_of, COALESCE(n.new_id, c.segment_id) AS segment_id, c.contact_id, c.change
FROM READ_PARQUET(GETVARIABLE('segbatch_changes'), hive_partitioning = FALSE) AS c
LEFT JOIN {renames} AS n ON n.run_id = c.run_id AND n.old_id = c.segment_id"""

_SEGMENT_RUNS = """SELECT m.run_id, m.as_of, COALESCE(n.new_id, m.segment.segment_id) AS segment_id, m.segment.status,
  m.segment.member_count, m.segment.entered, m.segment.exited, m.segment.fingerprint
FROM (SELECT run.run_id, run.as_of, UNNEST(segments) AS segment FROM {manifests}) AS m
LEFT JOIN {renames} AS n ON n.run_id = m.run_id AND n.old_id = m.segment.segment_id"""


def statements_over_files(address: OutputAddress, schema: Sequence[str]) -> Statements:
    """Return DuckDB's statements for an output of plain Parquet files. For the rest, see `statements_over_tables`."""
    first, *others = _variables(address.location)
    renames = qualified(schema, "segment_renames", "duckdb").sql("duckdb")
    views = [
        ("", f"CREATE OR REPLACE VIEW {qualified(schema, name, 'duckdb').sql('duckdb')} AS\n{query}")
        for name, query in _queries(renames).items()
    ]
    history = create_view("membership_history", MEMBERSHIP_HISTORY, "duckdb", schema)
    return [(_SESSION, first), *(("", statement) for statement in others), *views, ("", history)]


def _variables(location: str) -> Sequence[str]:
    """Return the statements that a session begins with: they look up the published run and the runs before it.

    Args:
        location: The URL below which the runs are.
    """
    runs = quoted(f"{location}/{RUNS}/")
    return (
        _FOLDER.format(runs=runs, current=quoted(f"{location}/{CURRENT}")),
        _FOLDERS.format(runs=runs, history=_history("folder VARCHAR")),
        _ALL_CHANGES.format(
            runs=runs,
            file=CHANGES,
            folder=CHANGES_FOLDER,
            history=_history("folder VARCHAR, buckets BIGINT"),
        ),
    )


def _queries(renames: str) -> Mapping[str, str]:
    """Return the queries of the views except `membership_history`, in the order to create them.

    Args:
        renames: The full name of the view `segment_renames`, which others read.
    """
    segments, runs = list(SegmentRecord.model_fields), list(RunRecord.model_fields)
    manifests = f"LIST_TRANSFORM(GETVARIABLE('segbatch_runs'), lambda run: run || '/{MANIFEST}')"
    of_segments = f"{_struct(SegmentRecord)}[]"
    return {
        "membership": _MEMBERSHIP.format(membership=MEMBERSHIP),
        "segments": _SEGMENTS.format(
            columns=", ".join(f"segment.{name}" for name in segments),
            manifest=_json(f"GETVARIABLE('segbatch_run') || '/{MANIFEST}'", segments=of_segments),
        ),
        "runs": _RUNS.format(
            columns=", ".join(f"past.run.{name}" for name in runs), history=_history(f"run {_struct(RunRecord)}")
        ),
        "segment_renames": _RENAMES.format(
            history=_history("run STRUCT(run_id VARCHAR), renamed MAP(VARCHAR, VARCHAR), reused VARCHAR[]")
        ),
        "membership_changes": _CHANGES.format(renames=renames),
        "segment_runs": _SEGMENT_RUNS.format(
            manifests=_json(manifests, run="STRUCT(run_id VARCHAR, as_of TIMESTAMP)", segments=of_segments),
            renames=renames,
        ),
    }


def _history(fields: str) -> str:
    """Return the table function that reads fields of the runs in the history of the published run."""
    return _json(f"GETVARIABLE('segbatch_run') || '/{HISTORY}'", runs=f"STRUCT({fields})[]")


def _json(files: str, **columns: str) -> str:
    types = ", ".join(f"{name}: {quoted(column_type)}" for name, column_type in columns.items())
    return f"READ_JSON({files}, columns = {{{types}}}, maximum_object_size = {_LARGEST_JSON})"


def _struct(model: type[BaseModel]) -> str:
    """Return the DuckDB type of a record."""
    return f"STRUCT({', '.join(f'{name} {column_type}' for name, column_type in column_types(model).items())})"
