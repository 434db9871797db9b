import { type RefObject, useEffect, useLayoutEffect, useRef, useState } from "react";
import type { Run } from "@/model/run";

interface Anchor {
  readonly id: string;
  readonly index: number;
  /** How far the row's top is above the top of the view. */
  readonly cutPx: number;
}

/**
 * Keep what the reader sees where it is while rows come and go above it. At the very top the list runs on
 * by itself; below, the new ones are counted instead.
 */
export function useSteadyScroll(
  ref: RefObject<HTMLElement | null>,
  rows: readonly Run[],
  rowHeight: number,
): { readonly newAbove: number; readonly goToTop: () => void } {
  const anchor = useRef<Anchor | null>(null);
  const latest = useRef(rows);
  latest.current = rows;
  const [newAbove, setNewAbove] = useState(0);

  useEffect(() => {
    const element = ref.current;
    if (element === null) return;
    const remember = () => {
      const index = Math.floor(element.scrollTop / rowHeight);
      const run = latest.current[index];
      const isAtTop = element.scrollTop < 1;
      anchor.current =
        isAtTop || run === undefined
          ? null
          : { id: run.id, index, cutPx: element.scrollTop - index * rowHeight };
      if (isAtTop) setNewAbove(0);
    };
    element.addEventListener("scroll", remember, { passive: true });
    return () => element.removeEventListener("scroll", remember);
  }, [ref, rowHeight]);

  useLayoutEffect(() => {
    const element = ref.current;
    const held = anchor.current;
    if (element === null || held === null) return;
    const index = rows.findIndex((run) => run.id === held.id);
    if (index === -1 || index === held.index) return;
    anchor.current = { ...held, index };
    element.scrollTop = index * rowHeight + held.cutPx;
    setNewAbove((count) => Math.max(0, count + index - held.index));
  }, [ref, rows, rowHeight]);

  return { newAbove, goToTop: () => ref.current?.scrollTo({ top: 0 }) };
}
