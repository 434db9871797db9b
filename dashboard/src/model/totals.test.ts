import { expect, it } from "vitest";
import { aSpan } from "./testing";
import { totalsOf } from "./totals";

it("adds what is known and leaves unknown what nobody knows", () => {
  const totals = totalsOf([
    aSpan({ type: "LLM_CALL", totalTokens: 30, promptTokens: 20, costUsd: "0.1" }),
    aSpan({
      type: "LLM_CALL",
      totalTokens: 12,
      tokensEstimated: true,
      costUsd: "0.2",
      costEstimated: true,
    }),
    aSpan({ type: "TOOL_CALL", status: "ERROR" }),
  ]);
  expect(totals).toEqual({
    spans: 3,
    llmCalls: 2,
    toolCalls: 1,
    errors: 1,
    promptTokens: 20,
    completionTokens: null,
    cachedTokens: null,
    totalTokens: 42,
    tokensEstimated: true,
    costUsd: "0.3",
    costEstimated: true,
  });
});

it("leaves out what an agent says its steps add up to, as the server does", () => {
  const totals = totalsOf([
    aSpan({ type: "AGENT", totalTokens: 30, costUsd: "0.1", status: "ERROR" }),
    aSpan({ type: "LLM_CALL", totalTokens: 30, costUsd: "0.1" }),
  ]);
  expect([totals.spans, totals.errors, totals.totalTokens, totals.costUsd]).toEqual([
    2,
    1,
    30,
    "0.1",
  ]);
});
