/** A stretch of the run's time axis, in milliseconds from its start. */
export interface TimeWindow {
  readonly startMs: number;
  readonly endMs: number;
}

export interface Tick {
  readonly atMs: number;
  readonly label: string;
}

const MIN_WIDTH_MS = 0.001;

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const LONG_STEPS = [
  ...[1, 2, 5, 10, 15, 30].map((n) => n * SECOND),
  ...[1, 2, 5, 10, 15, 30].map((n) => n * MINUTE),
  ...[1, 2, 3, 6, 12].map((n) => n * HOUR),
];

/** A step of 1, 2 or 5 times a power of ten below a second, of clock units above, not less than `roughMs`. */
export function niceStep(roughMs: number): number {
  if (roughMs <= SECOND) {
    const power = 10 ** Math.floor(Math.log10(Math.max(roughMs, MIN_WIDTH_MS / 10)));
    const factor = [1, 2, 5, 10].find((n) => n * power >= roughMs * (1 - 1e-9)) ?? 10;
    return factor * power;
  }
  const long = LONG_STEPS.find((step) => step >= roughMs);
  if (long !== undefined) return long;
  const days = roughMs / DAY;
  const power = 10 ** Math.floor(Math.log10(days));
  return DAY * power * ([1, 2, 5, 10].find((n) => n * power >= days * (1 - 1e-9)) ?? 10);
}

/** Round ticks inside the window, at most `count + 1` of them, all labelled in one unit. */
export function ticks(window: TimeWindow, count: number): Tick[] {
  const width = window.endMs - window.startMs;
  if (!(width > 0) || count < 1) return [];
  const step = niceStep(width / count);
  const first = Math.ceil(window.startMs / step - 1e-9);
  const last = Math.floor(window.endMs / step + 1e-9);
  const result: Tick[] = [];
  for (let index = first; index <= last; index += 1) {
    result.push({ atMs: index * step, label: tickLabel(index * step, step) });
  }
  return result;
}

function tickLabel(atMs: number, step: number): string {
  if (step >= DAY) return `${trim(atMs / DAY, step / DAY)} d`;
  if (step >= HOUR) return `${trim(atMs / HOUR, step / HOUR)} h`;
  if (step >= MINUTE) return `${trim(atMs / MINUTE, step / MINUTE)} min`;
  if (step >= 100) return `${trim(atMs / SECOND, step / SECOND)} s`;
  if (step >= 0.1) return `${trim(atMs, step)} ms`;
  return `${trim(atMs * 1000, step * 1000)} µs`;
}

function trim(value: number, step: number): string {
  const digits = Math.max(0, Math.ceil(-Math.log10(step) - 1e-9));
  return value.toFixed(Math.min(digits, 6));
}

/** Where a moment stands in the window: 0 is its start, 1 its end; outside values are outside. */
export function fraction(window: TimeWindow, atMs: number): number {
  return (atMs - window.startMs) / Math.max(MIN_WIDTH_MS, window.endMs - window.startMs);
}

/** The moment at a fraction of the window. */
export function momentAt(window: TimeWindow, at: number): number {
  return window.startMs + at * (window.endMs - window.startMs);
}

/** The window moved and, if it must be, shrunk so that it lies within `bounds`. */
export function clampWindow(window: TimeWindow, bounds: TimeWindow): TimeWindow {
  const room = Math.max(MIN_WIDTH_MS, bounds.endMs - bounds.startMs);
  const width = Math.min(Math.max(MIN_WIDTH_MS, window.endMs - window.startMs), room);
  const latestStart = Math.max(bounds.startMs, bounds.endMs - width);
  const startMs = Math.min(Math.max(window.startMs, bounds.startMs), latestStart);
  return { startMs, endMs: startMs + width };
}

/** Zoom so that `anchorMs` keeps its place; a factor below 1 shows less time. */
export function zoomWindow(
  window: TimeWindow,
  bounds: TimeWindow,
  anchorMs: number,
  factor: number,
): TimeWindow {
  const at = fraction(window, anchorMs);
  const width = Math.max(MIN_WIDTH_MS, (window.endMs - window.startMs) * factor);
  return clampWindow(
    { startMs: anchorMs - at * width, endMs: anchorMs + (1 - at) * width },
    bounds,
  );
}

/** Move the window by a part of its own width. */
export function panWindow(window: TimeWindow, bounds: TimeWindow, part: number): TimeWindow {
  const shift = part * (window.endMs - window.startMs);
  return clampWindow({ startMs: window.startMs + shift, endMs: window.endMs + shift }, bounds);
}
