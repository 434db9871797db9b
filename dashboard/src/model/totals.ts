import { addDecimals } from "./decimal";
import type { Totals } from "./run";
import type { Span } from "./span";

/** The figures of the given spans, by the server's rules: what is unknown adds nothing and stays unknown. */
export function totalsOf(spans: Iterable<Span>): Totals {
  const sum = {
    spans: 0,
    llmCalls: 0,
    toolCalls: 0,
    errors: 0,
    promptTokens: null as number | null,
    completionTokens: null as number | null,
    cachedTokens: null,
    totalTokens: null as number | null,
    tokensEstimated: false,
    costUsd: null as string | null,
    costEstimated: false,
  };
  for (const span of spans) {
    sum.spans += 1;
    if (span.type === "LLM_CALL") sum.llmCalls += 1;
    if (span.type === "TOOL_CALL") sum.toolCalls += 1;
    if (span.status === "ERROR") sum.errors += 1;
    // An agent's figures repeat those of the steps within it: the server leaves them out as well.
    if (span.type === "AGENT") continue;
    sum.promptTokens = plus(sum.promptTokens, span.promptTokens);
    sum.completionTokens = plus(sum.completionTokens, span.completionTokens);
    sum.totalTokens = plus(sum.totalTokens, span.totalTokens);
    sum.tokensEstimated ||= span.tokensEstimated;
    sum.costEstimated ||= span.costEstimated;
    if (span.costUsd !== null) {
      sum.costUsd = sum.costUsd === null ? span.costUsd : addDecimals(sum.costUsd, span.costUsd);
    }
  }
  return sum;
}

function plus(sum: number | null, value: number | null): number | null {
  return value === null ? sum : (sum ?? 0) + value;
}
