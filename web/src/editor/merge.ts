import type { Definition } from "../data/types";
import { differences, KEYS, type Key } from "./draft";

/** A part of a definition that is merged as a whole. How rules are combined is a part of the rules. */
export type Part = Exclude<Key, "match">;

const partOf = (key: Key): Part => (key === "match" ? "rules" : key);

/** The parts that differ between two definitions. */
export const partsChanged = (one: Partial<Definition>, other: Partial<Definition>): Part[] => [
  ...new Set(differences(one, other).map(partOf)),
];

/** Who changed which parts of a definition. Parts that both changed in the same way are in none of the lists. */
export interface Changes {
  mine: Part[];
  theirs: Part[];
  both: Part[];
}

/** Compare two versions with the one that both were made from. */
export function compareVersions(
  base: Partial<Definition>,
  mine: Partial<Definition>,
  theirs: Partial<Definition>,
): Changes {
  const [byMe, byThem] = [new Set(partsChanged(base, mine)), new Set(partsChanged(base, theirs))];
  const differing = partsChanged(mine, theirs);
  return {
    mine: differing.filter((part) => byMe.has(part) && !byThem.has(part)),
    theirs: differing.filter((part) => byThem.has(part) && !byMe.has(part)),
    both: differing.filter((part) => byMe.has(part) && byThem.has(part)),
  };
}

/** Their version with some parts of mine. */
export function merged(mine: Definition, theirs: Definition, fromMine: readonly Part[]): Definition {
  const kept = KEYS.filter((key) => fromMine.includes(partOf(key)));
  return { ...theirs, ...Object.fromEntries(kept.map((key) => [key, mine[key]])) };
}
