import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { entryOf, type JsonNode, jsonPath, parseJson, writeJson, writeJsonLine } from "./json";
import { CHILDREN_STEP, jsonRows } from "./json-rows";

function plain(node: JsonNode): unknown {
  switch (node.kind) {
    case "object":
      return Object.fromEntries(node.entries.map(({ key, value }) => [key, plain(value)]));
    case "array":
      return node.items.map(plain);
    case "string":
    case "boolean":
      return node.value;
    case "number":
      return Number(node.text);
    case "null":
      return null;
  }
}

describe("parseJson", () => {
  it("reads whatever JSON.stringify writes", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(0, 2), (value, indent) => {
        const text = JSON.stringify(value, null, indent);
        const node = parseJson(text);
        expect(node).not.toBeNull();
        expect(plain(node!)).toEqual(JSON.parse(text));
      }),
    );
  });

  it("agrees with JSON.parse on what is JSON at all", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'{}[]:,"\\tfn1.e- u0a') }), (text) => {
        let isJson = true;
        try {
          JSON.parse(text);
        } catch {
          isJson = false;
        }
        expect(parseJson(text) !== null).toBe(isJson);
      }),
      { numRuns: 2000 },
    );
  });

  it("keeps the digits of every number", () => {
    const text = '{"id":123456789012345678901234567890,"cost":0.10,"e":1e400,"z":-0}';
    const node = parseJson(text);
    expect(node?.kind === "object" && node.entries.map(({ value }) => value)).toMatchObject([
      { text: "123456789012345678901234567890" },
      { text: "0.10" },
      { text: "1e400" },
      { text: "-0" },
    ]);
    expect(writeJson(node!).replaceAll(/\s/g, "")).toBe(text);
  });

  it("keeps doubled keys and keys that are names of JavaScript's own", () => {
    const node = parseJson('{"a":1,"a":2,"__proto__":{"polluted":true},"constructor":3}')!;
    expect(node.kind === "object" && node.entries.map(({ key }) => key)).toEqual([
      "a",
      "a",
      "__proto__",
      "constructor",
    ]);
    expect(entryOf(node, "a")).toMatchObject({ text: "2" });
    expect(entryOf(node, "toString")).toBeNull();
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  it("knows where each value stands, byte for byte", () => {
    const text = '{"a": [1,  {"b": 1.50}]}';
    const inner = entryOf(parseJson(text), "a")!;
    expect(text.slice(inner.start, inner.end)).toBe('[1,  {"b": 1.50}]');
  });

  it("takes a text of two million characters, and refuses one nested too deep", () => {
    const long = JSON.stringify('a\\"'.repeat(500_000));
    expect(parseJson(long)).toMatchObject({ kind: "string" });
    expect(parseJson("[".repeat(100_000))).toBeNull();
    expect(parseJson("[".repeat(501) + "]".repeat(501))).toMatchObject({ kind: "array" });
  });
});

describe("jsonRows", () => {
  const view = { toggled: new Map(), shown: new Map(), openDepth: 9 };

  it("shows a value line by line, each with its path", () => {
    const node = parseJson('{"a":[true,{"odd key":null}],"b":{}}')!;
    expect(jsonRows(node, view).map(({ path, depth }) => [path, depth])).toEqual([
      ["$", 0],
      ["$.a", 1],
      ["$.a[0]", 2],
      ["$.a[1]", 2],
      ['$.a[1]["odd key"]', 3],
      ["$.b", 1],
    ]);
  });

  it("leaves out what is closed", () => {
    const node = parseJson('{"a":[1,2],"b":3}')!;
    const closed = { ...view, toggled: new Map([["$.a", false]]) };
    expect(jsonRows(node, closed).map(({ path }) => path)).toEqual(["$", "$.a", "$.b"]);
  });

  it("draws a long list a step at a time", () => {
    const node = parseJson(JSON.stringify(Array.from({ length: 1000 }, (_, n) => n)))!;
    const rows = jsonRows(node, view);
    expect(rows).toHaveLength(1 + CHILDREN_STEP + 1);
    expect(rows.at(-1)).toMatchObject({ kind: "more", hidden: 1000 - CHILDREN_STEP });
    const more = { ...view, shown: new Map([["$", 5000]]) };
    expect(jsonRows(node, more)).toHaveLength(1001);
  });

  it("writes paths that jq and JavaScript read", () => {
    expect(jsonPath("$", "plain")).toBe("$.plain");
    expect(jsonPath("$", 'say "hi"')).toBe('$["say \\"hi\\""]');
  });
});

describe("writeJsonLine", () => {
  it("writes the value on one line, numbers as they were written", () => {
    const text = '{"page": "try", "score": 14.40, "tags": ["a", null], "none": {}}';
    expect(writeJsonLine(parseJson(text)!, text.length)).toBe(text);
    expect(writeJsonLine(parseJson(text)!, text.length - 1)).toBeNull();
  });

  it("holds the same value for any JSON, and is never longer than asked", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.nat({ max: 60 }), (value, most) => {
        const line = writeJsonLine(parseJson(JSON.stringify(value))!, most);
        if (line === null) return;
        expect(line.length).toBeLessThanOrEqual(most);
        expect(line).not.toContain("\n");
        expect(JSON.stringify(JSON.parse(line))).toBe(JSON.stringify(value));
      }),
    );
  });
});
