import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fromLocalTime, readInstant, toLocalTime, writeInstant } from "./instant";

describe("an instant of an address", () => {
  it("is short when it can be, and reads as it was written", () => {
    expect(writeInstant(Date.UTC(2026, 10, 26, 9, 5))).toBe("2026-11-26T09:05Z");
    expect(writeInstant(Date.UTC(2026, 10, 26, 9, 5, 7))).toBe("2026-11-26T09:05:07Z");
    const atMs = fc.integer({ min: 0, max: 253_402_300_799_999 });
    fc.assert(
      fc.property(atMs, (ms) => {
        expect(readInstant(writeInstant(ms))).toBe(ms);
      }),
    );
  });

  it.each([
    "",
    "soon",
    "2026-11-26",
    "2026-11-26T09:05",
    "2026-13-01T00:00Z",
    "0000-01-01T00:00Z",
    "+012026-01-01T00:00Z",
  ])("is not %j", (text) => {
    expect(readInstant(text)).toBeNull();
  });

  it("goes through a field of the local clock unchanged", () => {
    // Winter, so that no clock is turned back within it.
    const atMs = fc.integer({ min: 0, max: 80_000 }).map((s) => Date.UTC(2026, 0, 12) + s * 1000);
    fc.assert(
      fc.property(atMs, (ms) => {
        const text = writeInstant(ms);
        expect(toLocalTime(text)).toMatch(/^2026-01-1[1-3]T\d\d:\d\d(:\d\d)?$/);
        expect(fromLocalTime(toLocalTime(text))).toBe(text);
      }),
    );
    expect(fromLocalTime("")).toBe("");
    expect(fromLocalTime("275760-09-13T00:00")).toBe("");
  });
});
