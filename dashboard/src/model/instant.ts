/** Milliseconds since the epoch, with the microseconds of the text as decimals; NaN when it is no instant. */
export function parseInstant(text: string): number {
  const match = /^(.+?)(?:\.(\d{1,9}))?(Z|[+-]\d{2}:?\d{2})$/.exec(text);
  if (match === null) return Number.NaN;
  const [, moment = "", decimals = "", zone = ""] = match;
  const secondsMs = Date.parse(`${moment}${zone}`);
  return secondsMs + Number(`0.${decimals || "0"}`) * 1000;
}
