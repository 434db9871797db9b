import fc from "fast-check";
import type { Run } from "./run";
import { RUN_STATUSES, SPAN_STATUSES, SPAN_TYPES, type Span } from "./span";

// Values for the tests of this folder; no product code imports it.

export function aSpan(part: Partial<Span> = {}): Span {
  return {
    spanId: "00000000000000a1",
    parentSpanId: null,
    name: "web_search",
    type: "TOOL_CALL",
    status: "COMPLETED",
    offsetMs: 10,
    durationMs: 100,
    seq: 1,
    model: null,
    promptTokens: null,
    completionTokens: null,
    totalTokens: null,
    tokensEstimated: false,
    costUsd: null,
    costEstimated: false,
    ...part,
  };
}

export function aRun(part: Partial<Run> = {}): Run {
  return {
    id: "0193a0000000700080000000000000a1",
    name: "research_agent",
    status: "COMPLETED",
    correlationId: null,
    tags: [],
    startMs: 1_762_000_000_000,
    durationMs: 1500,
    dropped: [],
    totals: {
      spans: 3,
      llmCalls: 1,
      toolCalls: 2,
      errors: 0,
      promptTokens: null,
      completionTokens: null,
      cachedTokens: null,
      totalTokens: null,
      tokensEstimated: false,
      costUsd: null,
      costEstimated: false,
    },
    ...part,
  };
}

const spanId = fc.integer({ min: 1, max: 6 }).map((n) => n.toString(16).padStart(16, "0"));
const tokens = fc.option(fc.integer({ min: 0, max: 500 }), { nil: null });

/** Snapshots of a handful of spans, so that several are of one id. */
export const arbitrarySpan: fc.Arbitrary<Span> = fc.record({
  spanId,
  parentSpanId: fc.option(spanId, { nil: null }),
  name: fc.constantFrom("plan", "search", "answer"),
  type: fc.constantFrom(...SPAN_TYPES),
  status: fc.constantFrom(...SPAN_STATUSES),
  offsetMs: fc.integer({ min: 0, max: 1000 }),
  durationMs: fc.option(fc.integer({ min: 0, max: 1000 }), { nil: null }),
  seq: fc.integer({ min: 0, max: 40 }),
  model: fc.constantFrom(null, "gpt-4"),
  promptTokens: tokens,
  completionTokens: tokens,
  totalTokens: tokens,
  tokensEstimated: fc.boolean(),
  costUsd: fc.constantFrom(null, "0.1", "0.02"),
  costEstimated: fc.boolean(),
});

/** Snapshots of one run. */
export const arbitraryRun: fc.Arbitrary<Run> = fc
  .record({
    status: fc.constantFrom(...RUN_STATUSES),
    spans: fc.integer({ min: 0, max: 9 }),
    errors: fc.integer({ min: 0, max: 3 }),
    durationMs: fc.option(fc.integer({ min: 0, max: 1000 }), { nil: null }),
    dropped: fc.integer({ min: 0, max: 3 }),
  })
  .map(({ status, spans, errors, durationMs, dropped }) =>
    aRun({
      status,
      durationMs,
      dropped: dropped === 0 ? [] : [{ reason: "queue_full", count: dropped }],
      totals: { ...aRun().totals, spans, errors },
    }),
  );

/** The spans of one run with unique ids and any parents at all: missing ones, themselves, cycles. */
export const arbitrarySpans: fc.Arbitrary<Span[]> = fc
  .array(
    fc.record({ parent: fc.integer({ min: -2, max: 30 }), seq: fc.integer({ min: 0, max: 50 }) }),
    { maxLength: 25 },
  )
  .map((list) =>
    list.map(({ parent, seq }, index) =>
      aSpan({
        spanId: index.toString(16).padStart(16, "0"),
        parentSpanId: parent < 0 ? null : parent.toString(16).padStart(16, "0"),
        seq,
      }),
    ),
  );
