import { describe, expect, it } from "vitest";
import {
  isEnding,
  loginOf,
  readTokens,
  type SessionEvent,
  type SessionState,
  step,
  type Tokens,
  writeTokens,
} from "./session";

const TOKENS: Tokens = { access: "a1", refresh: "r1", expiresAtMs: 3_600_000, login: "first" };
const LATER: Tokens = { ...TOKENS, access: "a2", refresh: "r2" };
const OTHER: Tokens = { ...TOKENS, access: "b1", refresh: "s1", login: "second" };

function stateAfter(...events: readonly SessionEvent[]): SessionState {
  return events.reduce<SessionState>(step, { phase: "open" });
}

describe("a session", () => {
  it("stays open while nobody asks who is here: a server without accounts never does", () => {
    expect(stateAfter({ kind: "found", tokens: null })).toEqual({ phase: "open" });
  });

  it("is out when the server asks and there is nothing to tell, and in once there is", () => {
    expect(stateAfter({ kind: "asked" })).toEqual({ phase: "out", reason: "asked" });
    expect(stateAfter({ kind: "asked" }, { kind: "issued", tokens: TOKENS })).toEqual({
      phase: "in",
      tokens: TOKENS,
    });
  });

  it("goes out in every tab when one of them signs out, and in again with it", () => {
    const gone = stateAfter({ kind: "found", tokens: TOKENS }, { kind: "found", tokens: null });
    expect(gone).toEqual({ phase: "out", reason: "left" });
    expect(step(gone, { kind: "found", tokens: OTHER })).toEqual({ phase: "in", tokens: OTHER });
  });

  it("keeps why it is out when others find the same", () => {
    const left = stateAfter({ kind: "issued", tokens: TOKENS }, { kind: "left", isTold: false });
    expect(left).toEqual({ phase: "out", reason: "untold" });
    for (const event of [
      { kind: "ended" },
      { kind: "asked" },
      { kind: "found", tokens: null },
    ] as const)
      expect(step(left, event)).toBe(left);
  });

  it("is out for good tokens that end, and says so", () => {
    expect(stateAfter({ kind: "issued", tokens: TOKENS }, { kind: "ended" })).toEqual({
      phase: "out",
      reason: "ended",
    });
  });

  it("is the same object when nothing has changed", () => {
    const state = stateAfter({ kind: "found", tokens: TOKENS });
    expect(step(state, { kind: "found", tokens: { ...TOKENS } })).toBe(state);
  });

  it("is of one login over all its tokens, and of another one after another login", () => {
    const login = (tokens: Tokens) => loginOf(stateAfter({ kind: "issued", tokens }));
    expect(login(LATER)).toBe(login(TOKENS));
    expect(login(OTHER)).not.toBe(login(TOKENS));
    expect(loginOf({ phase: "open" })).not.toBe(login(TOKENS));
  });

  it("needs no login once the server says that it has no accounts", () => {
    expect(stateAfter({ kind: "asked" }, { kind: "unneeded" })).toEqual({ phase: "open" });
  });
});

describe("tokens", () => {
  it("are read as they were written, and nothing else is taken for tokens", () => {
    expect(readTokens(writeTokens(TOKENS))).toEqual(TOKENS);
    for (const text of [null, "", "{", "null", "[]", '{"access":"a"}', '{"access":1,"refresh":2}'])
      expect(readTokens(text)).toBeNull();
  });

  it("are exchanged some time before they end", () => {
    expect(isEnding(TOKENS, TOKENS.expiresAtMs - 60_000)).toBe(false);
    expect(isEnding(TOKENS, TOKENS.expiresAtMs - 10_000)).toBe(true);
    expect(isEnding(TOKENS, TOKENS.expiresAtMs + 1)).toBe(true);
  });
});
