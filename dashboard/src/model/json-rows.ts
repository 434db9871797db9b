import { childCount, type JsonNode, jsonPath } from "./json";

/** How many children of one value are drawn at a time; the rest waits behind a row of its own. */
export const CHILDREN_STEP = 200;

export type JsonRow =
  | {
      readonly kind: "value";
      readonly path: string;
      readonly label: string | null;
      readonly isIndex: boolean;
      readonly depth: number;
      readonly node: JsonNode;
      /** null for a value that holds none. */
      readonly expanded: boolean | null;
    }
  | {
      readonly kind: "more";
      readonly path: string;
      readonly depth: number;
      readonly hidden: number;
    };

export interface JsonView {
  /** What the reader has opened or closed, by path; the rest follows `openDepth`. */
  readonly toggled: ReadonlyMap<string, boolean>;
  /** How many children are shown, by path, where more than one step was asked for. */
  readonly shown: ReadonlyMap<string, number>;
  readonly openDepth: number;
}

/** The rows of a value as the reader has opened it. */
export function jsonRows(root: JsonNode, view: JsonView): JsonRow[] {
  const rows: JsonRow[] = [];
  pushRows({ node: root, path: "$", label: null, isIndex: false, depth: 0 }, view, rows);
  return rows;
}

interface Place {
  readonly node: JsonNode;
  readonly path: string;
  readonly label: string | null;
  readonly isIndex: boolean;
  readonly depth: number;
}

function pushRows(place: Place, view: JsonView, rows: JsonRow[]): void {
  const count = childCount(place.node);
  const expanded =
    count === 0 ? null : (view.toggled.get(place.path) ?? place.depth < view.openDepth);
  rows.push({ kind: "value", ...place, expanded });
  if (expanded !== true) return;
  const limit = view.shown.get(place.path) ?? CHILDREN_STEP;
  for (const child of childrenOf(place, limit)) pushRows(child, view, rows);
  if (count > limit) {
    rows.push({ kind: "more", path: place.path, depth: place.depth + 1, hidden: count - limit });
  }
}

function childrenOf(place: Place, limit: number): Place[] {
  const depth = place.depth + 1;
  if (place.node.kind === "object") {
    return place.node.entries.slice(0, limit).map(({ key, value }) => ({
      node: value,
      path: jsonPath(place.path, key),
      label: key,
      isIndex: false,
      depth,
    }));
  }
  if (place.node.kind !== "array") return [];
  return place.node.items.slice(0, limit).map((node, index) => ({
    node,
    path: jsonPath(place.path, index),
    label: String(index),
    isIndex: true,
    depth,
  }));
}
