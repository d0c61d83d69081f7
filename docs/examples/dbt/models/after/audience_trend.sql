SELECT
    segment_id,
    as_of,
    member_count,
    member_count - lag(member_count) OVER (PARTITION BY segment_id ORDER BY as_of) AS growth
FROM {{ source('segbatch', 'segment_runs') }}
