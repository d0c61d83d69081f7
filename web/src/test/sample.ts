import type { Explanation, Overlap, Run, RunDetails, RunSegment, RunSegmentsPage } from "@segbatch/client";
import type { SegmentRow } from "../data/types";

/** Answers of a read API about made-up segments, the same at every call. */

const RUNS = 30;
const CONTACTS = 4200;
const NAMES = [
  ["paying-customers", "Paying Customers", 2011, "ok", "growth", ["revenue"]],
  ["pro-plan-users", "Pro Plan Users", 812, "ok", "growth", ["plan", "revenue"]],
  ["newsletter-subscribers", "Newsletter Subscribers", 2604, "ok", "marketing", ["email"]],
  ["large-accounts-at-risk", "Large Accounts at Risk", 96, "held", "success", ["churn"]],
  ["launch-day-signups", "Launch Day Sign-ups", 41, "failed", "marketing", []],
  ["us-west-coast", "US West Coast", 388, "ok", "sales", ["region"]],
  ["german-speaking-region", "German-speaking Region", 703, "ok", "sales", ["region"]],
  ["enterprise-users", "Enterprise Users", 233, "ok", "success", ["plan"]],
  ["old-campaign", "Spring Campaign 2024", 0, "disabled", "marketing", ["email"]],
  ["unreachable", "Unreachable", 0, "ok", null, []],
] as const;

function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state / 2_147_483_648;
  };
}

const runId = (index: number) => `202511${String(index + 1).padStart(2, "0")}T020000Z-5f3a${(index + 16).toString(16)}`;
const asOf = (index: number) => new Date(Date.UTC(2025, 10, index + 1, 2)).toISOString();

function sizesOf(size: number, seed: number): number[] {
  const random = randomFrom(seed);
  const sizes = [size];
  while (sizes.length < RUNS) {
    sizes.unshift(Math.max(0, Math.round((sizes[0] ?? 0) * (0.985 + random() * 0.024))));
  }
  return sizes;
}

const rows: SegmentRow[] = NAMES.map(([id, name, size, status, owner, tags], index) => {
  const sizes = sizesOf(size, index + 7);
  const change = (sizes.at(-1) ?? 0) - (sizes.at(-2) ?? 0);
  const both = Math.round(size * 0.004);
  const isKept = status !== "ok";
  return {
    id,
    name,
    project_id: "proj-1",
    owner,
    tags: [...tags],
    status,
    member_count: size,
    entered: isKept ? 0 : both + Math.max(change, 0),
    left: isKept ? 0 : both + Math.max(-change, 0),
    sizes,
  };
});

const segments: RunSegmentsPage = {
  run_id: runId(RUNS - 1),
  history: Array.from({ length: RUNS }, (_, index) => ({ run_id: runId(index), as_of: asOf(index) })),
  segments: rows,
  next_cursor: null,
};

const namesOf = (...ids: string[]) =>
  Object.fromEntries(rows.filter((row) => ids.includes(row.id)).map((row) => [row.id, row.name ?? ""]));

function runRow(index: number): Run {
  const random = randomFrom(index + 99);
  const isLast = index === RUNS - 1;
  return {
    id: runId(index),
    as_of: asOf(index),
    started_at: asOf(index),
    finished_at: asOf(index),
    duration_seconds: 3 + random() * 2,
    status: isLast ? "partial" : "ok",
    is_current: isLast,
    keeps_members: index > RUNS - 8,
    contact_count: CONTACTS,
    membership_count: rows.reduce((sum, row) => sum + (row.sizes[index] ?? 0), 0),
    segment_count: rows.length,
    entered: index ? Math.round(random() * 90) : null,
    left: index ? Math.round(random() * 60) : null,
    segments_failed: isLast ? 1 : 0,
    segments_held: isLast ? 1 : 0,
  };
}

function runDetails(index: number): RunDetails {
  const isLast = index === RUNS - 1;
  return {
    ...runRow(index),
    previous_run_id: index ? runId(index - 1) : null,
    movers: rows
      .filter((row) => row.entered || row.left)
      .map(({ id, name, member_count, entered, left }) => ({
        id,
        name,
        member_count,
        entered: entered ?? 0,
        left: left ?? 0,
      })),
    added: isLast ? ["enterprise-users"] : [],
    removed: [],
    redefined: isLast ? ["pro-plan-users"] : [],
    segment_names: isLast
      ? namesOf("enterprise-users", "pro-plan-users", "launch-day-signups", "large-accounts-at-risk")
      : {},
    failed: isLast
      ? [
          {
            id: "launch-day-signups",
            message: "$.rules[0].field: the snapshot has no column 'created'; did you mean 'created_at'?",
          },
        ]
      : [],
    held: isLast
      ? [{ id: "large-accounts-at-risk", reason: "96 members would become 412 (+329%), which exceeds max_change 30%" }]
      : [],
  };
}

