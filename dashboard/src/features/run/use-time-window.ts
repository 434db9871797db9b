import { useMemo, useState } from "react";
import { clampWindow, panWindow, type TimeWindow, zoomWindow } from "@/model/time-scale";

export interface Zoom {
  readonly bounds: TimeWindow;
  readonly window: TimeWindow;
  readonly isWhole: boolean;
  readonly show: (window: TimeWindow) => void;
  readonly showAll: () => void;
  readonly zoom: (factor: number, anchorMs?: number) => void;
  readonly pan: (part: number) => void;
}

/** The stretch of time that is on screen; until the reader chooses one, all of it, growing while the run runs. */
export function useTimeWindow({ startMs, endMs }: TimeWindow): Zoom {
  const [chosen, setChosen] = useState<TimeWindow | null>(null);
  const bounds = useMemo(() => ({ startMs, endMs }), [startMs, endMs]);
  const window = useMemo(
    () => (chosen === null ? bounds : clampWindow(chosen, bounds)),
    [chosen, bounds],
  );
  const show = (next: TimeWindow) => {
    const coversAll = next.startMs <= bounds.startMs && next.endMs >= bounds.endMs;
    setChosen(coversAll ? null : next);
  };
  return {
    bounds,
    window,
    isWhole: chosen === null,
    show: (next) => show(clampWindow(next, bounds)),
    showAll: () => setChosen(null),
    zoom: (factor, anchorMs = (window.startMs + window.endMs) / 2) =>
      show(zoomWindow(window, bounds, anchorMs, factor)),
    pan: (part) => show(panWindow(window, bounds, part)),
  };
}
