/** The answers of the read API, as docs/openapi.json describes them. */

export type SegmentStatus = "ok" | "failed" | "held" | "disabled";
export type Match = "all" | "any" | "none";
export type Scalar = string | number | boolean;
export type ContactId = string | number;

export interface RunRow {
  id: string;
  as_of: string;
  started_at: string;
  finished_at: string;
  duration_seconds: number;
  status: "ok" | "partial";
  is_current: boolean;
  keeps_members: boolean;
  contact_count: number | null;
  membership_count: number;
  segment_count: number;
  entered: number | null;
  left: number | null;
  segments_failed: number;
  segments_held: number;
}

export interface RunsPage {
  runs: RunRow[];
  next_cursor: string | null;
}

export interface Mover {
  id: string;
  name: string | null;
  member_count: number;
  entered: number;
  left: number;
}

export interface RunDetails extends RunRow {
  previous_run_id: string | null;
  movers: Mover[];
  added: string[];
  removed: string[];
  redefined: string[];
  failed: { id: string; message: string }[];
  held: { id: string; reason: string }[];
}

export interface SegmentRow {
  id: string;
  name: string | null;
  project_id: string | null;
  owner: string | null;
  tags: string[];
  status: SegmentStatus;
  member_count: number;
  entered: number | null;
  left: number | null;
  sizes: (number | null)[];
}

export interface SegmentsPage {
  run_id: string;
  history: { run_id: string; as_of: string }[];
  segments: SegmentRow[];
  next_cursor: string | null;
}

export interface SegmentRun {
  run_id: string;
  segment_id: string;
  as_of: string;
  member_count: number;
  entered: number | null;
  left: number | null;
  status: SegmentStatus;
  fingerprint: string | null;
}

export interface SegmentDetails extends SegmentRow {
  message: string | null;
  definition: unknown;
  runs: SegmentRun[];
  names: string[];
  named_by: string[];
}

export interface SizedSegment {
  id: string;
  name: string | null;
  member_count: number;
}

export interface Overlap {
  run_id: string;
  segments: SizedSegment[];
  counts: number[][];
  near_duplicates: { a: string; b: string; jaccard: number }[];
  inside: { inner: string; outer: string }[];
}

export interface ContactView {
  run_id: string;
  contact_id: ContactId;
  segments: { id: string; name: string | null; since: string | null }[];
  fields: Record<string, unknown> | null;
}

export interface Located {
  path: string;
  message: string;
}

export interface Finding extends Located {
  kind: string | null;
}

export interface RuleInWords {
  path: string;
  words: string;
  match: Match | null;
  rules: RuleInWords[];
}

export interface FunnelStep {
  path: string;
  rule: string;
  count: number;
  left: number | null;
  steps: FunnelStep[];
}

export interface RuleVerdict {
  path: string;
  rule: string;
  holds: boolean;
  why: string;
  parts: RuleVerdict[];
}

export interface Explanation {
  segment_id: string;
  match: Match;
  words: RuleInWords[];
  sql: string | null;
  names: string[];
  named_by: string[];
  errors: Located[];
  findings: Finding[];
  contacts: number | null;
  funnel: FunnelStep[] | null;
  verdict: { contact_id: ContactId; member: boolean; verdicts: RuleVerdict[] } | null;
}

export interface FieldView {
  name: string;
  type: string;
  operators: string[];
  table: string | null;
}

export interface FieldValues {
  name: string;
  values: { value: Scalar; contacts: number }[];
}

export interface CheckAnswer {
  errors: Located[];
  findings: Finding[];
}

export interface Members {
  segment_id: string;
  run_id: string;
  as_of: string;
  status: SegmentStatus;
  member_count: number;
  members: ContactId[];
  next_cursor: string | null;
}

export interface Preview {
  as_of: string;
  contacts: number;
  member_count: number;
  share: number | null;
  first: ContactId[];
  warnings: Located[];
  compared?: { segment_id: string; member_count: number; entered: number; left: number } | null;
}

/** A rule or a group in a definition. The server checks it; the page keeps keys that it does not know. */
export interface Node {
  field?: string;
  operator?: string;
  value?: unknown;
  value_field?: string;
  as?: string;
  missing?: "include" | "exclude";
  ignore_case?: boolean;
  match?: Match;
  rules?: Node[];
  table?: string;
  [key: string]: unknown;
}

export interface Definition {
  name?: string;
  description?: string | null;
  match?: Match | null;
  rules: Node[];
  owner?: string | null;
  tags?: string[] | null;
  enabled?: boolean | null;
  expires_at?: string | null;
  max_change?: number | string | null;
  list_id?: string | null;
  [key: string]: unknown;
}

export interface SavedSegment extends Definition {
  id: string;
  name: string;
  project_id: string | null;
  created_at: string | null;
  updated_at: string | null;
}

export interface Session {
  signed_in: boolean;
  keys_required: boolean;
  project_id: string | null;
  projects: string[];
  read_only: boolean;
  csrf_token: string | null;
}
