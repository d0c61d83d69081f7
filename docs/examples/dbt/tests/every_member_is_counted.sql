-- Segments whose members in the table are not as many as segbatch counted, or are not contacts of the snapshot.
SELECT segment_id, members, member_count
FROM {{ ref('paying_audiences') }}
JOIN {{ source('segbatch', 'segments') }} USING (segment_id)
WHERE members != coalesce(member_count, 0)
