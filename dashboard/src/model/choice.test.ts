import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readChoice } from "./choice";
import { parseJson } from "./json";

const json = (value: unknown) => parseJson(JSON.stringify(value))!;

function choose(options: readonly unknown[], chosen: unknown) {
  return readChoice({ options: options.map(json), chosen: json(chosen), reason: null });
}

const PAGES = [
  { page: "try", score: 14.4 },
  { page: "raise", score: 10.8 },
  { page: "types", score: 4.2 },
];

describe("readChoice", () => {
  it("marks the option that is the chosen value, whatever the order of its keys", () => {
    const { values, marks } = choose(["ask", { tool: "ask", cost: 1 }], { cost: 1, tool: "ask" });
    expect(values).toHaveLength(1);
    expect(marks).toEqual([false, true]);
  });

  it("marks each option that a list of values holds", () => {
    const { values, marks } = choose(["a", "b", "c"], ["c", "a"]);
    expect(values).toMatchObject([{ value: "c" }, { value: "a" }]);
    expect(marks).toEqual([true, false, true]);
  });

  it("takes a list that is an option itself for one value", () => {
    const { values, marks } = choose([["a", "b"], "a", "b"], ["a", "b"]);
    expect(values).toMatchObject([{ kind: "array" }]);
    expect(marks).toEqual([true, false, false]);
  });

  it("marks the options that the values name by a member", () => {
    expect(choose(PAGES, ["raise", "try"]).marks).toEqual([true, true, false]);
    expect(choose(PAGES, "types").marks).toEqual([false, false, true]);
  });

  it("takes no member for a name that does not tell the options apart, or that one lacks", () => {
    const claims = [
      { claim: "one", finding: "supported" },
      { claim: "two", finding: "supported" },
    ];
    expect(choose(claims, "supported").marks).toEqual([false, false]);
    expect(choose([...PAGES, { score: 1 }], "try").marks).toEqual([false, false, false, false]);
  });

  it("marks nothing when nothing was chosen yet, or none of them", () => {
    expect(readChoice({ options: [json("a")], chosen: null, reason: null })).toEqual({
      values: [],
      marks: [false],
    });
    expect(choose(["a"], []).marks).toEqual([false]);
  });

  it("marks exactly the chosen ones of any distinct options, by value and by name", () => {
    const distinct = fc.uniqueArray(fc.string(), { minLength: 1, maxLength: 8 });
    const picked = distinct.chain((names) => fc.tuple(fc.constant(names), fc.subarray(names)));
    fc.assert(
      fc.property(picked, fc.boolean(), ([names, chosen], isNamed) => {
        const options = isNamed ? names.map((name, index) => ({ name, index })) : names;
        const expected = names.map((name) => chosen.includes(name));
        expect(choose(options, chosen).marks).toEqual(expected);
      }),
    );
  });
});
