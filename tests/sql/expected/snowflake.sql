-- Agencies and Studios (agencies-and-studios), as of 2025-06-15T00:00:00+00:00
SELECT id
FROM crm.contacts
WHERE project_id = 'proj-1'
  AND (
    CHARINDEX('Agency', company) > 0
    OR CHARINDEX('Studio', company) > 0
  )
  AND NOT (
    COALESCE(ARRAY_CONTAINS(CAST('competitor' AS VARIANT), tags), FALSE)
    OR COALESCE(status = 'archived', FALSE)
  );

-- Billed in Berlin (billed-in-berlin), as of 2025-06-15T00:00:00+00:00
SELECT id
FROM crm.contacts
WHERE project_id = 'proj-1'
  AND CAST(custom_fields['address']['city'] AS VARCHAR) = 'Berlin'
  AND status = 'active'
  AND NOT COALESCE(ARRAY_CONTAINS(CAST('competitor' AS VARIANT), tags), FALSE);

-- Enterprise Users (enterprise-users), as of 2025-06-15T00:00:00+00:00
SELECT id
FROM crm.contacts
WHERE project_id = 'proj-1'
  AND CAST(custom_fields['plan'] AS VARCHAR) = 'enterprise';

-- German-speaking Region (german-speaking-region), as of 2025-06-15T00:00:00+00:00
SELECT id
FROM crm.contacts
WHERE project_id = 'proj-1'
  AND status IS DISTINCT FROM 'archived'
  AND (
    country = 'DE'
    OR country = 'AT'
    OR country = 'CH'
  );

-- Large Accounts at Risk (large-accounts-at-risk), as of 2025-06-15T00:00:00+00:00
SELECT id
FROM crm.contacts
WHERE project_id = 'proj-1'
  AND (
    CASE WHEN NOT CAST(custom_fields['mrr'] AS DOUBLE) = CAST('NaN' AS DOUBLE) THEN CAST(custom_fields['mrr'] AS DOUBLE) END >= 750
    OR CAST(custom_fields['seats'] AS DECIMAL(38, 0)) > 50
  )
  AND (
    ARRAY_CONTAINS(CAST('churn-risk' AS VARIANT), tags)
    OR (last_contacted_at < TO_TIMESTAMP_TZ('2025-03-01 00:00:00.000000 +00:00', 'YYYY-MM-DD HH24:MI:SS.FF6 TZH:TZM') AND NOT last_contacted_at IS NULL)
  );

-- Launch Day Sign-ups (launch-day-signups), as of 2025-06-15T00:00:00+00:00
SELECT id
FROM crm.contacts
WHERE created_at >= TO_TIMESTAMP_TZ('2025-11-18 00:00:00.000000 +00:00', 'YYYY-MM-DD HH24:MI:SS.FF6 TZH:TZM') AND created_at < TO_TIMESTAMP_TZ('2025-11-19 00:00:00.000000 +00:00', 'YYYY-MM-DD HH24:MI:SS.FF6 TZH:TZM');

-- Never Contacted Leads (never-contacted-leads), as of 2025-06-15T00:00:00+00:00
SELECT id
FROM crm.contacts
WHERE project_id = 'proj-1'
  AND status = 'new'
  AND last_contacted_at IS NULL
  AND (
    NOT email IS NULL
    OR (
      NOT phone IS NULL
      AND phone IS DISTINCT FROM ''
    )
  );

-- New Since June 2025 (new-since-june), as of 2025-06-15T00:00:00+00:00
SELECT id
FROM crm.contacts
WHERE project_id = 'proj-1'
  AND created_at >= TO_TIMESTAMP_TZ('2025-06-01 00:00:00.000000 +00:00', 'YYYY-MM-DD HH24:MI:SS.FF6 TZH:TZM')
  AND status IS DISTINCT FROM 'archived';

-- Newsletter Subscribers (newsletter-subscribers), as of 2025-06-15T00:00:00+00:00
SELECT id
FROM crm.contacts
WHERE project_id = 'proj-1'
  AND ARRAY_CONTAINS(CAST('newsletter' AS VARIANT), tags)
  AND NOT email IS NULL
  AND unsubscribed IS DISTINCT FROM TRUE;

-- No Telephone Number (no-telephone-number), as of 2025-06-15T00:00:00+00:00
SELECT id
FROM crm.contacts
WHERE project_id = 'proj-1'
  AND (
    phone IS NULL
    OR phone = ''
  );

-- Not Contacted Since July (not-contacted-since-july), as of 2025-06-15T00:00:00+00:00
SELECT id
FROM crm.contacts
WHERE project_id = 'proj-1'
  AND status = 'active'
  AND (last_contacted_at < TO_TIMESTAMP_TZ('2025-07-01 00:00:00.000000 +00:00', 'YYYY-MM-DD HH24:MI:SS.FF6 TZH:TZM') OR last_contacted_at IS NULL);

