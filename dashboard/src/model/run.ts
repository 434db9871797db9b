import type { RunStatus, Span, SpanStatus } from "./span";

/** The kept figures of a run; null means that none is known, which is not the same as 0. */
export interface Totals {
  readonly spans: number;
  readonly llmCalls: number;
  readonly toolCalls: number;
  readonly errors: number;
  readonly promptTokens: number | null;
  readonly completionTokens: number | null;
  readonly cachedTokens: number | null;
  readonly totalTokens: number | null;
  readonly tokensEstimated: boolean;
  readonly costUsd: string | null;
  /** Part of the cost was computed from estimated tokens; where the source of a cost is not known, it counts as computed. */
  readonly costEstimated: boolean;
}

/** Records of a run that its recorder dropped for one reason: they are nowhere. */
export interface DroppedRecords {
  readonly reason: string;
  readonly count: number;
}

/** A run as lists show it. Times are milliseconds since the Unix epoch. */
export interface Run {
  readonly id: string;
  readonly name: string;
  readonly status: RunStatus;
  readonly correlationId: string | null;
  readonly tags: readonly string[];
  readonly startMs: number;
  readonly durationMs: number | null;
  /** Empty when none is known of. */
  readonly dropped: readonly DroppedRecords[];
  readonly totals: Totals;
}

/** How long the run took, or has taken by `nowMs` (epoch milliseconds); null when its end is unknown. */
export function runDurationMs(run: Run, nowMs: number): number | null {
  if (run.durationMs !== null) return run.durationMs;
  return run.status === "STARTED" ? Math.max(0, nowMs - run.startMs) : null;
}

/** After this long without a record a run is not called live any more: it may wait, or its recorder may be gone. */
const QUIET_AFTER_MS = 60_000;

/** How long nothing came of a run that has not ended; null when news is fresh, or the run is over. */
export function quietMs(run: Run, newsAtMs: number, nowMs: number): number | null {
  const ageMs = nowMs - newsAtMs;
  return run.status === "STARTED" && ageMs >= QUIET_AFTER_MS ? ageMs : null;
}

/** Where a step is in its life; UNFINISHED when its run is over and its end was never recorded. */
export type SpanState = SpanStatus | "UNFINISHED";

export function spanState(span: Span, run: Run | null): SpanState {
  const isLost = span.status === "STARTED" && run !== null && run.status !== "STARTED";
  return isLost ? "UNFINISHED" : span.status;
}
