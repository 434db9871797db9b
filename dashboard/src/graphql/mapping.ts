import { parseInstant } from "@/model/instant";
import type { Run } from "@/model/run";
import type { Span } from "@/model/span";
import type { RunRowFragment, SpanRowFragment } from "./generated/graphql";

/** A run of the schema as the model knows it. */
export function toRun(row: RunRowFragment): Run {
  const { id, name, status, correlationId, tags, durationMs, dropped, totals } = row;
  return {
    id,
    name,
    status,
    correlationId: correlationId ?? null,
    tags,
    startMs: parseInstant(row.startTime),
    durationMs: durationMs ?? null,
    dropped: dropped.map(({ reason, count }) => ({ reason, count: Number(count) })),
    totals: {
      spans: totals.spans,
      llmCalls: totals.llmCalls,
      toolCalls: totals.toolCalls,
      errors: totals.errors,
      promptTokens: totals.promptTokens ?? null,
      completionTokens: totals.completionTokens ?? null,
      cachedTokens: totals.cachedTokens ?? null,
      totalTokens: totals.totalTokens ?? null,
      tokensEstimated: totals.tokensEstimated,
      costUsd: totals.costUsd ?? null,
      // The schema does not say where a sum comes from.
      costEstimated: totals.tokensEstimated && typeof totals.costUsd === "string",
    },
  };
}

/** A span of the schema as the model knows it. */
export function toSpan(row: SpanRowFragment): Span {
  return {
    spanId: row.spanId,
    parentSpanId: row.parentSpanId ?? null,
    name: row.name,
    type: row.type,
    status: row.status,
    offsetMs: row.offsetMs,
    durationMs: row.durationMs ?? null,
    seq: row.seq,
    model: row.model ?? null,
    promptTokens: row.usage?.promptTokens ?? null,
    completionTokens: row.usage?.completionTokens ?? null,
    totalTokens: row.usage?.totalTokens ?? null,
    tokensEstimated: row.usage?.source === "ESTIMATED",
    costUsd: row.costUsd ?? null,
    costEstimated:
      row.usage?.source === "ESTIMATED" &&
      (row.costSource === "PRICE_TABLE" || row.costSource === "RATES"),
  };
}
