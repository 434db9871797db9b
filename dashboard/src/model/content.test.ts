import { describe, expect, it } from "vitest";
import { canonicalJson, readAnswer, readDecision, readMessages, readRetrieval } from "./content";
import { parseJson } from "./json";

const json = (value: unknown) => parseJson(JSON.stringify(value))!;

describe("readMessages", () => {
  it("finds the messages among the arguments of a call", () => {
    const input = json({
      temperature: 0,
      messages: [
        { role: "system", content: "Be brief." },
        { role: "user", name: "ada", content: [{ type: "text", text: "Why?" }, { type: "image" }] },
      ],
    });
    expect(readMessages(input)).toMatchObject([
      { role: "system", name: null, parts: [{ kind: "text", text: "Be brief." }] },
      {
        role: "user",
        name: "ada",
        parts: [
          { kind: "text", text: "Why?" },
          { kind: "json", label: "image" },
        ],
      },
    ]);
  });

  it("shows tool calls by the name of their function", () => {
    const turns = readMessages(
      json([
        {
          role: "assistant",
          content: null,
          tool_calls: [{ id: "1", function: { name: "search", arguments: "{}" } }],
        },
      ]),
    );
    expect(turns?.[0]?.parts).toMatchObject([{ kind: "json", label: "tool call search" }]);
  });

  it("says so when the input is no conversation", () => {
    expect(readMessages(json({ prompt: "Why?" }))).toBeNull();
    expect(readMessages(json({ messages: ["Why?"] }))).toBeNull();
    expect(readMessages(null)).toBeNull();
  });
});

describe("readAnswer", () => {
  it.each([
    ["plain text", "Because.", "assistant"],
    ["a message", { role: "assistant", content: "Because." }, "assistant"],
    ["a completion", { choices: [{ message: { role: "model", content: "Because." } }] }, "model"],
  ])("reads %s", (_case, output, role) => {
    expect(readAnswer(json(output))).toEqual({
      role,
      name: null,
      parts: [{ kind: "text", text: "Because." }],
    });
  });

  it("shows anything else as JSON", () => {
    expect(readAnswer(json({ embedding: [1] }))?.parts).toMatchObject([{ kind: "json" }]);
    expect(readAnswer(json(null))).toBeNull();
  });
});

describe("readDecision", () => {
  it("reads options, choice and reason", () => {
    const decision = readDecision(
      json({ options: ["search", { tool: "ask", cost: 1 }] }),
      json({ chosen: { cost: 1, tool: "ask" }, reason: "Cheaper." }),
    );
    expect(decision).toMatchObject({ reason: "Cheaper." });
    expect(
      decision?.options.map((one) => canonicalJson(one) === canonicalJson(decision.chosen!)),
    ).toEqual([false, true]);
  });

  it("shows the options of a decision that has not been taken", () => {
    expect(readDecision(json({ options: ["a"] }), null)).toMatchObject({
      chosen: null,
      reason: null,
    });
    expect(readDecision(json({ x: 1 }), json("a"))).toBeNull();
  });
});

describe("readRetrieval", () => {
  it("reads documents with their scores as they were written", () => {
    const input = parseJson('{"query":"asyncio"}');
    const output = parseJson('{"documents":[{"id":7,"content":"text","score":12.50,"page":3}]}');
    expect(readRetrieval(input, output)).toMatchObject({
      query: "asyncio",
      documents: [
        { id: "7", content: "text", score: "12.50", rest: [{ key: "page", value: { text: "3" } }] },
      ],
    });
  });

  it("leaves other shapes to the plain view", () => {
    expect(readRetrieval(json({ k: 1 }), json(["text"]))).toBeNull();
    expect(readRetrieval(json({ query: "q" }), null)).toEqual({ query: "q", documents: null });
  });
});
