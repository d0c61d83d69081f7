SELECT contacts.*, coalesce(paid.total, 0) AS paid_total
FROM {{ source('crm', 'contacts') }} AS contacts
LEFT JOIN (
    SELECT contact_id, sum(amount) AS total
    FROM {{ source('crm', 'orders') }}
    WHERE status = 'paid'
    GROUP BY contact_id
) AS paid ON paid.contact_id = contacts.id
