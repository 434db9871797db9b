import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  clampWindow,
  fraction,
  momentAt,
  niceStep,
  panWindow,
  type TimeWindow,
  ticks,
  zoomWindow,
} from "./time-scale";

const width = fc.double({ min: 0.01, max: 1e9, noNaN: true });
const window = fc
  .record({ startMs: fc.double({ min: 0, max: 1e8, noNaN: true }), width })
  .map(({ startMs, width: size }): TimeWindow => ({ startMs, endMs: startMs + size }));

describe("ticks", () => {
  it("are evenly spaced, inside the window, and not more than asked for", () => {
    fc.assert(
      fc.property(window, fc.integer({ min: 2, max: 20 }), (view, count) => {
        const marks = ticks(view, count).map(({ atMs }) => atMs);
        expect(marks.length).toBeLessThanOrEqual(count + 1);
        const step = niceStep((view.endMs - view.startMs) / count);
        marks.forEach((atMs, index) => {
          expect(atMs).toBeGreaterThanOrEqual(view.startMs - step * 1e-6);
          expect(atMs).toBeLessThanOrEqual(view.endMs + step * 1e-6);
          if (index > 0) expect((atMs - marks[index - 1]!) / step).toBeCloseTo(1, 3);
        });
      }),
    );
  });

  it("are labelled in one unit, with the digits that the step needs", () => {
    expect(ticks({ startMs: 0, endMs: 1000 }, 5).map(({ label }) => label)).toEqual([
      "0.0 s",
      "0.2 s",
      "0.4 s",
      "0.6 s",
      "0.8 s",
      "1.0 s",
    ]);
    expect(ticks({ startMs: 0, endMs: 7_200_000 }, 4).map(({ label }) => label)).toEqual([
      "0 min",
      "30 min",
      "60 min",
      "90 min",
      "120 min",
    ]);
    expect(ticks({ startMs: 5, endMs: 5.004 }, 2).map(({ label }) => label)).toEqual([
      "5000 µs",
      "5002 µs",
      "5004 µs",
    ]);
  });

  it("are none for a window without width", () => {
    expect(ticks({ startMs: 3, endMs: 3 }, 5)).toEqual([]);
  });
});

describe("a window", () => {
  it("keeps the anchor in its place when it zooms within its bounds", () => {
    const bounds = { startMs: 0, endMs: 1000 };
    const zoomed = zoomWindow(bounds, bounds, 250, 0.5);
    expect(zoomed).toEqual({ startMs: 125, endMs: 625 });
    expect(fraction(zoomed, 250)).toBeCloseTo(0.25);
  });

  it("never leaves its bounds and never turns around", () => {
    const factor = fc.double({ min: 0.001, max: 1000, noNaN: true });
    const part = fc.double({ min: -5, max: 5, noNaN: true });
    fc.assert(
      fc.property(window, window, factor, part, (bounds, view, zoom, pan) => {
        const clamped = clampWindow(view, bounds);
        for (const one of [
          clamped,
          zoomWindow(clamped, bounds, momentAt(clamped, 0.3), zoom),
          panWindow(clamped, bounds, pan),
        ]) {
          expect(one.startMs).toBeGreaterThanOrEqual(bounds.startMs);
          expect(one.endMs).toBeLessThanOrEqual(bounds.endMs + 1e-6 * Math.abs(bounds.endMs));
          expect(one.endMs).toBeGreaterThan(one.startMs);
        }
      }),
    );
  });

  it("says where a moment stands, and back", () => {
    fc.assert(
      fc.property(window, fc.double({ min: 0, max: 1, noNaN: true }), (view, at) => {
        expect(fraction(view, momentAt(view, at))).toBeCloseTo(at, 3);
      }),
    );
  });
});
