import { getRouteApi } from "@tanstack/react-router";
import { useCallback, useMemo, useRef, useState } from "react";
import type { RunFeed } from "@/graphql/run-feed";
import type { SpanFilter } from "@/model/filter";
import { quietMs, type Run, runDurationMs } from "@/model/run";
import { type RunSearch, readSpanFilter, writeSpanFilter } from "@/model/search";
import { totalsOf } from "@/model/totals";
import { useNow } from "@/ui/clock";
import { Resizer, useShare } from "@/ui/resizer";
import { useMedia } from "@/ui/size";
import { DroppedBanner } from "../parts/dropped";
import { readKeptPlace } from "../session/use-place";
import { Inspector } from "./inspector/inspector";
import { Minimap } from "./minimap";
import { RunHeader } from "./run-header";
import { RunToolbar } from "./run-toolbar";
import { useRows } from "./use-rows";
import { useRunKeys } from "./use-run-keys";
import { useSelection } from "./use-selection";
import { useTimeWindow } from "./use-time-window";
import { Waterfall, type WaterfallHandle } from "./waterfall";

const route = getRouteApi("/runs/$runId");
const LIVE_TICK_MS = 66;

/** A run on screen: figures, waterfall with tree, and the inspector of what is chosen. */
export function RunView({ feed, run }: { readonly feed: RunFeed; readonly run: Run }) {
  const { timeline } = feed;
  const isLive = run.status === "STARTED";
  const { nowMs, ageMs } = useRunClock(feed, run);
  const durationMs = runDurationMs(run, nowMs);
  const zoom = useTimeWindow({
    startMs: timeline.knownStartMs,
    endMs: Math.max(durationMs ?? 0, timeline.knownEndMs, timeline.knownStartMs + 0.001),
  });
  const [filter, setFilter] = useFilter();
  const rows = useRows(timeline, filter);
  const [selected, select] = useSelection();
  const [isFollowing, setFollowing] = useState(
    () => readKeptPlace()?.isFollowing ?? (isLive && selected === null),
  );
  const [treeShare, setTreeShare] = useShare("split.tree", 40);
  const waterfall = useRef<WaterfallHandle>(null);
  useRunKeys({
    rows,
    timeline,
    selected,
    select,
    zoom,
    isFollowing,
    setFollowing,
    waterfall,
  });
  return (
    <div className="flex h-full flex-col">
      <RunHeader
        run={useLiveRun(timeline, run)}
        durationMs={durationMs}
        nowMs={nowMs}
        ageMs={ageMs}
        onShowRun={() => select(null)}
      />
      <DroppedBanner dropped={run.dropped} />
      <RunToolbar
        timeline={timeline}
        filter={filter}
        rows={rows}
        zoom={zoom}
        isLive={isLive}
        isFollowing={isFollowing}
        onFilter={setFilter}
        onFollow={setFollowing}
      />
      <Panes>
        <div className="flex h-full min-w-0 flex-col">
          <Minimap timeline={timeline} tree={rows.tree} zoom={zoom} treeShare={treeShare} />
          <Waterfall
            ref={waterfall}
            timeline={timeline}
            rows={rows}
            zoom={zoom}
            selected={selected}
            isFollowing={isFollowing && isLive}
            isLive={isLive && ageMs === null}
            treeShare={treeShare}
            onTreeShare={setTreeShare}
            onSelect={select}
            onLeaveTail={() => setFollowing(false)}
          />
        </div>
        <Inspector
          run={run}
          timeline={timeline}
          tree={rows.tree}
          spanId={selected}
          onSelect={select}
        />
      </Panes>
    </div>
  );
}

/** The time now, and how long nothing came of a run that is not over; live, it is read with every frame or so. */
function useRunClock(feed: RunFeed, run: Run) {
  const ageMs = quietMs(run, feed.newsAtMs, Date.now());
  const isLive = run.status === "STARTED" && ageMs === null;
  return { nowMs: useNow(true, isLive ? LIVE_TICK_MS : 1000), ageMs };
}

/**
 * While a run goes on its figures are those of the steps on screen; once it has ended, the server's. Where a
 * cost comes from is told by the steps alone.
 */
function useLiveRun(timeline: RunFeed["timeline"], run: Run): Run {
  const { version, spans } = timeline;
  // biome-ignore lint/correctness/useExhaustiveDependencies: the spans change in place; the version says when
  return useMemo(() => {
    const totals = totalsOf(spans.values());
    if (run.status === "STARTED") return { ...run, totals };
    return { ...run, totals: { ...run.totals, costEstimated: totals.costEstimated } };
  }, [run, spans, version]);
}

function useFilter(): readonly [SpanFilter, (part: Partial<SpanFilter>) => void] {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  // Another step or tab is another address, and the same filter: 50,000 steps are not looked at for it.
  const key = JSON.stringify(writeSpanFilter(readSpanFilter(search)));
  const filter = useMemo(() => readSpanFilter(JSON.parse(key) as RunSearch), [key]);
  const change = useCallback(
    (part: Partial<SpanFilter>) =>
      void navigate({
        search: (old) => ({ ...old, ...writeSpanFilter({ ...readSpanFilter(old), ...part }) }),
        replace: true,
      }),
    [navigate],
  );
  return [filter, change];
}

/** Two panes: side by side where there is room, else one above the other. */
function Panes({
  children: [main, side],
}: {
  readonly children: readonly [React.ReactNode, React.ReactNode];
}) {
  const isWide = useMedia("(min-width: 1100px)");
  const [share, setShare] = useShare(isWide ? "split.wide" : "split.narrow", isWide ? 66 : 55);
  return (
    <div className={`flex min-h-0 flex-1 ${isWide ? "flex-row" : "flex-col"}`}>
      <div className="min-h-0 min-w-0" style={{ flex: `0 0 ${share}%` }}>
        {main}
      </div>
      <Resizer
        share={share}
        label="Size of the inspector"
        direction={isWide ? "row" : "column"}
        onShare={setShare}
      />
      <div className="min-h-0 min-w-0 flex-1">{side}</div>
    </div>
  );
}
