import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { NO_FILTER, SPAN_STATES, type SpanFilter } from "./filter";
import { writeInstant } from "./instant";
import { type ScoreChoice, SINCE_MS, type Since, type StepChoice } from "./run-filter";
import { ORDER_FIELDS, type RunListQuery } from "./run-list";
import { readRunsSearch, readSpanFilter, writeRunsSearch, writeSpanFilter } from "./search";
import { RUN_STATUSES, SPAN_TYPES } from "./span";

const word = fc.string({ minLength: 1, maxLength: 20 });
const end = fc.oneof(fc.constant(""), fc.nat().map(String), fc.constant("0.25"));
const range = fc.record({ min: end, max: end });
const signed = fc.oneof(end, fc.constant("-3.5"));
const score: fc.Arbitrary<ScoreChoice> = fc.record({
  name: word,
  score: fc.record({ min: signed, max: signed }),
  label: fc.option(fc.string({ maxLength: 9 }), { nil: null }),
});
const instant = fc.oneof(
  fc.constant(""),
  fc.integer({ min: 0, max: 253_402_300_799_999 }).map(writeInstant),
);

describe("the address", () => {
  it("brings back the list that was written into it", () => {
    const type = fc.option(fc.constantFrom(...SPAN_TYPES), { nil: null });
    const step: fc.Arbitrary<StepChoice> = fc
      .record({ type, isFailed: fc.boolean(), below: type })
      .filter((one) => one.type !== null || one.isFailed || one.below !== null);
    const query: fc.Arbitrary<RunListQuery> = fc.record({
      text: fc.string({ maxLength: 20 }),
      statuses: fc.subarray([...RUN_STATUSES]),
      types: fc.subarray([...SPAN_TYPES]),
      models: fc.array(word, { maxLength: 3 }),
      tags: fc.array(word, { maxLength: 3 }),
      attributes: fc.array(
        fc.record({ key: word, value: fc.option(fc.string({ maxLength: 9 }), { nil: null }) }),
        { maxLength: 3 },
      ),
      correlationId: fc.option(word, { nil: null }),
      hasErrors: fc.boolean(),
      duration: range,
      tokens: range,
      cost: range,
      since: fc.option(fc.constantFrom(...(Object.keys(SINCE_MS) as Since[])), { nil: null }),
      started: fc.record({ min: instant, max: instant }),
      scores: fc.array(score, { maxLength: 3 }),
      step: fc.option(step, { nil: null }),
      order: fc.record({
        field: fc.constantFrom(...ORDER_FIELDS),
        direction: fc.constantFrom("ASC" as const, "DESC" as const),
      }),
    });
    fc.assert(
      fc.property(query, (one) => {
        expect(readRunsSearch(writeRunsSearch(one))).toEqual(one);
      }),
    );
  });

  it("brings back the filter of a run, and ignores what it does not know", () => {
    const filter: fc.Arbitrary<SpanFilter> = fc.record({
      text: fc.string({ maxLength: 20 }),
      types: fc.subarray([...SPAN_TYPES]),
      statuses: fc.subarray([...SPAN_STATES]),
      models: fc.array(word, { maxLength: 3 }),
      names: fc.array(word, { maxLength: 3 }),
      duration: range,
      tokens: range,
      cost: range,
    });
    fc.assert(
      fc.property(filter, (one) => {
        expect(readSpanFilter(writeSpanFilter(one))).toEqual(one);
      }),
    );
    expect(
      readRunsSearch({ status: "odd,error", order: "-odd", started: "soon..2026-02-31T00:00Z" }),
    ).toMatchObject({ statuses: ["ERROR"], started: { min: "" } });
    expect(readSpanFilter({ status: "odd", cost: "dear..0.5" })).toEqual({
      ...NO_FILTER,
      cost: { min: "", max: "0.5" },
    });
  });

  it("takes a link of before that asks for errors", () => {
    expect(readSpanFilter({ errors: "1" })).toEqual({ ...NO_FILTER, statuses: ["ERROR"] });
  });
});
