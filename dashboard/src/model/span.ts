/** A step of a run, as the waterfall needs it: no payloads. Times are milliseconds from the run's start. */
export interface Span {
  readonly spanId: string;
  readonly parentSpanId: string | null;
  readonly name: string;
  readonly type: SpanType;
  readonly status: SpanStatus;
  readonly offsetMs: number;
  /** null while the span runs, and for ever when its end was never recorded. */
  readonly durationMs: number | null;
  readonly seq: number;
  readonly model: string | null;
  readonly promptTokens: number | null;
  readonly completionTokens: number | null;
  readonly totalTokens: number | null;
  readonly tokensEstimated: boolean;
  /** Decimal text in US dollars, as recorded. */
  readonly costUsd: string | null;
  /** The cost was computed from tokens that are an estimate. */
  readonly costEstimated: boolean;
}

export const SPAN_TYPES = [
  "AGENT",
  "LLM_CALL",
  "TOOL_CALL",
  "RETRIEVAL",
  "DECISION",
  "CUSTOM",
] as const;
export type SpanType = (typeof SPAN_TYPES)[number];

export const SPAN_STATUSES = ["STARTED", "COMPLETED", "ERROR", "CANCELLED", "INTERRUPTED"] as const;
export type SpanStatus = (typeof SPAN_STATUSES)[number];

export const RUN_STATUSES = ["STARTED", "COMPLETED", "ERROR", "INTERRUPTED"] as const;
export type RunStatus = (typeof RUN_STATUSES)[number];

/** Where the span ends on the axis; a running one ends at `nowMs`. */
export function spanEndMs(span: Span, nowMs: number): number {
  if (span.durationMs !== null) return span.offsetMs + Math.max(0, span.durationMs);
  return span.status === "STARTED" ? Math.max(nowMs, span.offsetMs) : span.offsetMs;
}
