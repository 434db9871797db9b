import { Link, useNavigate } from "@tanstack/react-router";
import { type MouseEvent, memo, type ReactNode } from "react";
import {
  formatAgo,
  formatCount,
  formatDuration,
  formatElapsed,
  formatMoment,
} from "@/model/format";
import { quietMs, type Run, runDurationMs } from "@/model/run";
import type { RunListQuery } from "@/model/run-list";
import { plainMarks } from "@/ui/marks";
import { Text } from "@/ui/text";
import { DroppedMark } from "../parts/dropped";
import { Cost, Tokens } from "../parts/figures";
import { QuietMark, StatusBadge, StatusMark } from "../parts/status";
import { columnClass, ROW_GRID } from "./columns";

/** So many tags stand in a row, cut with an ellipsis where they must be; the others are counted. */
const SHOWN_TAGS = 2;

interface Props {
  readonly run: Run;
  readonly rowIndex: number;
  readonly top: number;
  readonly nowMs: number;
  readonly newsAtMs: number;
  readonly isActive: boolean;
  readonly onChange: (part: Partial<RunListQuery>) => void;
}

/** One run of the list. */
export const RunRow = memo(function RunRow(props: Props) {
  const { run, rowIndex, top, nowMs, isActive, onChange } = props;
  const navigate = useNavigate();
  const { totals } = run;
  const ageMs = quietMs(run, props.newsAtMs, nowMs);
  const status = ageMs === null ? run.status : "QUIET";
  const isLive = status === "STARTED";
  const durationMs = runDurationMs(run, nowMs);
  const open = (event: MouseEvent<HTMLElement>) => {
    if (event.target instanceof Element && event.target.closest("a, button") !== null) return;
    void navigate({ to: "/runs/$runId", params: { runId: run.id } });
  };
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Enter is handled for the whole grid
    <div
      role="row"
      id={`run-${run.id}`}
      data-run={run.id}
      aria-rowindex={rowIndex}
      aria-selected={isActive}
      tabIndex={-1}
      onClick={open}
      className={`${ROW_GRID} absolute inset-x-0 h-9 overflow-hidden border-line border-b [contain:strict] ${isActive ? "bg-selected" : "hover:bg-hover"}`}
      style={{ transform: `translateY(${top}px)` }}
    >
      <Cell column="status">
        <span className="flex">
          <StatusBadge status={status} />
        </span>
      </Cell>
      <Cell column="name">
        <span className="flex min-w-0 items-center gap-2">
          <span className="inline-flex md:hidden">
            <StatusMark status={status} />
          </span>
          <Link
            to="/runs/$runId"
            params={{ runId: run.id }}
            tabIndex={-1}
            className="truncate font-medium hover:underline"
          >
            <Text value={run.name} />
          </Link>
          {ageMs !== null && <QuietMark ageMs={ageMs} />}
          <DroppedMark dropped={run.dropped} />
        </span>
      </Cell>
      <Cell column="started" tone="text-dim">
        <time title={formatMoment(run.startMs)}>{formatAgo(run.startMs, nowMs)}</time>
      </Cell>
      <Cell column="duration" tone={isLive ? "text-accent" : ""}>
        {isLive ? formatElapsed(durationMs) : formatDuration(durationMs)}
      </Cell>
      <Cell column="spans">{formatCount(totals.spans)}</Cell>
      <Cell column="errors" tone={totals.errors > 0 ? "font-medium text-bad" : "text-faint"}>
        {formatCount(totals.errors)}
      </Cell>
      <Cell column="tokens">
        <Tokens count={totals.totalTokens} isEstimated={totals.tokensEstimated} />
      </Cell>
      <Cell column="cost">
        <Cost usd={totals.costUsd} isEstimated={totals.costEstimated} />
      </Cell>
      <Cell column="correlation">
        <CorrelationButton id={run.correlationId} onChange={onChange} />
      </Cell>
      <Cell column="tags">
        <Tags tags={run.tags} onChange={onChange} />
      </Cell>
    </div>
  );
});

function Cell({
  column,
  tone = "",
  children,
}: {
  readonly column: string;
  readonly tone?: string;
  readonly children: ReactNode;
}) {
  return (
    <div
      role="gridcell"
      tabIndex={-1}
      data-column={column}
      className={`min-w-0 truncate ${columnClass(column)} ${tone}`}
    >
      {children}
    </div>
  );
}

function CorrelationButton({
  id,
  onChange,
}: {
  readonly id: string | null;
  readonly onChange: Props["onChange"];
}) {
  if (id === null) return null;
  return (
    <button
      type="button"
      tabIndex={-1}
      title={`Show every run of ${plainMarks(id)}`}
      onClick={() => onChange({ correlationId: id })}
      className="max-w-full truncate font-mono text-dim text-sm hover:text-accent hover:underline"
    >
      <Text value={id} />
    </button>
  );
}

function Tags({
  tags,
  onChange,
}: {
  readonly tags: readonly string[];
  readonly onChange: Props["onChange"];
}) {
  const all = [...new Set(tags)];
  const rest = all.slice(SHOWN_TAGS);
  return (
    <span className="flex gap-1 overflow-hidden">
      {all.slice(0, SHOWN_TAGS).map((tag) => (
        <button
          key={tag}
          type="button"
          tabIndex={-1}
          title={`Show every run tagged ${plainMarks(tag)}`}
          onClick={() => onChange({ tags: [tag] })}
          className="min-w-0 max-w-40 truncate rounded bg-sunken px-1.5 text-dim text-xs leading-5 hover:text-accent"
        >
          <Text value={tag} />
        </button>
      ))}
      {rest.length > 0 && (
        <span
          title={rest.map(plainMarks).join(", ")}
          className="shrink-0 text-faint text-xs leading-5"
        >
          +{rest.length}
        </span>
      )}
    </span>
  );
}
