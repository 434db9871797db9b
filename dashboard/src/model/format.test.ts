import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { addDecimals } from "./decimal";
import {
  formatAgo,
  formatBytes,
  formatCost,
  formatCount,
  formatDuration,
  formatElapsed,
  formatTokens,
  spanTypeLabel,
} from "./format";
import { parseInstant } from "./instant";

describe("formatDuration", () => {
  it.each([
    [null, "–"],
    [Number.NaN, "–"],
    [0, "0 ms"],
    [0.0004, "1 µs"],
    [0.42, "420 µs"],
    [1.234, "1.23 ms"],
    [42.06, "42.1 ms"],
    [412.4, "412 ms"],
    [999.6, "1.00 s"],
    [1240, "1.24 s"],
    [12_400, "12.4 s"],
    [59_960, "1m 00s"],
    [184_000, "3m 04s"],
    [7_500_000, "2h 05m"],
    [97_200_000, "1d 03h"],
    [-5, "-5.00 ms"],
  ])("writes %s ms as %s", (durationMs, text) => {
    expect(formatDuration(durationMs)).toBe(text);
  });

  it("writes a growing time in whole tenths", () => {
    expect([formatElapsed(0), formatElapsed(1449), formatElapsed(61_000)]).toEqual([
      "0.0 s",
      "1.4 s",
      "1m 01s",
    ]);
  });
});

describe("figures", () => {
  it("tells an unknown figure from none", () => {
    expect([formatCount(null), formatCount(0), formatCount(12_345)]).toEqual(["–", "0", "12,345"]);
  });

  it("marks estimated tokens", () => {
    expect([formatTokens(1204, true), formatTokens(1204, false), formatTokens(null, true)]).toEqual(
      ["~1,204", "1,204", "–"],
    );
  });

  it.each([
    [null, "–"],
    ["0", "$0"],
    ["0.00", "$0"],
    ["1234.5", "$1,234.50"],
    ["0.5", "$0.50"],
    ["0.0123", "$0.0123"],
    ["0.000042", "$0.000042"],
    ["0.00123456", "$0.00123"],
  ])("writes %s dollars as %s", (usd, text) => {
    expect(formatCost(usd)).toBe(text);
  });

  it.each([
    [0, "0 B"],
    [1023, "1023 B"],
    [1536, "1.5 KiB"],
    [1_048_575, "1.0 MiB"],
    [5 * 1024 ** 3, "5.0 GiB"],
  ])("writes %s bytes as %s", (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });

  it("says how long ago something was", () => {
    const ago = (seconds: number) => formatAgo(1e12 - seconds * 1000, 1e12);
    expect([0, 42, 301, 7300, 200_000].map(ago)).toEqual([
      "now",
      "42 s ago",
      "5 min ago",
      "2 h ago",
      "2 d ago",
    ]);
  });

  it("names the kinds of steps as people do", () => {
    expect(["LLM_CALL", "TOOL_CALL", "AGENT"].map(spanTypeLabel)).toEqual([
      "LLM call",
      "Tool call",
      "Agent",
    ]);
  });
});

describe("parseInstant", () => {
  it("keeps the microseconds", () => {
    expect(parseInstant("2026-11-05T14:03:22.118042Z")).toBeCloseTo(
      Date.UTC(2026, 10, 5, 14, 3, 22) + 118.042,
      3,
    );
    expect(parseInstant("2026-11-05T14:03:22+00:00")).toBe(Date.UTC(2026, 10, 5, 14, 3, 22));
    expect(parseInstant("yesterday")).toBeNaN();
  });
});

describe("addDecimals", () => {
  it("is exact where floats are not", () => {
    expect(addDecimals("0.1", "0.2")).toBe("0.3");
    expect(addDecimals("-0.10", "0.1")).toBe("0");
    expect(addDecimals("1e-7", "2")).toBe("2.0000001");
    expect(() => addDecimals("a lot", "1")).toThrow("'a lot' is not a decimal number.");
  });

  it("adds as whole numbers of the smallest unit do", () => {
    const units = fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n });
    const text = (value: bigint) => {
      const digits = String(value < 0n ? -value : value).padStart(7, "0");
      return `${value < 0n ? "-" : ""}${digits.slice(0, -6)}.${digits.slice(-6)}`;
    };
    fc.assert(
      fc.property(units, units, (a, b) => {
        expect(addDecimals(addDecimals(text(a), text(b)), "0")).toBe(addDecimals(text(a + b), "0"));
      }),
    );
  });
});
