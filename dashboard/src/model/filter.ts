import type { Span, SpanType } from "./span";
import type { Tree } from "./tree";

export interface SpanFilter {
  readonly text: string;
  /** Empty: every type. */
  readonly types: readonly SpanType[];
  readonly errorsOnly: boolean;
}

export const NO_FILTER: SpanFilter = { text: "", types: [], errorsOnly: false };

export function isFiltering(filter: SpanFilter): boolean {
  return filter.text.trim() !== "" || filter.types.length > 0 || filter.errorsOnly;
}

/** True when name, model, type or id holds the text (any case) and the type and error filters let it pass. */
export function matchesSpan(span: Span, filter: SpanFilter): boolean {
  if (filter.errorsOnly && span.status !== "ERROR") return false;
  if (filter.types.length > 0 && !filter.types.includes(span.type)) return false;
  const needle = filter.text.trim().toLowerCase();
  if (needle === "") return true;
  return (
    span.name.toLowerCase().includes(needle) ||
    span.type.toLowerCase().includes(needle) ||
    span.spanId.includes(needle) ||
    (span.model?.toLowerCase().includes(needle) ?? false)
  );
}

/** 1 for each node of the tree that matches. */
export function matchTree(
  tree: Tree,
  spans: ReadonlyMap<string, Span>,
  filter: SpanFilter,
): Uint8Array {
  const matches = new Uint8Array(tree.ids.length);
  for (let index = 0; index < tree.ids.length; index += 1) {
    const span = spans.get(tree.ids[index] ?? "");
    if (span !== undefined && matchesSpan(span, filter)) matches[index] = 1;
  }
  return matches;
}
