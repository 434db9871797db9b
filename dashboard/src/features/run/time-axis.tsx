import { fraction, type Tick } from "@/model/time-scale";
import type { Zoom } from "./use-time-window";

/** The heads of tree and time: ticks on the axis that all rows share. */
export function TimeAxis({
  treeShare,
  zoom,
  marks,
}: {
  readonly treeShare: number;
  readonly zoom: Zoom;
  readonly marks: readonly Tick[];
}) {
  return (
    <div role="rowgroup" className="sticky top-0 z-10">
      <div
        role="row"
        tabIndex={-1}
        className="flex h-7 items-center border-line border-b bg-ground text-faint text-xs"
      >
        <div
          role="columnheader"
          tabIndex={-1}
          className="px-4"
          style={{ flex: `0 0 ${treeShare}%` }}
        >
          Step
        </div>
        <div
          role="columnheader"
          tabIndex={-1}
          aria-label="Time"
          className="relative mx-2 h-full flex-1"
        >
          {marks.map(({ atMs, label }) => (
            <span
              key={atMs}
              className="absolute inset-y-0 flex items-center whitespace-nowrap border-line border-l pl-1"
              style={{ left: `${fraction(zoom.window, atMs) * 100}%` }}
            >
              {label}
            </span>
          ))}
        </div>
      </div>
    </div>
  );
}
