"""The queries of the views over tables of Delta or Iceberg, in DuckDB's dialect.

`base.NAME` is a table of the output, and `views.NAME` another view. Each query names `current` first: an engine that
looks up tables in this order never sees the new row of `current` without the rows that were written before it.
"""

from segbatch.model.manifest import RunRecord, SegmentRecord

_MEMBERSHIP = """
SELECT m.segment_id, m.contact_id
FROM base."current" AS p JOIN base.membership AS m ON m.publication = p.publication
"""

_SEGMENTS = f"""
SELECT {", ".join(f"s.{name}" for name in SegmentRecord.model_fields)}
FROM base."current" AS p JOIN base.segments AS s ON s.publication = p.publication
"""  # noqa: S608 - our own names

_RUNS = f"""
SELECT {", ".join(RunRecord.model_fields)}, run_number, publication
FROM (
    SELECT r.*, ROW_NUMBER() OVER (PARTITION BY r.run_number ORDER BY r.publication_number DESC) AS newest
    FROM base."current" AS p
    JOIN base.runs AS r ON r.publication_number <= p.publication_number AND r.run_number <= p.run_number
    WHERE r.publication IN (
        SELECT publication FROM base."current"
        UNION ALL SELECT previous_publication FROM base.runs WHERE previous_publication IS NOT NULL
    )
) AS published
WHERE newest = 1
"""  # noqa: S608 - our own names

_PRESENT_IDS = """
LEFT JOIN base.segment_renames AS n ON n.publication = p.publication AND n.old_id = x.segment_id
    AND r.run_number BETWEEN n.first_run_number AND n.last_run_number
"""

_CHANGES = f"""
SELECT x.run_id, x.as_of, COALESCE(n.new_id, x.segment_id) AS segment_id, x.contact_id, x.change
FROM base."current" AS p CROSS JOIN views.runs AS r
JOIN base.membership_changes AS x ON x.publication = r.publication
{_PRESENT_IDS}
"""  # noqa: S608 - our own names

_SEGMENT_RUNS = f"""
SELECT r.run_id, r.as_of, COALESCE(n.new_id, x.segment_id) AS segment_id, x.status, x.member_count, x.entered,
    x.exited, x.fingerprint
FROM base."current" AS p CROSS JOIN views.runs AS r
JOIN base.segments AS x ON x.publication = r.publication
{_PRESENT_IDS}
"""  # noqa: S608 - our own names

HISTORY = """
WITH stays AS (
    SELECT c.segment_id, c.contact_id, c.as_of, c.change,
        LEAD(c.as_of) OVER (PARTITION BY c.segment_id, c.contact_id ORDER BY r.run_number) AS next_at,
        LAG(c.change) OVER (PARTITION BY c.segment_id, c.contact_id ORDER BY r.run_number) AS earlier
    FROM views.membership_changes AS c JOIN views.runs AS r ON r.run_id = c.run_id
)
SELECT segment_id, contact_id, as_of AS entered_at, next_at AS exited_at FROM stays WHERE change = 'entered'
UNION ALL
SELECT s.segment_id, s.contact_id, f.as_of AS entered_at, s.as_of AS exited_at
FROM stays AS s CROSS JOIN views.runs AS f WHERE f.run_number = 1 AND s.change = 'exited' AND s.earlier IS NULL
UNION ALL
SELECT m.segment_id, m.contact_id, f.as_of AS entered_at, NULL AS exited_at
FROM views.membership AS m CROSS JOIN views.runs AS f
WHERE f.run_number = 1 AND NOT EXISTS (
    SELECT 1 FROM views.membership_changes AS c WHERE c.segment_id = m.segment_id AND c.contact_id = m.contact_id
)
"""
"""The same stays as the view of `segbatch.duckdb`, in SQL that all engines know. It also serves plain Parquet."""

QUERIES = {
    "membership": _MEMBERSHIP,
    "segments": _SEGMENTS,
    "runs": _RUNS,
    "membership_changes": _CHANGES,
    "segment_runs": _SEGMENT_RUNS,
    "membership_history": HISTORY,
}
"""The query of each view, in the order to create them."""
