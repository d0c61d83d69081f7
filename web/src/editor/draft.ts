import type { NewSegment, SavedSegment, SegmentChanges } from "@segbatch/client";
import type { Definition } from "../data/types";

/** The keys that the editor can change, in the order of the documentation. */
const KEYS = ["name", "description", "owner", "tags", "match", "rules", "enabled", "expires_at", "max_change"] as const;
type Key = (typeof KEYS)[number];

const EMPTY: Record<string, unknown> = {
  match: "all",
  enabled: true,
  tags: [],
  description: "",
  owner: "",
  expires_at: "",
};

/** A value as it counts: an optional key that is not set means the same as its default. */
function meant(definition: Partial<Definition>, key: Key): string {
  const value = definition[key];
  return JSON.stringify(value === null || value === undefined || value === "" ? (EMPTY[key] ?? null) : value);
}

/** The keys that differ between two definitions. */
export function differences(one: Partial<Definition>, other: Partial<Definition>): Key[] {
  return KEYS.filter((key) => {
    const [first, second] = [meant(one, key), meant(other, key)];
    return first !== second && !(isEmpty(first) && isEmpty(second));
  });
}

const isEmpty = (text: string) => text === "null" || text === '""' || text === "[]";

/** The changes to send: null removes a key. */
export function changesOf(saved: SavedSegment, draft: Definition): SegmentChanges {
  return Object.fromEntries(
    differences(saved, draft).map((key) => {
      const value = draft[key];
      const isGone = value === undefined || value === "" || (Array.isArray(value) && value.length === 0);
      return [key, isGone ? null : value];
    }),
  );
}

/** A new definition without the keys that are empty. */
export function withoutEmptyKeys(draft: Definition): NewSegment {
  const kept = Object.entries(draft).filter(
    ([key, value]) =>
      key === "rules" ||
      !(value === "" || value === null || value === undefined || (Array.isArray(value) && value.length === 0)),
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
