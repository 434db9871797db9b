import { useVirtualizer, type VirtualItem } from "@tanstack/react-virtual";
import {
  type CSSProperties,
  type Ref,
  useEffect,
  useImperativeHandle,
  useMemo,
  useRef,
} from "react";
import { type Run, spanState } from "@/model/run";
import { spanEndMs } from "@/model/span";
import { fraction, type Tick, type TimeWindow, ticks } from "@/model/time-scale";
import type { Timeline } from "@/model/timeline";
import { Resizer } from "@/ui/resizer";
import { useWidth } from "@/ui/size";
import { usePlace } from "../session/use-place";
import { TimeAxis } from "./time-axis";
import type { Rows } from "./use-rows";
import type { Zoom } from "./use-time-window";
import { useWheelZoom } from "./use-wheel-zoom";
import { rowId, WaterfallRow } from "./waterfall-row";

const ROW_HEIGHT = 28;
const AXIS_HEIGHT = 28;
const TICK_EVERY_PX = 110;
/** Room on both sides of the bars, so that what stands at an end is seen whole. */
const BARS_MARGIN_PX = 8;

export interface WaterfallHandle {
  readonly scrollTo: (spanId: string) => void;
  readonly focus: () => void;
}

interface Props {
  readonly ref: Ref<WaterfallHandle>;
  readonly timeline: Timeline<Run>;
  readonly rows: Rows;
  readonly zoom: Zoom;
  readonly selected: string | null;
  readonly isFollowing: boolean;
  /** Whether what runs is drawn as moving: news of the run is fresh. */
  readonly isLive: boolean;
  /** Percent of the width that the tree takes. */
  readonly treeShare: number;
  readonly onTreeShare: (share: number) => void;
  readonly onSelect: (spanId: string) => void;
  /** The reader scrolled away by hand. */
  readonly onLeaveTail: () => void;
}

/** The tree of steps on the left, their time on the right; only the rows in sight are in the page. */
export function Waterfall(props: Props) {
  const { ref, rows, zoom, selected, treeShare, onTreeShare, onLeaveTail } = props;
  const scrollRef = useRef<HTMLDivElement>(null);
  const barsPx = Math.max(0, useWidth(scrollRef) * (1 - treeShare / 100));
  const beginPx = usePlace({
    scrollRef,
    rowHeight: ROW_HEIGHT,
    idAt: (index) => rows.tree.ids[rows.rows[index] ?? -1],
    indexOf: (spanId) => rows.rows.indexOf(rows.tree.indexOf.get(spanId) ?? -1),
    isFollowing: props.isFollowing,
  });
  const virtualizer = useVirtualizer({
    count: rows.rows.length,
    getScrollElement: () => scrollRef.current,
    estimateSize: () => ROW_HEIGHT,
    // The axis takes its place above the rows, and once they are scrolled it covers as much of them.
    scrollMargin: AXIS_HEIGHT,
    scrollPaddingStart: AXIS_HEIGHT,
    overscan: 8,
    initialOffset: beginPx ?? 0,
  });
  const scrollTo = useScrollTo(rows, (index) =>
    virtualizer.scrollToIndex(index, { align: "auto" }),
  );
  useImperativeHandle(ref, () => ({ scrollTo, focus: () => scrollRef.current?.focus() }));
  useTail(props, scrollTo);
  useFirstSight(props, beginPx !== null, scrollTo);
  useWheelZoom(scrollRef, treeShare, zoom);
  const marks = useMemo(
    () => ticks(zoom.window, Math.max(2, Math.floor(barsPx / TICK_EVERY_PX))),
    [zoom.window, barsPx],
  );
  return (
    <div className="relative min-h-0 flex-1">
      <div
        ref={scrollRef}
        role="treegrid"
        aria-label="Steps of the run"
        aria-rowcount={rows.rows.length}
        aria-activedescendant={selected === null ? undefined : rowId(selected)}
        tabIndex={0}
        onWheel={onLeaveTail}
        className="h-full overflow-y-scroll overflow-x-hidden -outline-offset-2"
      >
        <TimeAxis treeShare={treeShare} zoom={zoom} marks={marks} />
        <div
          role="rowgroup"
          className="relative"
          style={{
            height: virtualizer.getTotalSize(),
            ...gridLines(marks, zoom.window, barsPx - 2 * BARS_MARGIN_PX),
          }}
        >
          <Body {...props} items={virtualizer.getVirtualItems()} />
        </div>
        {rows.rows.length === 0 && <EmptyTree isFiltered={rows.matches !== null} />}
      </div>
      <div className="pointer-events-none absolute inset-0 flex">
        <div style={{ flex: `0 0 ${treeShare}%` }} />
        <Resizer
          share={treeShare}
          label="Width of the tree"
          direction="row"
          onShare={onTreeShare}
          className="pointer-events-auto"
        />
      </div>
    </div>
  );
}

