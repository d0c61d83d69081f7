/** Names for the types of the API. They are generated from docs/openapi.json (schema.ts). */

import type { components } from "./schema.js";

type Schemas = components["schemas"];

/** A segment as returned by the API. */
export type ContactSegment = Schemas["Segment"];

/** A segment with the ETag of its definition. Pass the ETag as `ifMatch` to change only this version. */
export type SavedSegment = ContactSegment & { etag?: string };

/** The keys of a new segment. `name` and `rules` are required. */
export type NewSegment = Schemas["SegmentCreate"];

/** The keys of a segment to change. `null` removes an optional key; `rules` are replaced as a whole. */
export type SegmentChanges = Schemas["SegmentUpdate"];

/** Rules to count, with the optional keys of a segment. */
export type SegmentDraft = Schemas["SegmentPreview"];

/** A rule with one of the ten basic operators. `SegmentNode` is the wider type, with all operators and groups. */
export type SegmentRule =
  Schemas["ComparisonRule"] | Schemas["OrderRule"] | (Schemas["PresenceRule"] & { operator: "exists" | "empty" });

/** The ten basic operators. */
export type SegmentOperator = SegmentRule["operator"];

/** A rule or a group, as in the `rules` of a segment. */
export type SegmentNode = Schemas["Node"];

/** Rules that are combined by `all`, `any` or `none`. */
export type SegmentGroup = Schemas["Group"];

/** A rule with any operator. */
export type AnySegmentRule = Exclude<SegmentNode, SegmentGroup>;

/** A page of the contacts in a segment, as of a run. */
export type MembersPage = Schemas["Members"];

/** A page of the contacts in a segment, as of a run, with fields of the contacts. */
export type MembersWithFieldsPage = Schemas["MembersWithFields"];

/** The id of a contact: a text, or an integer if the snapshot has integers. */
export type ContactId = MembersPage["members"][number];

/** The members of a definition that is not saved. */
export type Preview = Schemas["Preview"];

/** A page of the published runs, the newest first. */
export type RunsPage = Schemas["RunsPage"];

/** A published run. */
export type Run = Schemas["RunRow"];

/** A published run, and what differs from the previous one. */
export type RunDetails = Schemas["RunDetails"];

/** A page of the segments of a run. */
export type RunSegmentsPage = Schemas["SegmentsPage"];

/** A segment in a run, with its earlier results. */
export type RunSegment = Schemas["SegmentDetails"];

/** How many contacts segments share. */
export type Overlap = Schemas["Overlap"];

/** The segments that a contact is in. */
export type ContactView = Schemas["ContactView"];

/** A segment in words and as SQL. */
export type Explanation = Schemas["SegmentExplanation"];

/** Rules to check, with the optional keys of a segment. */
export type SegmentToCheck = Schemas["SegmentCheck"];

/** The errors and findings of a definition that is not saved. */
export type CheckResult = Schemas["Check"];

/** The fields that rules can name. */
export type Fields = Schemas["Fields"];

/** The most frequent values of a field. */
export type FieldValues = Schemas["FieldValues"];

/** The sign-in of a page that the server itself serves. */
export type Session = Schemas["SessionState"];

/** An error in a definition, with its place, such as `$.rules[0].operator`. */
export type DefinitionProblem = Schemas["Error"];

/** The problem document of a failed request (RFC 9457). */
export type ProblemDocument = Schemas["Problem"];
