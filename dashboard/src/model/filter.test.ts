import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compareTo } from "./decimal";
import { listWords, NO_FILTER, type SpanFilter, spanTest, stepCriteria } from "./filter";
import type { Run } from "./run";
import { aRun, arbitrarySpan, aSpan } from "./testing";

const passes = (
  span: Parameters<typeof aSpan>[0],
  filter: Partial<SpanFilter>,
  run: Run | null = null,
) => spanTest({ ...NO_FILTER, ...filter }, run)(aSpan(span));

describe("the filter of a run's steps", () => {
  it("takes every step when it says nothing", () => {
    fc.assert(
      fc.property(arbitrarySpan, (span) => {
        expect(spanTest(NO_FILTER, null)(span)).toBe(true);
      }),
    );
  });

  it("finds names and models whole, any one of a list", () => {
    expect(passes({ name: "plan" }, { names: ["plan", "act"] })).toBe(true);
    expect(passes({ name: "planner" }, { names: ["plan"] })).toBe(false);
    expect(passes({ model: "gpt-4o" }, { models: ["gpt-4o"] })).toBe(true);
    expect(passes({ model: "gpt-4o-mini" }, { models: ["gpt-4o"] })).toBe(false);
    expect(passes({ model: null }, { models: ["gpt-4o"] })).toBe(false);
  });

  it("asks for the status that is shown: a step without an end in a run that is over is unfinished", () => {
    const open = { status: "STARTED", durationMs: null } as const;
    const live = aRun({ status: "STARTED", durationMs: null });
    expect(passes(open, { statuses: ["STARTED"] }, live)).toBe(true);
    expect(passes(open, { statuses: ["STARTED"] }, aRun())).toBe(false);
    expect(passes(open, { statuses: ["UNFINISHED"] }, aRun())).toBe(true);
    expect(passes({ status: "ERROR" }, { statuses: ["ERROR", "CANCELLED"] }, live)).toBe(true);
  });

  it("holds figures to both ends of a range, which are in it", () => {
    const duration = { min: "0.0041", max: "0.0041" };
    expect(passes({ durationMs: 4.1 }, { duration })).toBe(true);
    expect(passes({ durationMs: 4.100001 }, { duration })).toBe(false);
    expect(passes({ totalTokens: 100 }, { tokens: { min: "100", max: "" } })).toBe(true);
    expect(passes({ totalTokens: 99 }, { tokens: { min: "99.5", max: "" } })).toBe(false);
    expect(passes({ costUsd: "0.10" }, { cost: { min: "", max: "0.1" } })).toBe(true);
    expect(passes({ costUsd: "0.10000000000000000001" }, { cost: { min: "", max: "0.1" } })).toBe(
      false,
    );
    expect(passes({ costUsd: "2e-7" }, { cost: { min: "0.0000002", max: "1." } })).toBe(true);
  });

  it("has no unknown figure in a range, not even in one from 0", () => {
    const range = { min: "0", max: "" };
    expect(passes({ durationMs: null }, { duration: range })).toBe(false);
    expect(passes({ totalTokens: null }, { tokens: range })).toBe(false);
    expect(passes({ costUsd: null }, { cost: range })).toBe(false);
  });

  it("wants all criteria at once", () => {
    const filter = { names: ["plan"], tokens: { min: "1", max: "" }, text: "PLA" };
    expect(passes({ name: "plan", totalTokens: 5 }, filter)).toBe(true);
    expect(passes({ name: "plan", totalTokens: 0 }, filter)).toBe(false);
    expect(passes({ name: "pla", totalTokens: 5 }, filter)).toBe(false);
  });
});

describe("the chips of the steps' filter", () => {
  it("clear one criterion each, until nothing is left", () => {
    let filter: SpanFilter = {
      ...NO_FILTER,
      statuses: ["ERROR", "CANCELLED"],
      names: ["plan", "act"],
      models: ["gpt-4o"],
      duration: { min: "0.5", max: "" },
      tokens: { min: "", max: "1000" },
      cost: { min: "0.1", max: "2" },
    };
    const shown: string[] = [];
    for (;;) {
      const [first] = stepCriteria(filter, String);
      if (first === undefined) break;
      shown.push(`${first.name} ${first.value}`);
      filter = { ...filter, ...first.cleared };
    }
    expect(shown).toEqual([
      "status CANCELLED",
      "name plan",
      "name act",
      "model gpt-4o",
      "duration ≥ 0.5 s",
      "tokens ≤ 1,000",
      "cost 0.1 to 2 USD",
    ]);
    // Errors have a button of their own.
    expect(filter).toEqual({ ...NO_FILTER, statuses: ["ERROR"] });
  });
});

describe("listWords", () => {
  it("has each name and model once, in order", () => {
    const spans = [
      aSpan({ name: "b", model: "m" }),
      aSpan({ name: "a" }),
      aSpan({ name: "b", model: "m" }),
    ];
    expect(listWords(spans)).toEqual({ names: ["a", "b"], models: ["m"] });
  });
});

describe("compareTo", () => {
  it("orders as whole numbers of the smallest unit do", () => {
    const units = fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n });
    const write = (value: bigint) => `${value}e-20`;
    fc.assert(
      fc.property(units, fc.oneof(units, fc.constant(0n)), fc.boolean(), (a, step, isNear) => {
        const b = isNear ? a + (step % 3n) : step;
        expect(Math.sign(compareTo(write(b))(write(a)))).toBe(a < b ? -1 : a > b ? 1 : 0);
      }),
    );
  });
});
