import { describe, expect, it } from "vitest";
import { adviseOnDropped, countDropped, describeDropped } from "./dropped";

describe("dropped records", () => {
  it("are summed, and told with each reason", () => {
    const dropped = [
      { reason: "queue_full", count: 12 },
      { reason: "odd", count: 2000 },
    ];
    expect(countDropped(dropped)).toBe(2012);
    expect(describeDropped(dropped)).toBe(
      "2,012 records of this run were dropped by its recorder: queue_full 12, odd 2,000",
    );
    expect(describeDropped([{ reason: "rejected", count: 1 }])).toBe(
      "1 record of this run was dropped by its recorder: rejected 1",
    );
  });

  it("come with what to do, once for each", () => {
    const advice = adviseOnDropped([
      { reason: "queue_full", count: 1 },
      { reason: "odd", count: 1 },
      { reason: "constructor", count: 1 },
    ]);
    expect(advice).toHaveLength(2);
    expect(advice[0]).toContain("AGENTTRACE_QUEUE_MAX_RECORDS");
    expect(advice[1]).toContain("tracer.stats()");
  });
});
