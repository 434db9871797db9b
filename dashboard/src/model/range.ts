import { formatCount } from "./format";

/** From `min` to `max`, both included, as decimal text; an empty end is open. */
export interface TextRange {
  readonly min: string;
  readonly max: string;
}

export const OPEN_RANGE: TextRange = { min: "", max: "" };

export function isOpenRange({ min, max }: TextRange): boolean {
  return min === "" && max === "";
}

/** The text of a range's end as a number from 0; null for none, or for what is no number. */
export function readEnd(text: string): number | null {
  return /^\d{1,15}(\.\d{0,12})?$/.test(text.trim()) ? Number(text) : null;
}

/** The same for figures that may be below 0, as scores are. */
export function readSignedEnd(text: string): number | null {
  return /^-?\d{1,15}(\.\d{0,12})?$/.test(text.trim()) ? Number(text) : null;
}

/** `1.5..10`, `1.5..` or `..10`; an end that `read` does not know is open. */
export function readRange(
  text: string | undefined,
  read: (end: string) => number | null = readEnd,
): TextRange {
  const [min = "", max = ""] = (text ?? "").split("..");
  const known = (end: string) => (read(end) === null ? "" : end);
  return { min: known(min), max: known(max) };
}

/** Write what `readRange` reads; undefined when both ends are open. */
export function writeRange(range: TextRange): string | undefined {
  return isOpenRange(range) ? undefined : `${range.min}..${range.max}`;
}

/** "≥ 1.5", "≤ 1,000", "0.1 to 2"; each end as `show` shows it. */
export function describeRange({ min, max }: TextRange, show = (end: string) => end): string {
  if (max === "") return `≥ ${show(min)}`;
  return min === "" ? `≤ ${show(max)}` : `${show(min)} to ${show(max)}`;
}

/** The same for ends that are numbers of things. */
export function describeCounts(range: TextRange): string {
  return describeRange(range, (end) => formatCount(Number(end)));
}

/** A range as a test; `convert` brings its ends to the unit of the values. What is not known is in no range but the open one. */
export function rangeTest(
  range: TextRange,
  convert = (end: number) => end,
): (value: number | null) => boolean {
  if (isOpenRange(range)) return () => true;
  const min = convert(readEnd(range.min) ?? Number.NEGATIVE_INFINITY);
  const max = convert(readEnd(range.max) ?? Number.POSITIVE_INFINITY);
  return (value) => value !== null && value >= min && value <= max;
}
