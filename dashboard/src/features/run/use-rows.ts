import { useCallback, useMemo, useState } from "react";
import { isFiltering, matchTree, type SpanFilter } from "@/model/filter";
import type { Run } from "@/model/run";
import type { Timeline } from "@/model/timeline";
import { ancestorIds, buildTree, rowsWithAncestors, type Tree, visibleRows } from "@/model/tree";

const NONE: ReadonlySet<string> = new Set();

export interface Rows {
  readonly tree: Tree;
  /** Indexes into the tree, in the order of the screen. */
  readonly rows: Int32Array;
  /** 1 for a node that the filter asked for; null: no filter. */
  readonly matches: Uint8Array | null;
  readonly matchCount: number;
  readonly collapsed: ReadonlySet<string>;
  readonly toggle: (spanId: string) => void;
  readonly reveal: (spanId: string) => void;
  readonly collapseAll: () => void;
  readonly expandAll: () => void;
}

/** The rows that are on screen: the tree, less what is collapsed, or what the filter finds. */
export function useRows(timeline: Timeline<Run>, filter: SpanFilter): Rows {
  const [collapsed, setCollapsed] = useState(NONE);
  const { structure, version, spans, run } = timeline;
  // biome-ignore lint/correctness/useExhaustiveDependencies: the timeline changes in place; its counters say when
  const tree = useMemo(() => buildTree(spans.values()), [timeline, structure]);
  const filtering = isFiltering(filter);
  // Only a filter reads the spans themselves, so only then does each change of one matter.
  const seen = filtering ? version : 0;
  // biome-ignore lint/correctness/useExhaustiveDependencies: as above
  const matches = useMemo(
    () => (filtering ? matchTree(tree, spans, filter, run) : null),
    [tree, spans, filter, run, filtering, seen],
  );
  const rows = useMemo(
    () => (matches === null ? visibleRows(tree, collapsed) : rowsWithAncestors(tree, matches)),
    [tree, matches, collapsed],
  );
  const matchCount = useMemo(() => matches?.reduce((sum, one) => sum + one, 0) ?? 0, [matches]);
  const toggle = useCallback((spanId: string) => setCollapsed((old) => toggled(old, spanId)), []);
  return {
    tree,
    rows,
    matches,
    matchCount,
    collapsed,
    toggle,
    reveal: (spanId) => setCollapsed((old) => without(old, ancestorIds(tree, spanId))),
    collapseAll: () => setCollapsed(new Set(parentIds(tree))),
    expandAll: () => setCollapsed(NONE),
  };
}

function toggled(ids: ReadonlySet<string>, id: string): ReadonlySet<string> {
  const next = new Set(ids);
  if (!next.delete(id)) next.add(id);
  return next;
}

function without(ids: ReadonlySet<string>, gone: readonly string[]): ReadonlySet<string> {
  if (!gone.some((id) => ids.has(id))) return ids;
  const next = new Set(ids);
  for (const id of gone) next.delete(id);
  return next;
}

function parentIds(tree: Tree): string[] {
  return tree.ids.filter((_, index) => (tree.size[index] ?? 1) > 1);
}
