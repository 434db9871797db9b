import { type PointerEvent, useEffect, useRef, useState } from "react";
import type { Run } from "@/model/run";
import { SPAN_TYPES, spanEndMs } from "@/model/span";
import { clampWindow, fraction, momentAt, type TimeWindow } from "@/model/time-scale";
import type { Timeline } from "@/model/timeline";
import type { Tree } from "@/model/tree";
import { useWidth } from "@/ui/size";
import { spanColor } from "../parts/span-type";
import type { Zoom } from "./use-time-window";

const HEIGHT_PX = 36;
/** A drag shorter than this is a click. */
const MIN_DRAG_PX = 4;
const LIVE_REDRAW_MS = 250;

/** The whole run at a glance; a drag chooses the stretch of time that the waterfall shows. */
export function Minimap({
  timeline,
  tree,
  zoom,
  treeShare,
}: {
  readonly timeline: Timeline<Run>;
  readonly tree: Tree;
  readonly zoom: Zoom;
  /** Percent of the width that the tree below takes: the picture stands above the bars, on their axis. */
  readonly treeShare: number;
}) {
  const boxRef = useRef<HTMLDivElement>(null);
  const canvasRef = useRef<HTMLCanvasElement>(null);
  const width = useWidth(boxRef);
  const theme = useThemeName();
  const { bounds } = zoom;
  // While the run runs its end moves with every frame; the picture need not.
  const endMs =
    timeline.run?.status === "STARTED"
      ? Math.ceil(bounds.endMs / LIVE_REDRAW_MS) * LIVE_REDRAW_MS
      : bounds.endMs;
  const { version } = timeline;
  // biome-ignore lint/correctness/useExhaustiveDependencies: version and theme say when to draw anew
  useEffect(() => {
    if (width === 0) return;
    // In a task of its own: with 50,000 steps tree and picture together would stop the page.
    const task = setTimeout(() => {
      const { current } = canvasRef;
      const shown = { startMs: bounds.startMs, endMs };
      if (current !== null) draw(current, { timeline, tree, width, bounds: shown });
    });
    return () => clearTimeout(task);
  }, [timeline, tree, width, version, theme, bounds.startMs, endMs]);
  const brush = useBrush(zoom);
  const chosen = brush.draft ?? (zoom.isWhole ? null : zoom.window);
  return (
    // It scrolls nowhere: the bar, unseen, takes the room that the waterfall's takes.
    <div className="flex shrink-0 overflow-x-hidden overflow-y-scroll border-line border-b bg-surface [scrollbar-color:transparent_transparent]">
      <span
        className="px-4 text-faint text-xs"
        style={{ flex: `0 0 ${treeShare}%`, lineHeight: `${HEIGHT_PX}px` }}
      >
        Whole run
      </span>
      <div
        ref={boxRef}
        data-testid="minimap"
        className="relative mx-2 min-w-0 flex-1 cursor-crosshair touch-none"
        style={{ height: HEIGHT_PX }}
        title="Drag to choose a stretch of time; double-click to see all of it"
        {...brush.handlers}
      >
        {/* biome-ignore lint/a11y/noAriaHiddenOnFocusable: this canvas takes no focus; the tree says the same in words */}
        <canvas ref={canvasRef} aria-hidden="true" className="absolute inset-0 size-full" />
        {chosen !== null && <Chosen chosen={chosen} bounds={bounds} />}
      </div>
    </div>
  );
}

function Chosen({ chosen, bounds }: { readonly chosen: TimeWindow; readonly bounds: TimeWindow }) {
  const left = fraction(bounds, chosen.startMs) * 100;
  const right = 100 - fraction(bounds, chosen.endMs) * 100;
  return (
    <>
      <span
        className="absolute inset-y-0 left-0 bg-ground opacity-70"
        style={{ width: `${left}%` }}
      />
      <span
        className="absolute inset-y-0 right-0 bg-ground opacity-70"
        style={{ width: `${right}%` }}
      />
      <span
        className="absolute inset-y-0 border-accent border-x"
        style={{ left: `${left}%`, right: `${right}%` }}
      />
    </>
  );
}

function useBrush({ bounds, show, showAll }: Zoom) {
  const [drag, setDrag] = useState<{
    readonly fromPx: number;
    readonly toPx: number;
    readonly width: number;
  } | null>(null);
  const draft: TimeWindow | null =
    drag === null || Math.abs(drag.toPx - drag.fromPx) < MIN_DRAG_PX
      ? null
      : clampWindow(
          {
            startMs: momentAt(bounds, Math.min(drag.fromPx, drag.toPx) / drag.width),
            endMs: momentAt(bounds, Math.max(drag.fromPx, drag.toPx) / drag.width),
          },
          bounds,
        );
  const place = (event: PointerEvent<HTMLDivElement>) => {
    const box = event.currentTarget.getBoundingClientRect();
    return { px: Math.min(box.width, Math.max(0, event.clientX - box.left)), width: box.width };
  };
  const handlers = {
    onPointerDown: (event: PointerEvent<HTMLDivElement>) => {
      event.currentTarget.setPointerCapture(event.pointerId);
      const { px, width } = place(event);
      setDrag({ fromPx: px, toPx: px, width });
    },
    onPointerMove: (event: PointerEvent<HTMLDivElement>) => {
      if (drag !== null) setDrag({ ...drag, toPx: place(event).px });
    },
    onPointerUp: () => {
      if (draft !== null) show(draft);
      setDrag(null);
    },
    onPointerCancel: () => setDrag(null),
    onDoubleClick: showAll,
  };
  return { draft, handlers };
}

function useThemeName(): string {
  const [theme, setTheme] = useState(document.documentElement.dataset.theme ?? "");
  useEffect(() => {
    const observer = new MutationObserver(() =>
      setTheme(document.documentElement.dataset.theme ?? ""),
    );
    observer.observe(document.documentElement, { attributeFilter: ["data-theme"] });
    return () => observer.disconnect();
  }, []);
  return theme;
}

interface Picture {
  readonly timeline: Timeline<Run>;
  readonly tree: Tree;
  readonly width: number;
  readonly bounds: TimeWindow;
}

function draw(canvas: HTMLCanvasElement, { timeline, tree, width, bounds }: Picture): void {
  const scale = devicePixelRatio;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(HEIGHT_PX * scale);
  const context = canvas.getContext("2d");
  if (context === null) return;
  context.scale(scale, scale);
  const style = getComputedStyle(canvas);
  const named = (value: string) => style.getPropertyValue(value.slice(4, -1));
  const colors = new Map(SPAN_TYPES.map((type) => [type, named(spanColor(type))]));
  const bad = named("var(--bad)");
  const rowPx = Math.min(5, (HEIGHT_PX - 8) / Math.max(1, tree.ids.length));
  for (let index = 0; index < tree.ids.length; index += 1) {
    const span = timeline.spans.get(tree.ids[index] ?? "");
    if (span === undefined) continue;
    const left = fraction(bounds, span.offsetMs) * width;
    const right = fraction(bounds, spanEndMs(span, bounds.endMs)) * width;
    context.fillStyle = span.status === "ERROR" ? bad : (colors.get(span.type) ?? bad);
    context.fillRect(
      left,
      4 + index * rowPx,
      Math.max(1.5, right - left),
      Math.max(1, rowPx * 0.75),
    );
  }
}
