import { type RefObject, useEffect, useRef } from "react";
import { momentAt } from "@/model/time-scale";
import type { Zoom } from "./use-time-window";

/** Ctrl or ⌘ and the wheel zoom around the pointer; a sideways wheel (or shift) moves along the axis. */
export function useWheelZoom(
  ref: RefObject<HTMLElement | null>,
  treeShare: number,
  zoom: Zoom,
): void {
  const latest = useRef({ treeShare, zoom });
  latest.current = { treeShare, zoom };
  useEffect(() => {
    const element = ref.current;
    if (element === null) return;
    const turn = (event: WheelEvent) => {
      const { treeShare: share, zoom: now } = latest.current;
      const box = element.getBoundingClientRect();
      const left = box.left + (element.clientWidth * share) / 100;
      const width = element.clientWidth * (1 - share / 100);
      if (event.ctrlKey || event.metaKey) {
        event.preventDefault();
        const at = Math.min(1, Math.max(0, (event.clientX - left) / width));
        now.zoom(1.0015 ** event.deltaY, momentAt(now.window, at));
      } else if (event.deltaX !== 0 || event.shiftKey) {
        event.preventDefault();
        now.pan((event.deltaX || event.deltaY) / width);
      }
    };
    // Not passive: else the browser would zoom the page, or go back in its history.
    element.addEventListener("wheel", turn, { passive: false });
    return () => element.removeEventListener("wheel", turn);
  }, [ref]);
}
