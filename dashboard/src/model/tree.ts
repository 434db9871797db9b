import type { Span } from "./span";

/** Why a span stands at the top although it names a parent. */
export const FLAG_NONE = 0;
export const FLAG_ORPHAN = 1;
export const FLAG_CYCLE = 2;

/**
 * A run's spans in pre-order, siblings by `seq`, as parallel flat arrays: node `i` and its descendants
 * are the nodes from `i` to `i + size[i] - 1`. Every span is in it once, whatever its parent says.
 */
export interface Tree {
  readonly ids: readonly string[];
  readonly indexOf: ReadonlyMap<string, number>;
  readonly parent: Int32Array;
  readonly depth: Int32Array;
  readonly size: Int32Array;
  /** 1 when the node is the last of its siblings. */
  readonly last: Uint8Array;
  readonly flag: Uint8Array;
}

export const EMPTY_TREE: Tree = buildTree([]);

/** Build the tree in O(n log n), without recursion: a chain of 10,000 spans is as good as a flat run. */
export function buildTree(spans: Iterable<Span>): Tree {
  const sorted = [...spans].sort(bySequence);
  const links = linkSiblings(sorted);
  const tree = allocate(sorted.length);
  const placed = new Uint8Array(sorted.length);
  for (const root of links.roots) placeSubtree(root, FLAG_NONE, { sorted, links, tree, placed });
  for (const root of links.orphans)
    placeSubtree(root, FLAG_ORPHAN, { sorted, links, tree, placed });
  for (let index = 0; index < sorted.length; index += 1) {
    if (placed[index] === 0) placeSubtree(index, FLAG_CYCLE, { sorted, links, tree, placed });
  }
  fillSizes(tree);
  markLast(tree);
  return tree;
}

interface Links {
  readonly roots: number[];
  readonly orphans: number[];
  readonly firstChild: Int32Array;
  readonly nextSibling: Int32Array;
}

interface MutableTree extends Tree {
  readonly ids: string[];
  readonly indexOf: Map<string, number>;
}

interface Work {
  readonly sorted: readonly Span[];
  readonly links: Links;
  readonly tree: MutableTree;
  readonly placed: Uint8Array;
}

function bySequence(left: Span, right: Span): number {
  return left.seq - right.seq || (left.spanId < right.spanId ? -1 : 1);
}

function allocate(count: number): MutableTree {
  return {
    ids: [],
    indexOf: new Map(),
    parent: new Int32Array(count).fill(-1),
    depth: new Int32Array(count),
    size: new Int32Array(count),
    last: new Uint8Array(count),
    flag: new Uint8Array(count),
  };
}

function linkSiblings(sorted: readonly Span[]): Links {
  const position = new Map(sorted.map((span, index) => [span.spanId, index]));
  const firstChild = new Int32Array(sorted.length).fill(-1);
  const nextSibling = new Int32Array(sorted.length).fill(-1);
  const roots: number[] = [];
  const orphans: number[] = [];
  // From the last to the first, so that each list of children comes out in order.
  for (let index = sorted.length - 1; index >= 0; index -= 1) {
    const parentId = sorted[index]?.parentSpanId ?? null;
    const parent = parentId === null ? undefined : position.get(parentId);
    if (parentId === null) roots.push(index);
    else if (parent === undefined) orphans.push(index);
    else {
      nextSibling[index] = firstChild[parent] ?? -1;
      firstChild[parent] = index;
    }
  }
  return { roots: roots.reverse(), orphans: orphans.reverse(), firstChild, nextSibling };
}

function placeSubtree(root: number, flag: number, work: Work): void {
  const { sorted, links, tree, placed } = work;
  const stack: { index: number; parent: number }[] = [{ index: root, parent: -1 }];
  for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
    const span = sorted[top.index];
    if (span === undefined || placed[top.index] === 1) continue;
    placed[top.index] = 1;
    const at = tree.ids.length;
    tree.ids.push(span.spanId);
    tree.indexOf.set(span.spanId, at);
    tree.parent[at] = top.parent;
    tree.depth[at] = top.parent === -1 ? 0 : (tree.depth[top.parent] ?? 0) + 1;
    tree.flag[at] = top.parent === -1 ? flag : FLAG_NONE;
    const children: number[] = [];
    for (let child = links.firstChild[top.index] ?? -1; child !== -1; ) {
      children.push(child);
      child = links.nextSibling[child] ?? -1;
    }
    for (const child of children.reverse()) stack.push({ index: child, parent: at });
  }
}

function fillSizes(tree: MutableTree): void {
  tree.size.fill(1);
  for (let index = tree.ids.length - 1; index >= 0; index -= 1) {
    const parent = tree.parent[index] ?? -1;
    if (parent !== -1) tree.size[parent] = (tree.size[parent] ?? 0) + (tree.size[index] ?? 0);
  }
}

function markLast(tree: MutableTree): void {
  const seen = new Set<number>();
  for (let index = tree.ids.length - 1; index >= 0; index -= 1) {
    const parent = tree.parent[index] ?? -1;
    if (seen.has(parent)) continue;
    seen.add(parent);
    tree.last[index] = 1;
  }
}

/** The nodes that a reader sees, in order, when the spans in `collapsed` hide their descendants. */
export function visibleRows(tree: Tree, collapsed: ReadonlySet<string>): Int32Array {
  const rows = new Int32Array(tree.ids.length);
  let count = 0;
  for (let index = 0; index < tree.ids.length; ) {
    rows[count] = index;
    count += 1;
    const hides = collapsed.size > 0 && collapsed.has(tree.ids[index] ?? "");
    index += hides ? (tree.size[index] ?? 1) : 1;
  }
  return rows.slice(0, count);
}

/** The rows of the nodes in `matches` and of their ancestors, so that each match keeps its place. */
export function rowsWithAncestors(tree: Tree, matches: Uint8Array): Int32Array {
  const shown = matches.slice();
  for (let index = tree.ids.length - 1; index >= 0; index -= 1) {
    const parent = tree.parent[index] ?? -1;
    if (shown[index] !== 0 && parent !== -1 && shown[parent] === 0) shown[parent] = 2;
  }
  const rows: number[] = [];
  for (let index = 0; index < shown.length; index += 1) if (shown[index] !== 0) rows.push(index);
  return Int32Array.from(rows);
}

/** The ids of a node's ancestors, nearest first. */
export function ancestorIds(tree: Tree, spanId: string): string[] {
  const ids: string[] = [];
  let index = tree.indexOf.get(spanId) ?? -1;
  for (index = index === -1 ? -1 : (tree.parent[index] ?? -1); index !== -1; ) {
    const id = tree.ids[index];
    if (id !== undefined) ids.push(id);
    index = tree.parent[index] ?? -1;
  }
  return ids;
}