/** The rows in sight. */
function Body({
  timeline,
  rows,
  zoom,
  selected,
  isLive,
  onSelect,
  items,
  treeShare,
}: Props & { readonly items: readonly VirtualItem[] }) {
  return items.map(({ index, start }) => {
    const node = rows.rows[index] ?? -1;
    const span = timeline.spans.get(rows.tree.ids[node] ?? "");
    if (span === undefined) return null;
    return (
      <WaterfallRow
        key={span.spanId}
        span={span}
        state={spanState(span, timeline.run)}
        isLive={isLive}
        node={node}
        rowIndex={index + 1}
        top={start - AXIS_HEIGHT}
        treeShare={treeShare}
        tree={rows.tree}
        window={zoom.window}
        endMs={spanEndMs(span, zoom.bounds.endMs)}
        isCollapsed={rows.collapsed.has(span.spanId)}
        isDimmed={rows.matches !== null && rows.matches[node] !== 1}
        isSelected={span.spanId === selected}
        onSelect={onSelect}
        onToggle={rows.toggle}
      />
    );
  });
}

/** The ticks as a background that every row repeats: an element for each would be most of the page. */
function gridLines(marks: readonly Tick[], window: TimeWindow, widthPx: number) {
  const [first, second] = marks.map(({ atMs }) => fraction(window, atMs) * widthPx);
  return {
    "--grid-at": `${first ?? 0}px`,
    "--grid-step": first === undefined || second === undefined ? "100%" : `${second - first}px`,
  } as CSSProperties;
}

function EmptyTree({ isFiltered }: { readonly isFiltered: boolean }) {
  return (
    <p className="px-4 py-6 text-dim">
      {isFiltered ? "No step matches the filter." : "No step has been recorded yet."}
    </p>
  );
}

/** Bring a step into sight; one whose parents are only just being unfolded, as soon as it has a row. */
function useScrollTo(rows: Rows, scrollToIndex: (index: number) => void) {
  const awaited = useRef<string | null>(null);
  const scrollTo = (spanId: string) => {
    const index = rows.rows.indexOf(rows.tree.indexOf.get(spanId) ?? -1);
    awaited.current = index === -1 ? spanId : null;
    if (index !== -1) scrollToIndex(index);
  };
  useEffect(() => {
    if (awaited.current !== null) scrollTo(awaited.current);
  });
  return scrollTo;
}

/** While following, keep the step that started last in sight. */
function useTail({ timeline, isFollowing }: Props, scrollTo: (spanId: string) => void): void {
  const newestId = timeline.newest?.spanId ?? null;
  const latest = useRef(scrollTo);
  latest.current = scrollTo;
  useEffect(() => {
    if (isFollowing && newestId !== null) latest.current(newestId);
  }, [isFollowing, newestId]);
}

/** A link to a step shows that step, opened and scrolled to, once; not to who comes back to where they were. */
function useFirstSight(
  { selected, rows }: Props,
  isReturn: boolean,
  scrollTo: (spanId: string) => void,
): void {
  const isDone = useRef(selected === null || isReturn);
  useEffect(() => {
    if (isDone.current || selected === null || !rows.tree.indexOf.has(selected)) return;
    isDone.current = true;
    scrollTo(selected);
  });
}
