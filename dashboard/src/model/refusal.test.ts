import { describe, expect, it } from "vitest";
import { readRefusal, toSentence } from "./refusal";

const body = (code: string, message: string) => JSON.stringify({ error: { code, message } });

describe("a refusal", () => {
  it.each([
    [401, body("unauthenticated", "wrong"), "wrong"],
    [403, body("forbidden", "closed"), "closed"],
    [400, body("too_short", "short"), "invalid"],
    [404, body("accounts_off", "none"), "unneeded"],
    [503, body("overloaded", "later"), "fault"],
    [502, "<html>", "fault"],
  ])("of status %i is of its kind", (status, text, kind) => {
    expect(readRefusal(status, text, null).kind).toBe(kind);
  });

  it("says how long to wait", () => {
    const refusal = readRefusal(429, body("too_many_attempts", "too many tries"), "874");
    expect(refusal).toEqual({ kind: "limited", message: "too many tries", retryAfterS: 874 });
    expect(readRefusal(429, "", "soon").retryAfterS).toBeNull();
  });

  it("says the status where the server said nothing", () => {
    expect(readRefusal(502, "<html>", null).message).toContain("502");
  });
});

describe("a sentence", () => {
  it.each([
    ["the token is wrong", "The token is wrong."],
    ["Is it?", "Is it?"],
    ["  done. ", "Done."],
    ["", ""],
  ])("of %j is %j", (text, sentence) => {
    expect(toSentence(text)).toBe(sentence);
  });
});
