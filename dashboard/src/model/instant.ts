/** Milliseconds since the epoch, with the microseconds of the text as decimals; NaN when it is no instant. */
export function parseInstant(text: string): number {
  const match = /^(.+?)(?:\.(\d{1,9}))?(Z|[+-]\d{2}:?\d{2})$/.exec(text);
  if (match === null) return Number.NaN;
  const [, moment = "", decimals = "", zone = ""] = match;
  const secondsMs = Date.parse(`${moment}${zone}`);
  return secondsMs + Number(`0.${decimals || "0"}`) * 1000;
}

/** An instant of the minute or finer, in UTC, as addresses hold it ("2026-11-26T09:00Z"), in epoch milliseconds; null for what is none. */
export function readInstant(text: string): number | null {
  if (!/^(?!0000)\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,3})?)?Z$/.test(text)) return null;
  const atMs = Date.parse(text);
  return Number.isNaN(atMs) ? null : atMs;
}

/** Write what `readInstant` reads, no longer than it must be. */
export function writeInstant(atMs: number): string {
  return new Date(atMs).toISOString().replace(/(:00)?\.000Z$/, "Z");
}

/** The instant as clocks here show it, in the form of a field for date and time: "2026-11-26T10:00". */
export function toLocalTime(text: string): string {
  const atMs = readInstant(text);
  if (atMs === null) return "";
  // Read as UTC, the shifted moment has the digits of the local one.
  const shiftMs = new Date(atMs).getTimezoneOffset() * 60_000;
  return writeInstant(atMs - shiftMs).replace("Z", "");
}

/** The instant that such a field holds; "" for what is none, and beyond the year 9999. */
export function fromLocalTime(text: string): string {
  const atMs = new Date(text).getTime();
  const isKnown = !Number.isNaN(atMs) && readInstant(writeInstant(atMs)) !== null;
  return isKnown ? writeInstant(atMs) : "";
}
