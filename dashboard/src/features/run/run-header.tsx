import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import {
  formatAgo,
  formatCount,
  formatDuration,
  formatElapsed,
  formatMoment,
} from "@/model/format";
import type { Run } from "@/model/run";
import { CopyButton } from "@/ui/copy-button";
import { Icon } from "@/ui/icons";
import { Text } from "@/ui/text";
import { Cost, Tokens } from "../parts/figures";
import { QuietMark, StatusBadge } from "../parts/status";

/** What the run is, how it stands, and its figures. */
export function RunHeader({
  run,
  durationMs,
  nowMs,
  ageMs,
  onShowRun,
}: {
  readonly run: Run;
  readonly durationMs: number | null;
  readonly nowMs: number;
  /** How long nothing came of it while it runs; null when it is live, or over. */
  readonly ageMs: number | null;
  readonly onShowRun: () => void;
}) {
  return (
    <div className="flex shrink-0 flex-wrap items-center gap-x-6 gap-y-1 border-line border-b bg-surface px-4 py-2">
      <div className="flex min-w-0 items-center gap-2">
        <Link to="/" className="text-dim hover:text-ink">
          Runs
        </Link>
        <Icon name="chevron" size={10} className="text-faint" />
        <h1 className="flex min-w-0 max-w-[40vw] font-semibold">
          <button
            type="button"
            onClick={onShowRun}
            title="Show the run itself"
            className="min-w-0 truncate hover:underline"
          >
            <Text value={run.name} />
          </button>
        </h1>
        <StatusBadge status={ageMs === null ? run.status : "QUIET"} />
        {ageMs !== null && <QuietMark ageMs={ageMs} />}
        <CopyButton text={run.id} label="Copy the run id" />
        <Correlation id={run.correlationId} />
      </div>
      <Figures
        run={run}
        isLive={run.status === "STARTED" && ageMs === null}
        durationMs={durationMs}
        nowMs={nowMs}
      />
    </div>
  );
}

function Correlation({ id }: { readonly id: string | null }) {
  if (id === null) return null;
  return (
    <Link
      to="/"
      search={{ correlation: id }}
      title="Show every run with this correlation id"
      className="max-w-56 truncate rounded bg-sunken px-1.5 font-mono text-dim text-xs leading-5 hover:text-accent"
    >
      <Text value={id} />
    </Link>
  );
}

function Figures({
  run,
  isLive,
  durationMs,
  nowMs,
}: {
  readonly run: Run;
  readonly isLive: boolean;
  readonly durationMs: number | null;
  readonly nowMs: number;
}) {
  const { totals } = run;
  return (
    <dl className="ml-auto flex flex-wrap items-baseline gap-x-5 gap-y-1" data-testid="totals">
      <Figure label="Started">
        <time title={formatMoment(run.startMs)}>{formatAgo(run.startMs, nowMs)}</time>
      </Figure>
      <Figure label="Duration">
        <span className={isLive ? "text-accent" : ""}>
          {isLive ? formatElapsed(durationMs) : formatDuration(durationMs)}
        </span>
      </Figure>
      <Figure label="Spans">{formatCount(totals.spans)}</Figure>
      <Figure label="LLM calls">{formatCount(totals.llmCalls)}</Figure>
      <Figure label="Tool calls">{formatCount(totals.toolCalls)}</Figure>
      <Figure label="Errors">
        <span className={totals.errors > 0 ? "font-medium text-bad" : ""}>
          {formatCount(totals.errors)}
        </span>
      </Figure>
      <Figure label="Tokens">
        <Tokens count={totals.totalTokens} isEstimated={totals.tokensEstimated} />
      </Figure>
      <Figure label="Cost">
        <Cost usd={totals.costUsd} isEstimated={totals.costEstimated} />
      </Figure>
    </dl>
  );
}

function Figure({ label, children }: { readonly label: string; readonly children: ReactNode }) {
  return (
    <div className="flex items-baseline gap-1.5">
      <dt className="text-faint text-xs">{label}</dt>
      <dd className="font-medium text-sm">{children}</dd>
    </div>
  );
}
