import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { newerRun, newerSpan } from "./merge";
import type { Run } from "./run";
import type { Span } from "./span";
import { aRun, arbitraryRun, arbitrarySpan, aSpan } from "./testing";
import { Timeline, type TimelineEvent } from "./timeline";

/** What was recorded as interrupted has an end; what was given up has none. */
function asRecorded<S extends Pick<Span, "status" | "durationMs">>(snapshot: S): S {
  const isGivenUp = snapshot.status === "INTERRUPTED" && snapshot.durationMs === null;
  return isGivenUp ? { ...snapshot, durationMs: 0 } : snapshot;
}

const spanEvent = arbitrarySpan
  .map(asRecorded)
  .map((span): TimelineEvent<Run> => ({ kind: "span", span }));
const runEvent = arbitraryRun
  .map(asRecorded)
  .map((run): TimelineEvent<Run> => ({ kind: "run", run }));
const happening = fc.record({
  kind: fc.constant("happening" as const),
  spanId: fc.constantFrom("0000000000000001", "0000000000000002"),
  seq: fc.nat(40),
});
const events = fc.array(fc.oneof(spanEvent, runEvent, happening), { maxLength: 40 });

function reduce(list: readonly TimelineEvent<Run>[]) {
  const timeline = new Timeline<Run>();
  timeline.apply(list);
  const spans = [...timeline.spans.values()].sort((a, b) => (a.spanId < b.spanId ? -1 : 1));
  const happenings = [...timeline.happenings].sort();
  return { run: timeline.run, spans, happenings };
}

describe("merging snapshots", () => {
  it("is the same whatever the order of spans", () => {
    fc.assert(
      fc.property(arbitrarySpan, arbitrarySpan, arbitrarySpan, (a, b, c) => {
        expect(newerSpan(a, b)).toEqual(newerSpan(b, a));
        expect(newerSpan(newerSpan(a, b), c)).toEqual(newerSpan(a, newerSpan(b, c)));
        expect(newerSpan(a, a)).toBe(a);
      }),
    );
  });

  it("is the same whatever the order of runs", () => {
    fc.assert(
      fc.property(arbitraryRun, arbitraryRun, arbitraryRun, (a, b, c) => {
        expect(newerRun(a, b)).toEqual(newerRun(b, a));
        expect(newerRun(newerRun(a, b), c)).toEqual(newerRun(a, newerRun(b, c)));
      }),
    );
  });

  it("never takes an ended span back to running", () => {
    fc.assert(
      fc.property(arbitrarySpan, arbitrarySpan, (a, b) => {
        const merged = newerSpan(a, b);
        if (a.status !== "STARTED" || b.status !== "STARTED") {
          expect(merged.status).not.toBe("STARTED");
        }
      }),
    );
  });
});

describe("Timeline", () => {
  it("comes to the same whatever the order of the events", () => {
    const shuffled = events.chain((list) =>
      fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length })),
    );
    fc.assert(
      fc.property(shuffled, ([list, other]) => {
        expect(reduce(other)).toEqual(reduce(list));
      }),
    );
  });

  it("does not change when the same events come again", () => {
    fc.assert(
      fc.property(events, (list) => {
        const timeline = new Timeline<Run>();
        timeline.apply(list);
        const { version, structure } = timeline;
        expect(timeline.apply(list)).toBe(false);
        expect([timeline.version, timeline.structure]).toEqual([version, structure]);
      }),
    );
  });

  it("shows that a run was given up and came back as it is told, and its open steps so", () => {
    const timeline = new Timeline<Run>();
    const run = aRun({ status: "STARTED", durationMs: null });
    const span = aSpan({ status: "STARTED", durationMs: null });
    const other = aSpan({ spanId: "00000000000000a2" });
    const tell = (status: "STARTED" | "INTERRUPTED") =>
      timeline.apply([
        { kind: "run", run: { ...run, status } },
        { kind: "span", span: { ...span, status } },
        { kind: "span", span: other },
      ]);
    const shown = () => [timeline.run?.status, timeline.spans.get(span.spanId)?.status];
    tell("STARTED");
    for (let times = 0; times < 2; times += 1) {
      expect(tell("INTERRUPTED")).toBe(true);
      expect(tell("INTERRUPTED")).toBe(false);
      expect(shown()).toEqual(["INTERRUPTED", "INTERRUPTED"]);
      expect(tell("STARTED")).toBe(true);
      expect(shown()).toEqual(["STARTED", "STARTED"]);
    }
    const { structure } = timeline;
    tell("INTERRUPTED");
    timeline.apply([
      { kind: "run", run: { ...run, status: "COMPLETED", durationMs: 9 } },
      { kind: "span", span: { ...span, status: "COMPLETED", durationMs: 9 } },
    ]);
    tell("INTERRUPTED");
    expect(shown()).toEqual(["COMPLETED", "COMPLETED"]);
    expect(timeline.structure).toBe(structure);
  });

  it("keeps what the recorder itself called interrupted", () => {
    const timeline = new Timeline<Run>();
    const span = aSpan({ status: "INTERRUPTED", durationMs: 5 });
    timeline.apply([{ kind: "span", span }]);
    const late: Span = { ...span, status: "STARTED", durationMs: null };
    expect(timeline.apply([{ kind: "span", span: late }])).toBe(false);
  });

  it("calls the end of a span a change, but no change of the tree", () => {
    const timeline = new Timeline<Run>();
    const started: Span = aSpan({ status: "STARTED", durationMs: null });
    timeline.apply([{ kind: "span", span: started }]);
    const { structure } = timeline;
    const ended: Span = { ...started, status: "COMPLETED", durationMs: 250 };
    expect(timeline.apply([{ kind: "span", span: ended }])).toBe(true);
    expect(timeline.structure).toBe(structure);
    expect(timeline.knownEndMs).toBe(started.offsetMs + 250);
  });
});
