import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { matchTree, NO_FILTER } from "./filter";
import type { Span } from "./span";
import { arbitrarySpans, aSpan } from "./testing";
import {
  ancestorIds,
  buildTree,
  FLAG_CYCLE,
  FLAG_NONE,
  FLAG_ORPHAN,
  rowsWithAncestors,
  visibleRows,
} from "./tree";

const NONE: ReadonlySet<string> = new Set();

function chain(length: number): Span[] {
  return Array.from({ length }, (_, index) =>
    aSpan({
      spanId: String(index),
      parentSpanId: index === 0 ? null : String(index - 1),
      seq: index,
    }),
  );
}

describe("buildTree", () => {
  it("holds every span once, whatever its parent says", () => {
    fc.assert(
      fc.property(arbitrarySpans, (spans) => {
        const { ids } = buildTree(spans);
        expect([...ids].sort()).toEqual(spans.map(({ spanId }) => spanId).sort());
      }),
    );
  });

  it("puts each node right inside its parent's stretch, siblings by seq", () => {
    fc.assert(
      fc.property(arbitrarySpans, (spans) => {
        const tree = buildTree(spans);
        const byId = new Map(spans.map((span) => [span.spanId, span]));
        const lastSeq = new Map<number, number>();
        tree.ids.forEach((id, index) => {
          const span = byId.get(id)!;
          const parent = tree.parent[index]!;
          if (parent !== -1) {
            expect(tree.ids[parent]).toBe(span.parentSpanId);
            expect(tree.depth[index]).toBe(tree.depth[parent]! + 1);
            expect(index).toBeLessThan(parent + tree.size[parent]!);
            expect(span.seq).toBeGreaterThanOrEqual(lastSeq.get(parent) ?? -1);
            lastSeq.set(parent, span.seq);
          } else {
            expect(tree.depth[index]).toBe(0);
            expect(tree.flag[index] === FLAG_NONE).toBe(span.parentSpanId === null);
          }
        });
      }),
    );
  });

  it("is the same whatever the order in which the spans came", () => {
    const shuffled = arbitrarySpans.chain((spans) =>
      fc.tuple(fc.constant(spans), fc.shuffledSubarray(spans, { minLength: spans.length })),
    );
    fc.assert(
      fc.property(shuffled, ([spans, other]) => {
        expect(buildTree(other)).toEqual(buildTree(spans));
      }),
    );
  });

  it("flags a span whose parent is missing, and breaks a cycle at its first span", () => {
    const tree = buildTree([
      aSpan({ spanId: "a", parentSpanId: "b", seq: 1 }),
      aSpan({ spanId: "b", parentSpanId: "a", seq: 2 }),
      aSpan({ spanId: "c", parentSpanId: "gone", seq: 3 }),
      aSpan({ spanId: "d", parentSpanId: "d", seq: 4 }),
    ]);
    expect(tree.ids).toEqual(["c", "a", "b", "d"]);
    expect([...tree.flag]).toEqual([FLAG_ORPHAN, FLAG_CYCLE, FLAG_NONE, FLAG_CYCLE]);
    expect([...tree.size]).toEqual([1, 2, 1, 1]);
  });

  it("takes a chain of 10,000 steps without recursion", () => {
    const tree = buildTree(chain(10_000));
    expect(tree.depth[9_999]).toBe(9_999);
    expect(ancestorIds(tree, "9999")).toHaveLength(9_999);
  });
});

describe("visibleRows", () => {
  it("shows the whole tree in order when nothing is collapsed", () => {
    fc.assert(
      fc.property(arbitrarySpans, (spans) => {
        const tree = buildTree(spans);
        expect([...visibleRows(tree, NONE)]).toEqual(tree.ids.map((_, index) => index));
      }),
    );
  });

  it("hides exactly the descendants of what is collapsed", () => {
    const withCollapsed = arbitrarySpans.chain((spans) =>
      fc.tuple(fc.constant(spans), fc.subarray(spans.map(({ spanId }) => spanId))),
    );
    fc.assert(
      fc.property(withCollapsed, ([spans, ids]) => {
        const tree = buildTree(spans);
        const collapsed = new Set(ids);
        const shown = [...visibleRows(tree, collapsed)].map((index) => tree.ids[index]!);
        const expected = tree.ids.filter(
          (id) => !ancestorIds(tree, id).some((ancestor) => collapsed.has(ancestor)),
        );
        expect(shown).toEqual(expected);
      }),
    );
  });
});

describe("rowsWithAncestors", () => {
  it("shows each match with the way to it, and nothing else", () => {
    const spans = [
      aSpan({ spanId: "run", seq: 0, name: "agent" }),
      aSpan({ spanId: "plan", parentSpanId: "run", seq: 1, name: "plan" }),
      aSpan({ spanId: "find", parentSpanId: "run", seq: 2, name: "search" }),
      aSpan({ spanId: "read", parentSpanId: "find", seq: 3, name: "read page", status: "ERROR" }),
    ];
    const tree = buildTree(spans);
    const byId = new Map(spans.map((span) => [span.spanId, span]));
    const shown = (filter: Partial<typeof NO_FILTER>) =>
      [...rowsWithAncestors(tree, matchTree(tree, byId, { ...NO_FILTER, ...filter }, null))].map(
        (index) => tree.ids[index],
      );
    expect(shown({ text: "PAGE" })).toEqual(["run", "find", "read"]);
    expect(shown({ statuses: ["ERROR"] })).toEqual(["run", "find", "read"]);
    expect(shown({ text: "plan" })).toEqual(["run", "plan"]);
    expect(shown({ types: ["LLM_CALL"] })).toEqual([]);
  });
});
