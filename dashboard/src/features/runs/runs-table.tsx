import { useNavigate } from "@tanstack/react-router";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useRef, useState } from "react";
import type { RunListFeed } from "@/graphql/run-list-feed";
import { quietMs, type Run } from "@/model/run";
import type { RunListQuery } from "@/model/run-list";
import { useNow } from "@/ui/clock";
import { useShortcuts } from "@/ui/shortcuts";
import { InlineFailure } from "../parts/inline-failure";
import { usePlace } from "../session/use-place";
import { RunRow } from "./run-row";
import { RunsHeader } from "./runs-header";
import { useSteadyScroll } from "./steady-scroll";

const ROW_HEIGHT = 36;
const HEADS_HEIGHT = 32;
const TICK_MS = 100;
/** The next page is fetched when this few loaded rows are left below. */
const LOAD_AHEAD = 20;

interface Props {
  readonly feed: RunListFeed;
  readonly query: RunListQuery;
  readonly onChange: (part: Partial<RunListQuery>) => void;
}

/** The loaded runs, virtualised; new ones come in on top without moving what one reads. */
export function RunsTable({ feed, query, onChange }: Props) {
  const { rows } = feed.list;
  const scrollRef = useRef<HTMLDivElement>(null);
  const beginPx = usePlace({
    scrollRef,
    rowHeight: ROW_HEIGHT,
    idAt: (index) => rows[index]?.id,
    indexOf: (runId) => rows.findIndex(({ id }) => id === runId),
    isFollowing: false,
  });
  const virtualizer = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scrollRef.current,
    estimateSize: () => ROW_HEIGHT,
    // The heads take their place above the rows, and once they are scrolled they cover as much of them.
    scrollMargin: HEADS_HEIGHT,
    scrollPaddingStart: HEADS_HEIGHT,
    overscan: 10,
    initialOffset: beginPx ?? 0,
  });
  const items = virtualizer.getVirtualItems();
  const shown = items.flatMap(({ index }) => rows[index] ?? []);
  const nowMs = useNow(true, 1000);
  const isLive = (run: Run) =>
    run.status === "STARTED" && quietMs(run, feed.newsAtMs(run.id), nowMs) === null;
  const liveNowMs = useNow(shown.some(isLive), TICK_MS);
  const { newAbove, goToTop } = useSteadyScroll(scrollRef, rows, ROW_HEIGHT);
  const active = useActiveRun(rows, (index) => virtualizer.scrollToIndex(index, { align: "auto" }));
  const lastShown = items.at(-1)?.index ?? 0;
  useEffect(() => {
    if (lastShown >= rows.length - LOAD_AHEAD) feed.loadMore();
  }, [feed, lastShown, rows.length]);
  return (
    <div className="relative flex min-h-0 flex-1 flex-col">
      {newAbove > 0 && <NewRuns count={newAbove} onClick={goToTop} />}
      <div
        ref={scrollRef}
        role="grid"
        aria-label="Runs"
        aria-rowcount={feed.totalCount + 1}
        aria-activedescendant={active.id === null ? undefined : `run-${active.id}`}
        tabIndex={0}
        className="min-h-0 flex-1 overflow-auto -outline-offset-2"
      >
        <RunsHeader order={query.order} onChange={onChange} />
        <div role="rowgroup" className="relative" style={{ height: virtualizer.getTotalSize() }}>
          {items.map(({ index, start }) => {
            const run = rows[index];
            if (run === undefined) return null;
            return (
              <RunRow
                key={run.id}
                run={run}
                rowIndex={index + 2}
                top={start - HEADS_HEIGHT}
                nowMs={isLive(run) ? liveNowMs : nowMs}
                newsAtMs={feed.newsAtMs(run.id)}
                isActive={run.id === active.id}
                onChange={onChange}
              />
            );
          })}
        </div>
        {feed.isLoadingMore && <p className="px-4 py-2 text-faint text-sm">Loading more…</p>}
        {feed.pageFailure !== null && (
          <div className="px-4 py-2 text-sm">
            <InlineFailure failure={feed.pageFailure} onRetry={feed.retryPage} />
          </div>
        )}
      </div>
    </div>
  );
}

/** The run that the keyboard stands on, kept by id, so that new rows do not move it to another. */
function useActiveRun(rows: readonly Run[], scrollTo: (index: number) => void) {
  const [id, setId] = useState<string | null>(null);
  const navigate = useNavigate();
  const move = (step: number) => {
    const at = rows.findIndex((run) => run.id === id);
    const next = at === -1 ? 0 : Math.min(rows.length - 1, Math.max(0, at + step));
    setId(rows[next]?.id ?? null);
    scrollTo(next);
  };
  const open = () => {
    if (id !== null) void navigate({ to: "/runs/$runId", params: { runId: id } });
  };
  useShortcuts({
    j: () => move(1),
    ArrowDown: () => move(1),
    k: () => move(-1),
    ArrowUp: () => move(-1),
    Home: () => move(-rows.length),
    End: () => move(rows.length),
    // On a link or a button, Enter is theirs.
    Enter: ({ target }) =>
      target instanceof HTMLElement && target.closest("a, button") !== null
        ? target.click()
        : open(),
  });
  return { id };
}

function NewRuns({ count, onClick }: { readonly count: number; readonly onClick: () => void }) {
  return (
    <button
      type="button"
      onClick={onClick}
      className="absolute top-10 left-1/2 z-20 -translate-x-1/2 rounded-full border border-line-strong bg-surface px-3 py-1 text-accent text-sm shadow-(--shadow)"
    >
      ↑ {count} new {count === 1 ? "run" : "runs"}
    </button>
  );
}
