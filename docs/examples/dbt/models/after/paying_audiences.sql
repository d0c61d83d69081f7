SELECT
    segments.segment_id,
    any_value(segments.name) AS name,
    count(contacts.id) AS members,
    coalesce(sum(contacts.paid_total), 0) AS paid_total
FROM {{ source('segbatch', 'segments') }} AS segments
LEFT JOIN {{ source('segbatch', 'membership') }} AS membership USING (segment_id)
LEFT JOIN {{ ref('contacts') }} AS contacts ON contacts.id = membership.contact_id
GROUP BY segments.segment_id
