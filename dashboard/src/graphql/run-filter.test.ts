import { describe, expect, it } from "vitest";
import { NO_RUN_FILTER } from "@/model/run-filter";
import { toFilter } from "./run-filter";

const NOW_MS = Date.UTC(2026, 10, 26, 12);
const filterOf = (part: Partial<typeof NO_RUN_FILTER>) =>
  toFilter({ ...NO_RUN_FILTER, ...part }, NOW_MS);

describe("toFilter", () => {
  it("asks for all runs when nothing is chosen", () => {
    expect(filterOf({})).toEqual({});
  });

  it("asks for runs that started in a time, from its beginning to before its end", () => {
    const started = { min: "2026-11-25T09:30Z", max: "2026-11-26T00:00Z" };
    expect(filterOf({ started })).toEqual({
      startedAfter: "2026-11-25T09:30:00.000Z",
      startedBefore: "2026-11-26T00:00:00.000Z",
    });
    expect(filterOf({ started: { ...started, min: "" } })).toEqual({
      startedBefore: "2026-11-26T00:00:00.000Z",
    });
  });

  it("lets the later of two beginnings hold", () => {
    const startOf = (min: string) =>
      filterOf({ since: "1h", started: { min, max: "" } }).startedAfter;
    expect(startOf("2026-11-26T11:30Z")).toBe("2026-11-26T11:30:00.000Z");
    expect(startOf("2026-11-26T10:30Z")).toBe("2026-11-26T11:00:00.000Z");
  });

  it("asks for durations as they are written", () => {
    const durationOf = (min: string) => filterOf({ duration: { min, max: "" } }).durationMs;
    expect(durationOf("0.0041")).toEqual({ min: 4.1 });
    expect(durationOf("1.005")).toEqual({ min: 1005 });
    expect(durationOf("2.")).toEqual({ min: 2000 });
  });

  it("asks for whole numbers of tokens within the ends", () => {
    expect(filterOf({ tokens: { min: "1.5", max: "9.5" } })).toEqual({
      totalTokens: { min: 2, max: 9 },
    });
  });

  it("asks for scores by name, with the ends and the label that are given", () => {
    const scores = [
      { name: "tone", score: { min: "-0.5", max: "" }, label: null },
      { name: "verdict", score: { min: "", max: "" }, label: "good" },
      { name: "seen", score: { min: "", max: "" }, label: null },
    ];
    expect(filterOf({ scores })).toEqual({
      scores: [
        { name: "tone", score: { min: -0.5 } },
        { name: "verdict", label: ["good"] },
        { name: "seen" },
      ],
    });
  });
});