-- Not Yet Synced (not-yet-synced), as of 2025-06-15T00:00:00+00:00
SELECT id
FROM crm.contacts
WHERE project_id = 'proj-1'
  AND external_id IS NULL
  AND created_at < TO_TIMESTAMP_TZ('2025-12-01 00:00:00.000000 +00:00', 'YYYY-MM-DD HH24:MI:SS.FF6 TZH:TZM')
  AND status IS DISTINCT FROM 'archived';

-- Opted Out Without a Contract (opted-out-without-contract), as of 2025-06-15T00:00:00+00:00
SELECT id
FROM crm.contacts
WHERE project_id = 'proj-1'
  AND unsubscribed = TRUE
  AND status IS DISTINCT FROM 'archived'
  AND NOT (
    COALESCE(CASE WHEN NOT CAST(custom_fields['mrr'] AS DOUBLE) = CAST('NaN' AS DOUBLE) THEN CAST(custom_fields['mrr'] AS DOUBLE) END > 0, FALSE)
    OR COALESCE(CAST(custom_fields['plan'] AS VARCHAR) = 'enterprise', FALSE)
  );

-- Partner Leads (partner-leads), as of 2025-06-15T00:00:00+00:00
SELECT id
FROM crm.contacts
WHERE project_id = 'proj-1'
  AND CHARINDEX('partner', CAST(custom_fields['source'] AS VARCHAR)) > 0
  AND NOT COALESCE(ARRAY_CONTAINS(CAST('partner' AS VARIANT), tags), FALSE);

-- Paying Customers (paying-customers), as of 2025-06-15T00:00:00+00:00
SELECT id
FROM crm.contacts
WHERE project_id = 'proj-1'
  AND CAST(custom_fields['plan'] AS VARCHAR) IS DISTINCT FROM 'free' AND NOT CAST(custom_fields['plan'] AS VARCHAR) IS NULL
  AND CASE WHEN NOT CAST(custom_fields['mrr'] AS DOUBLE) = CAST('NaN' AS DOUBLE) THEN CAST(custom_fields['mrr'] AS DOUBLE) END > 0;

-- Pro Plan Users (pro-plan-users), as of 2025-06-15T00:00:00+00:00
SELECT id
FROM crm.contacts
WHERE project_id = 'proj-1'
  AND CAST(custom_fields['plan'] AS VARCHAR) = 'pro'
  AND status = 'active';

-- VIPs of the Second Project (second-project-vips), as of 2025-06-15T00:00:00+00:00
SELECT id
FROM crm.contacts
WHERE project_id = 'proj-2'
  AND (
    ARRAY_CONTAINS(CAST('vip' AS VARIANT), tags)
    OR ARRAY_CONTAINS(CAST('decision-maker' AS VARIANT), tags)
  )
  AND unsubscribed IS DISTINCT FROM TRUE;

-- Small Teams (small-teams), as of 2025-06-15T00:00:00+00:00
SELECT id
FROM crm.contacts
WHERE project_id = 'proj-1'
  AND status = 'active'
  AND CAST(custom_fields['seats'] AS DECIMAL(38, 0)) <= 5;

-- trials-ending-in-january: $.rules[0]: a time in a JSON document, which has none, may be read differently by snowflake; use --dialect duckdb, or keep it in a column of its own
-- trials-ending-in-january: $.rules[1]: a time in a JSON document, which has none, may be read differently by snowflake; use --dialect duckdb, or keep it in a column of its own

-- Unreachable (unreachable), as of 2025-06-15T00:00:00+00:00
SELECT id
FROM crm.contacts
WHERE project_id = 'proj-1'
  AND NOT (
    NOT email IS NULL
    OR (
      NOT phone IS NULL
      AND phone IS DISTINCT FROM ''
    )
  );

-- Upsell to Pro (upsell-to-pro), as of 2025-06-15T00:00:00+00:00
SELECT id
FROM crm.contacts
WHERE project_id = 'proj-1'
  AND CAST(custom_fields['plan'] AS VARCHAR) = 'starter'
  AND CAST(custom_fields['seats'] AS DECIMAL(38, 0)) >= 8
  AND CASE WHEN NOT CAST(custom_fields['mrr'] AS DOUBLE) = CAST('NaN' AS DOUBLE) THEN CAST(custom_fields['mrr'] AS DOUBLE) END < 100;

-- US West Coast (us-west-coast), as of 2025-06-15T00:00:00+00:00
SELECT id
FROM crm.contacts
WHERE project_id = 'proj-1'
  AND country = 'US'
  AND (
    state = 'CA'
    OR state = 'OR'
    OR state = 'WA'
  );
