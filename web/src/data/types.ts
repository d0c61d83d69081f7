/** The parts of the API's answers by the page's names, and definitions while they are edited. */

import type { components, SavedSegment } from "@segbatch/client";

type Schemas = components["schemas"];

export type SegmentStatus = Schemas["SegmentRow"]["status"];
export type Match = Schemas["Group"]["match"];
export type Scalar = string | number | boolean;
export type SegmentRow = Schemas["SegmentRow"];
export type SegmentRun = Schemas["SegmentRun"];
export type Located = Schemas["Located"];
export type Finding = Schemas["FoundProblem"];
export type RuleInWords = Schemas["RuleInWords"];
export type FunnelStep = Schemas["FunnelStep"];
export type RuleVerdict = Schemas["RuleVerdict"];
export type FieldView = Schemas["FieldType"];

/** A rule or a group while it is edited. The server checks it; the page keeps keys that it does not know. */
export interface Node {
  field?: string | null;
  operator?: string;
  value?: unknown;
  value_field?: string | null;
  as?: string | null;
  missing?: "include" | "exclude" | null;
  ignore_case?: boolean;
  match?: Match;
  rules?: readonly Node[];
  table?: string;
  [key: string]: unknown;
}

/** A definition while it is edited. */
export interface Definition extends Partial<Omit<SavedSegment, "rules">> {
  rules: readonly Node[];
}
