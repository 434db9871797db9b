import type { RunStatus } from "./span";

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
  readonly totals: Totals;
}

/** How long the run took, or has taken by `nowMs` (epoch milliseconds); null when its end is unknown. */
export function runDurationMs(run: Run, nowMs: number): number | null {
  if (run.durationMs !== null) return run.durationMs;
  return run.status === "STARTED" ? Math.max(0, nowMs - run.startMs) : null;
}
