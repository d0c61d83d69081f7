-- Agencies and Studios (agencies-and-studios), as of 2025-06-15T00:00:00+00:00
SELECT id
FROM crm.contacts
WHERE project_id = 'proj-1'
  AND (
    CONTAINS(company, 'Agency')
    OR CONTAINS(company, 'Studio')
  )
  AND NOT (
    COALESCE(LIST_CONTAINS(tags, 'competitor'), FALSE)
    OR COALESCE(status = 'archived', FALSE)
  );

-- Billed in Berlin (billed-in-berlin), as of 2025-06-15T00:00:00+00:00
SELECT id
FROM crm.contacts
WHERE project_id = 'proj-1'
  AND custom_fields['address']['city'] = 'Berlin'
  AND status = 'active'
  AND NOT COALESCE(LIST_CONTAINS(tags, 'competitor'), FALSE);

-- Enterprise Users (enterprise-users), as of 2025-06-15T00:00:00+00:00
SELECT id
FROM crm.contacts
WHERE project_id = 'proj-1'
  AND custom_fields['plan'] = 'enterprise';

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
    CASE WHEN ISFINITE(custom_fields['mrr']) OR ISINF(custom_fields['mrr']) THEN custom_fields['mrr'] END >= 750
    OR custom_fields['seats'] > 50
  )
  AND (
    LIST_CONTAINS(tags, 'churn-risk')
    OR (CAST(last_contacted_at AT TIME ZONE 'UTC' AS DATE) < CAST('2025-03-01' AS DATE) AND NOT last_contacted_at IS NULL)
  );

-- Launch Day Sign-ups (launch-day-signups), as of 2025-06-15T00:00:00+00:00
SELECT id
FROM crm.contacts
WHERE CAST(created_at AT TIME ZONE 'UTC' AS DATE) = CAST('2025-11-18' AS DATE);

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
  AND CAST(created_at AT TIME ZONE 'UTC' AS DATE) >= CAST('2025-06-01' AS DATE)
  AND status IS DISTINCT FROM 'archived';

-- Newsletter Subscribers (newsletter-subscribers), as of 2025-06-15T00:00:00+00:00
SELECT id
FROM crm.contacts
WHERE project_id = 'proj-1'
  AND LIST_CONTAINS(tags, 'newsletter')
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
  AND (CAST(last_contacted_at AT TIME ZONE 'UTC' AS DATE) < CAST('2025-07-01' AS DATE) OR last_contacted_at IS NULL);

-- Not Yet Synced (not-yet-synced), as of 2025-06-15T00:00:00+00:00
SELECT id
FROM crm.contacts
WHERE project_id = 'proj-1'
  AND external_id IS NULL
  AND CAST(created_at AT TIME ZONE 'UTC' AS DATE) < CAST('2025-12-01' AS DATE)
  AND status IS DISTINCT FROM 'archived';

-- Opted Out Without a Contract (opted-out-without-contract), as of 2025-06-15T00:00:00+00:00
SELECT id
FROM crm.contacts
WHERE project_id = 'proj-1'
  AND unsubscribed = TRUE
  AND status IS DISTINCT FROM 'archived'
  AND NOT (
    COALESCE(CASE WHEN ISFINITE(custom_fields['mrr']) OR ISINF(custom_fields['mrr']) THEN custom_fields['mrr'] END > 0, FALSE)
    OR COALESCE(custom_fields['plan'] = 'enterprise', FALSE)
  );

-- Partner Leads (partner-leads), as of 2025-06-15T00:00:00+00:00
SELECT id
FROM crm.contacts
WHERE project_id = 'proj-1'
  AND CONTAINS(custom_fields['source'], 'partner')
  AND NOT COALESCE(LIST_CONTAINS(tags, 'partner'), FALSE);

-- Paying Customers (paying-customers), as of 2025-06-15T00:00:00+00:00
SELECT id
FROM crm.contacts
WHERE project_id = 'proj-1'
  AND custom_fields['plan'] IS DISTINCT FROM 'free' AND NOT custom_fields['plan'] IS NULL
  AND CASE WHEN ISFINITE(custom_fields['mrr']) OR ISINF(custom_fields['mrr']) THEN custom_fields['mrr'] END > 0;

-- Pro Plan Users (pro-plan-users), as of 2025-06-15T00:00:00+00:00
SELECT id
FROM crm.contacts
WHERE project_id = 'proj-1'
  AND custom_fields['plan'] = 'pro'
  AND status = 'active';

-- VIPs of the Second Project (second-project-vips), as of 2025-06-15T00:00:00+00:00
SELECT id
FROM crm.contacts
WHERE project_id = 'proj-2'
  AND (
    LIST_CONTAINS(tags, 'vip')
    OR LIST_CONTAINS(tags, 'decision-maker')
  )
  AND unsubscribed IS DISTINCT FROM TRUE;

-- Small Teams (small-teams), as of 2025-06-15T00:00:00+00:00
SELECT id
FROM crm.contacts
WHERE project_id = 'proj-1'
  AND status = 'active'
  AND custom_fields['seats'] <= 5;

-- Trials Ending in January (trials-ending-in-january), as of 2025-06-15T00:00:00+00:00
SELECT id
FROM crm.contacts
WHERE project_id = 'proj-1'
  AND CAST(custom_fields['trial_ends_at'] AT TIME ZONE 'UTC' AS DATE) >= CAST('2026-01-01' AS DATE)
  AND CAST(custom_fields['trial_ends_at'] AT TIME ZONE 'UTC' AS DATE) < CAST('2026-02-01' AS DATE)
  AND unsubscribed = FALSE;

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
  AND custom_fields['plan'] = 'starter'
  AND custom_fields['seats'] >= 8
  AND CASE WHEN ISFINITE(custom_fields['mrr']) OR ISINF(custom_fields['mrr']) THEN custom_fields['mrr'] END < 100;

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