function details(row: SegmentRow): RunSegment {
  return {
    ...row,
    message:
      row.status === "failed"
        ? "$.rules[0].field: the snapshot has no column 'created'; did you mean 'created_at'?"
        : row.status === "held"
          ? "96 members would become 412 (+329%), which exceeds max_change 30%"
          : null,
    definition: {
      name: row.name,
      description: "All active contacts on the pro plan",
      project_id: row.project_id,
      rules: [
        { field: "custom_fields.plan", operator: "eq", value: "pro" },
        {
          match: "any",
          rules: [
            { field: "status", operator: "eq", value: "active" },
            { field: "last_contacted_at", operator: "within_last", value: "90d" },
          ],
        },
      ],
    },
    runs: row.sizes.map((size, index) => {
      const before = row.sizes[index - 1];
      const both = Math.round((size ?? 0) * 0.006);
      return {
        run_id: runId(index),
        segment_id: row.id,
        as_of: asOf(index),
        member_count: size ?? 0,
        entered: before == null ? null : both + Math.max((size ?? 0) - before, 0),
        left: before == null ? null : both + Math.max(before - (size ?? 0), 0),
        status: index === RUNS - 1 ? row.status : "ok",
        fingerprint: index < 21 ? "3e7b36b9c0d3" : "a81f02cc9e10",
      };
    }),
    names: [],
    named_by: row.id === "paying-customers" ? ["large-accounts-at-risk"] : [],
    segment_names: namesOf("large-accounts-at-risk"),
  };
}

const PLAN = { field: "custom_fields.plan", operator: "eq", value: "pro" };
const ACTIVE = { field: "status", operator: "eq", value: "active" };
const RECENT = { field: "last_contacted_at", operator: "within_last", value: "90d" };

function explanation(row: SegmentRow): Explanation {
  return {
    segment_id: row.id,
    match: "all",
    words: [
      { path: "$.rules[0]", words: 'custom_fields.plan eq "pro"', match: null, definition: PLAN, rules: [] },
      {
        path: "$.rules[1]",
        words: "any of",
        match: "any",
        definition: { match: "any" },
        rules: [
          { path: "$.rules[1].rules[0]", words: 'status eq "active"', match: null, definition: ACTIVE, rules: [] },
          {
            path: "$.rules[1].rules[1]",
            words: 'last_contacted_at within_last "90d"',
            match: null,
            definition: RECENT,
            rules: [],
          },
        ],
      },
    ],
    sql: "SELECT id\nFROM contacts\nWHERE custom_fields.plan = 'pro'\n  AND (status = 'active' OR last_contacted_at >= now() - INTERVAL 90 DAY)",
    no_sql: null,
    no_contacts: null,
    names: [],
    named_by: row.id === "paying-customers" ? ["large-accounts-at-risk"] : [],
    segment_names: namesOf("large-accounts-at-risk"),
    errors: [],
    findings:
      row.id === "us-west-coast"
        ? [{ path: "$.rules[1]", message: "three rules on one field can be one rule with `in`", kind: "use-in" }]
        : [],
    contacts: CONTACTS,
    funnel: [
      { path: "$.rules[0]", rule: 'custom_fields.plan eq "pro"', definition: PLAN, count: 1240, left: 1240, steps: [] },
      {
        path: "$.rules[1]",
        rule: "any of",
        definition: { match: "any" },
        count: 3105,
        left: row.member_count,
        steps: [
          {
            path: "$.rules[1].rules[0]",
            rule: 'status eq "active"',
            definition: ACTIVE,
            count: 2611,
            left: null,
            steps: [],
          },
          {
            path: "$.rules[1].rules[1]",
            rule: 'last_contacted_at within_last "90d"',
            definition: RECENT,
            count: 1490,
            left: null,
            steps: [],
          },
        ],
      },
    ],
    verdict: null,
  };
}

const overlap: Overlap = {
  run_id: runId(RUNS - 1),
  segments: rows.map(({ id, name, member_count }) => ({ id, name, member_count })),
  counts: rows.map((one, i) =>
    rows.map((other, j) => {
      const small = Math.min(one.member_count, other.member_count);
      return i === j ? one.member_count : Math.round(small * (((i + j) * 37 + i * j * 13) % 100) * 0.01);
    }),
  ),
  near_duplicates: [{ a: "paying-customers", b: "newsletter-subscribers", jaccard: 0.962 }],
  inside: [
    { inner: "pro-plan-users", outer: "paying-customers" },
    { inner: "enterprise-users", outer: "paying-customers" },
  ],
  segment_names: namesOf("paying-customers", "newsletter-subscribers", "pro-plan-users", "enterprise-users"),
};

function perSegment(row: SegmentRow): [string, unknown][] {
  const id = encodeURIComponent(row.id);
  const members = Array.from({ length: Math.min(row.member_count, 50) }, (_, index) => `contact-${index + 1}`);
  return [
    [`/api/v1/runs/current/segments/${id}`, details(row)],
    [`/api/v1/contacts/segments/${id}/explanation`, explanation(row)],
    [
      `/api/v1/contacts/segments/${id}/members`,
      {
        segment_id: row.id,
        run_id: segments.run_id,
        as_of: asOf(RUNS - 1),
        status: row.status,
        member_count: row.member_count,
        members,
        next_cursor: null,
      },
    ],
  ];
}

export const sampleAnswers: Record<string, unknown> = {
  "/api/v1/runs": { runs: Array.from({ length: RUNS }, (_, index) => runRow(RUNS - 1 - index)), next_cursor: null },
  "/api/v1/runs/current": runDetails(RUNS - 1),
  ...Object.fromEntries(
    Array.from({ length: RUNS }, (_, index) => [`/api/v1/runs/${encodeURIComponent(runId(index))}`, runDetails(index)]),
  ),
  "/api/v1/runs/current/segments": segments,
  "/api/v1/runs/current/overlap": overlap,
  ...Object.fromEntries(rows.flatMap(perSegment)),
};

export const sampleReport = {
  report: { generated_at: "2025-11-30T02:05:00.000Z", version: "0.1.0", run_id: segments.run_id, runs: RUNS },
  answers: sampleAnswers,
};
