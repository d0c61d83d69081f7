-- Agencies and Studios (agencies-and-studios), as of 2025-06-15T00:00:00+00:00
SELECT id
FROM crm.contacts
WHERE project_id = 'proj-1'
  AND (
    POSITION(company, 'Agency') > 0
    OR POSITION(company, 'Studio') > 0
  )
  AND NOT (
    COALESCE(has(tags, 'competitor'), FALSE)
    OR COALESCE(status = 'archived', FALSE)
  );

-- Billed in Berlin (billed-in-berlin), as of 2025-06-15T00:00:00+00:00
SELECT id
FROM crm.contacts
WHERE project_id = 'proj-1'
  AND tupleElement(tupleElement(custom_fields, 'address'), 'city') = 'Berlin'
  AND status = 'active'
  AND NOT COALESCE(has(tags, 'competitor'), FALSE);

-- Enterprise Users (enterprise-users), as of 2025-06-15T00:00:00+00:00
SELECT id
FROM crm.contacts
WHERE project_id = 'proj-1'
  AND tupleElement(custom_fields, 'plan') = 'enterprise';

-- German-speaking Region (german-speaking-region), as of 2025-06-15T00:00:00+00:00
SELECT id
FROM crm.contacts
WHERE project_id = 'proj-1'
  AND NOT COALESCE(status = 'archived', FALSE)
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
    CASE WHEN NOT isNaN(tupleElement(custom_fields, 'mrr')) THEN tupleElement(custom_fields, 'mrr') END >= 750
    OR tupleElement(custom_fields, 'seats') > 50
  )
  AND (
    has(tags, 'churn-risk')
    OR (last_contacted_at < toDateTime64('2025-03-01 00:00:00.000000', 6, 'UTC') AND NOT (last_contacted_at IS NULL))
  );

-- Launch Day Sign-ups (launch-day-signups), as of 2025-06-15T00:00:00+00:00
SELECT id
FROM crm.contacts
WHERE created_at >= toDateTime64('2025-11-18 00:00:00.000000', 6, 'UTC') AND created_at < toDateTime64('2025-11-19 00:00:00.000000', 6, 'UTC');

-- Never Contacted Leads (never-contacted-leads), as of 2025-06-15T00:00:00+00:00
SELECT id
FROM crm.contacts
WHERE project_id = 'proj-1'
  AND status = 'new'
  AND last_contacted_at IS NULL
  AND (
    NOT (email IS NULL)
    OR (
      NOT (phone IS NULL)
      AND NOT COALESCE(phone = '', FALSE)
    )
  );

-- New Since June 2025 (new-since-june), as of 2025-06-15T00:00:00+00:00
SELECT id
FROM crm.contacts
WHERE project_id = 'proj-1'
  AND created_at >= toDateTime64('2025-06-01 00:00:00.000000', 6, 'UTC')
  AND NOT COALESCE(status = 'archived', FALSE);

-- Newsletter Subscribers (newsletter-subscribers), as of 2025-06-15T00:00:00+00:00
SELECT id
FROM crm.contacts
WHERE project_id = 'proj-1'
  AND has(tags, 'newsletter')
  AND NOT (email IS NULL)
  AND NOT COALESCE(unsubscribed = TRUE, FALSE);

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
  AND (last_contacted_at < toDateTime64('2025-07-01 00:00:00.000000', 6, 'UTC') OR last_contacted_at IS NULL);

-- Not Yet Synced (not-yet-synced), as of 2025-06-15T00:00:00+00:00
SELECT id
FROM crm.contacts
WHERE project_id = 'proj-1'
  AND external_id IS NULL
  AND created_at < toDateTime64('2025-12-01 00:00:00.000000', 6, 'UTC')
  AND NOT COALESCE(status = 'archived', FALSE);

-- Opted Out Without a Contract (opted-out-without-contract), as of 2025-06-15T00:00:00+00:00
SELECT id
FROM crm.contacts
WHERE project_id = 'proj-1'
  AND unsubscribed = TRUE
  AND NOT COALESCE(status = 'archived', FALSE)
  AND NOT (
    COALESCE(CASE WHEN NOT isNaN(tupleElement(custom_fields, 'mrr')) THEN tupleElement(custom_fields, 'mrr') END > 0, FALSE)
    OR COALESCE(tupleElement(custom_fields, 'plan') = 'enterprise', FALSE)
  );

-- Partner Leads (partner-leads), as of 2025-06-15T00:00:00+00:00
SELECT id
FROM crm.contacts
WHERE project_id = 'proj-1'
  AND POSITION(tupleElement(custom_fields, 'source'), 'partner') > 0
  AND NOT COALESCE(has(tags, 'partner'), FALSE);

-- Paying Customers (paying-customers), as of 2025-06-15T00:00:00+00:00
SELECT id
FROM crm.contacts
WHERE project_id = 'proj-1'
  AND NOT COALESCE(tupleElement(custom_fields, 'plan') = 'free', FALSE) AND NOT (tupleElement(custom_fields, 'plan') IS NULL)
  AND CASE WHEN NOT isNaN(tupleElement(custom_fields, 'mrr')) THEN tupleElement(custom_fields, 'mrr') END > 0;

-- Pro Plan Users (pro-plan-users), as of 2025-06-15T00:00:00+00:00
SELECT id
FROM crm.contacts
WHERE project_id = 'proj-1'
  AND tupleElement(custom_fields, 'plan') = 'pro'
  AND status = 'active';

-- VIPs of the Second Project (second-project-vips), as of 2025-06-15T00:00:00+00:00
SELECT id
FROM crm.contacts
WHERE project_id = 'proj-2'
  AND (
    has(tags, 'vip')
    OR has(tags, 'decision-maker')
  )
  AND NOT COALESCE(unsubscribed = TRUE, FALSE);

-- Small Teams (small-teams), as of 2025-06-15T00:00:00+00:00
SELECT id
FROM crm.contacts
WHERE project_id = 'proj-1'
  AND status = 'active'
  AND tupleElement(custom_fields, 'seats') <= 5;

-- Trials Ending in January (trials-ending-in-january), as of 2025-06-15T00:00:00+00:00
SELECT id
FROM crm.contacts
WHERE project_id = 'proj-1'
  AND tupleElement(custom_fields, 'trial_ends_at') >= toDateTime64('2026-01-01 00:00:00.000000', 6, 'UTC')
  AND tupleElement(custom_fields, 'trial_ends_at') < toDateTime64('2026-02-01 00:00:00.000000', 6, 'UTC')
  AND unsubscribed = FALSE;

-- Unreachable (unreachable), as of 2025-06-15T00:00:00+00:00
SELECT id
FROM crm.contacts
WHERE project_id = 'proj-1'
  AND NOT (
    NOT (email IS NULL)
    OR (
      NOT (phone IS NULL)
      AND NOT COALESCE(phone = '', FALSE)
    )
  );

-- Upsell to Pro (upsell-to-pro), as of 2025-06-15T00:00:00+00:00
SELECT id
FROM crm.contacts
WHERE project_id = 'proj-1'
  AND tupleElement(custom_fields, 'plan') = 'starter'
  AND tupleElement(custom_fields, 'seats') >= 8
  AND CASE WHEN NOT isNaN(tupleElement(custom_fields, 'mrr')) THEN tupleElement(custom_fields, 'mrr') END < 100;

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
