const whole = new Intl.NumberFormat("en-US");
const compactNumber = new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 });
const oneDigit = new Intl.NumberFormat("en-US", { style: "percent", maximumFractionDigits: 1 });
const moment = new Intl.DateTimeFormat("en-GB", {
  day: "numeric",
  month: "short",
  year: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  timeZone: "UTC",
});
const shortMoment = new Intl.DateTimeFormat("en-GB", {
  day: "numeric",
  month: "short",
  hour: "2-digit",
  minute: "2-digit",
  timeZone: "UTC",
});
const shortDay = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });

export const MINUS = "\u2212";

export const count = (value: number) => whole.format(value);
export const compact = (value: number) => compactNumber.format(value);
export const percent = (share: number) => (share > 0 && share < 0.001 ? "< 0.1%" : oneDigit.format(share));
export const time = (iso: string) => `${moment.format(new Date(iso))} UTC`;
export const dayAndTime = (iso: string) => shortMoment.format(new Date(iso));
export const day = (iso: string) => shortDay.format(new Date(iso));

/** Letters that are read from right to left, and marks that change the direction. */
const TURNS = /[\p{Bidi_Control}\p{Script=Arabic}\p{Script=Hebrew}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}]/u;

/** A name for use inside another text, in marks that keep its direction from turning the text around it. */
export const isolated = (text: string) => (TURNS.test(text) ? `\u2068${text}\u2069` : text);

/** A number with its sign; zero has none. */
export function signed(value: number): string {
  if (value === 0) return "0";
  return value > 0 ? `+${whole.format(value)}` : `${MINUS}${whole.format(-value)}`;
}

export function duration(seconds: number): string {
  if (seconds < 60) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.round(seconds % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
