import type { RefObject } from "react";
import type { Run } from "@/model/run";
import type { Timeline } from "@/model/timeline";
import { useShortcuts } from "@/ui/shortcuts";
import { INSPECTOR_ID } from "./inspector/inspector";
import type { Rows } from "./use-rows";
import type { Zoom } from "./use-time-window";
import type { WaterfallHandle } from "./waterfall";

interface Keys {
  readonly rows: Rows;
  readonly timeline: Timeline<Run>;
  readonly selected: string | null;
  readonly select: (spanId: string | null) => void;
  readonly zoom: Zoom;
  readonly isFollowing: boolean;
  readonly setFollowing: (following: boolean) => void;
  readonly waterfall: RefObject<WaterfallHandle | null>;
}

const PAGE = 20;

/** The keyboard of a run: see the help sheet. */
export function useRunKeys(keys: Keys): void {
  const { zoom, setFollowing, isFollowing, select, waterfall } = keys;
  const move = (step: number) => moveBy(keys, step);
  useShortcuts({
    ArrowDown: () => move(1),
    j: () => move(1),
    ArrowUp: () => move(-1),
    k: () => move(-1),
    PageDown: () => move(PAGE),
    PageUp: () => move(-PAGE),
    Home: () => move(-keys.rows.rows.length),
    End: () => move(keys.rows.rows.length),
    ArrowLeft: () => foldOrLeave(keys),
    ArrowRight: () => unfoldOrEnter(keys),
    Enter: ({ target }) => pressOr(target, focusInspector),
    " ": ({ target }) => pressOr(target, focusInspector),
    Escape: ({ target }) =>
      target instanceof Element && target.closest("[data-own-keys]") !== null
        ? waterfall.current?.focus()
        : select(null),
    e: () => nextError(keys),
    f: () => setFollowing(!isFollowing),
    "+": () => zoom.zoom(0.5),
    "=": () => zoom.zoom(0.5),
    "-": () => zoom.zoom(2),
    "0": () => zoom.showAll(),
  });
}

function focusInspector(): void {
  document.querySelector<HTMLElement>(`#${INSPECTOR_ID} [role="tabpanel"]`)?.focus();
}

function pressOr(target: EventTarget | null, act: () => void): void {
  const control = target instanceof Element ? target.closest<HTMLElement>("a, button") : null;
  if (control === null) act();
  else control.click();
}

function go({ select, setFollowing, waterfall }: Keys, spanId: string | undefined): void {
  if (spanId === undefined) return;
  setFollowing(false);
  select(spanId);
  waterfall.current?.scrollTo(spanId);
}

function rowOf({ rows: { tree, rows }, selected }: Keys): number {
  const node = selected === null ? undefined : tree.indexOf.get(selected);
  return node === undefined ? -1 : rows.indexOf(node);
}

function moveBy(keys: Keys, step: number): void {
  const { tree, rows } = keys.rows;
  const at = rowOf(keys);
  const next = at === -1 ? 0 : Math.min(rows.length - 1, Math.max(0, at + step));
  go(keys, tree.ids[rows[next] ?? -1]);
}

function foldOrLeave(keys: Keys): void {
  const { tree, collapsed, toggle } = keys.rows;
  const { selected } = keys;
  if (selected === null) return;
  const node = tree.indexOf.get(selected) ?? -1;
  if ((tree.size[node] ?? 1) > 1 && !collapsed.has(selected)) toggle(selected);
  else go(keys, tree.ids[tree.parent[node] ?? -1]);
}

function unfoldOrEnter(keys: Keys): void {
  const { tree, collapsed, toggle } = keys.rows;
  const { selected } = keys;
  if (selected === null) return;
  const node = tree.indexOf.get(selected) ?? -1;
  if ((tree.size[node] ?? 1) <= 1) return;
  if (collapsed.has(selected)) toggle(selected);
  else go(keys, tree.ids[node + 1]);
}

function nextError(keys: Keys): void {
  const { tree, reveal } = keys.rows;
  const start = keys.selected === null ? -1 : (tree.indexOf.get(keys.selected) ?? -1);
  const count = tree.ids.length;
  for (let step = 1; step <= count; step += 1) {
    const id = tree.ids[(start + step + count) % count] ?? "";
    if (keys.timeline.spans.get(id)?.status !== "ERROR") continue;
    reveal(id);
    go(keys, id);
    return;
  }
}
