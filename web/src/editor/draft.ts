import type { NewSegment, SavedSegment, SegmentChanges } from "@segbatch/client";
import type { Definition } from "../data/types";

/** The keys that the editor can change, in the order of the documentation. */
export const KEYS = [
  "name",
  "description",
  "owner",
  "tags",
  "match",
  "rules",
  "enabled",
  "expires_at",
  "max_change",
] as const;
export type Key = (typeof KEYS)[number];

/** Keys that only the server sets, or that belong to one segment alone. */
const OF_ONE_SEGMENT = new Set(["id", "created_at", "updated_at", "previous_ids", "etag"]);

const DEFAULTS: Partial<Record<Key, unknown>> = { match: "all", enabled: true };

const isUnset = (value: unknown) =>
  value === undefined || value === null || value === "" || (Array.isArray(value) && value.length === 0);

/** A value as it counts: an optional key that is not set means the same as its default. */
function meant(definition: Partial<Definition>, key: Key): string {
  const value = definition[key];
  return JSON.stringify(isUnset(value) ? (DEFAULTS[key] ?? null) : value, inOrder);
}

/** The order of the keys of a rule has no meaning. */
function inOrder(_: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1)));
}

/** The keys that differ between two definitions. */
export function differences(one: Partial<Definition>, other: Partial<Definition>): Key[] {
  return KEYS.filter((key) => meant(one, key) !== meant(other, key));
}

/** The changes to send: null removes a key. */
export function changesOf(saved: SavedSegment, draft: Definition): SegmentChanges {
  return Object.fromEntries(differences(saved, draft).map((key) => [key, isUnset(draft[key]) ? null : draft[key]]));
}

/** The definition of a new segment, without keys that are empty, or that belong to the segment that it was made from. */
export function asNew(draft: Definition): NewSegment {
  const kept = Object.entries(draft).filter(
    ([key, value]) => key === "rules" || !(isUnset(value) || OF_ONE_SEGMENT.has(key)),
  );
  return Object.fromEntries(kept) as NewSegment;
}

const place = (id: string) => `segbatch-draft ${id}`;

/** What was typed and not saved stays in the tab, also when the page is loaded again. */
export function keepDraft(id: string, draft: unknown): void {
  try {
    window.sessionStorage.setItem(place(id), JSON.stringify(draft));
  } catch {
    // A browser may refuse storage; the draft is then only in the page.
  }
}

export function dropDraft(id: string): void {
  try {
    window.sessionStorage.removeItem(place(id));
  } catch {
    // See keepDraft.
  }
}

export function readDraft<T>(id: string): T | null {
  try {
    return JSON.parse(window.sessionStorage.getItem(place(id)) ?? "null");
  } catch {
    return null;
  }
}
