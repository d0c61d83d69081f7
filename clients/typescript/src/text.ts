/** Texts from the server or the caller in messages. */

const LONGEST = 1000;

/** Return a text on one line without control characters, and not too long. */
export function oneLine(text: string): string {
  const printable = text.replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u{${character.codePointAt(0)?.toString(16) ?? ""}}`,
  );
  return printable.length > LONGEST ? `${printable.slice(0, LONGEST)}...` : printable;
}

/** Return a value as a message shows it. */
export function shown(value: unknown): string {
  return typeof value === "string" ? `'${oneLine(value)}'` : oneLine(String(value));
}

/** Return whether a value is an object with keys. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
