import { Link } from "@tanstack/react-router";
import { useEffect, useRef } from "react";
import { type RunDetail, useRunDetail } from "@/graphql/details";
import { formatCount, formatMoment } from "@/model/format";
import type { Run } from "@/model/run";
import { plainMarks } from "@/ui/marks";
import { Text } from "@/ui/text";
import { Cost, Tokens } from "../../parts/figures";
import { InlineFailure } from "../../parts/inline-failure";
import { AttributesView } from "./attributes-view";
import { ErrorView } from "./error-view";
import { Fact, Facts, Part } from "./facts";
import { PayloadView } from "./payload-view";
import { useRunPayloadState } from "./use-payloads";

const REFRESH_MS = 1000;

/** The run itself: what it was asked, what it answered, what it used. */
export function RunInspector({ run }: { readonly run: Run }) {
  const { data, failure, again } = useRunDetail(run.id);
  const payloads = useRunPayloadState(run.id, data);
  useRefreshed(run, again);
  return (
    <>
      <header className="flex h-11 shrink-0 items-center border-line border-b px-4">
        <h2 className="font-semibold">Run</h2>
        <span className="ml-auto text-faint text-sm max-sm:hidden">
          Choose a step to inspect it
        </span>
      </header>
      <div
        role="region"
        aria-label="The run"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling pane must be reachable by keyboard
        tabIndex={0}
        className="min-h-0 flex-1 overflow-auto p-4 -outline-offset-2"
      >
        {failure !== null && <InlineFailure failure={failure} onRetry={again} />}
        {data !== null && (
          <>
            {data.error !== null && data.error !== undefined && <ErrorView error={data.error} />}
            {payloads.input.head !== null && (
              <Part title="Input">
                <PayloadView slot={payloads.input} name="input" />
              </Part>
            )}
            {payloads.output.head !== null && (
              <Part title="Output">
                <PayloadView slot={payloads.output} name="output" />
              </Part>
            )}
            <UsageByModel rows={data.usageByModel} />
            <RunFacts run={run} detail={data} />
          </>
        )}
      </div>
    </>
  );
}

/** While the run goes on its figures change with every step: ask again, but not for each. */
function useRefreshed(run: Run, again: () => void): void {
  const seen = useRef(run);
  const ask = useRef(again);
  ask.current = again;
  useEffect(() => {
    if (seen.current === run) return;
    const timer = setTimeout(
      () => {
        seen.current = run;
        ask.current();
      },
      run.status === "STARTED" ? REFRESH_MS : 0,
    );
    return () => clearTimeout(timer);
  }, [run]);
}

function UsageByModel({ rows }: { readonly rows: RunDetail["usageByModel"] }) {
  if (rows.length === 0) return null;
  return (
    <Part title="Usage by model">
      <table className="w-full text-sm" data-testid="usage-by-model">
        <thead>
          <tr className="text-faint text-xs">
            {["Model", "Calls", "Prompt", "Completion", "Total", "Cost"].map((head, index) => (
              <th
                key={head}
                scope="col"
                className={`py-1 font-normal ${index === 0 ? "text-left" : "pl-3 text-right"}`}
              >
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.model} className="border-line border-t">
              <th
                scope="row"
                title={plainMarks(row.model)}
                // Takes what the figures leave, however long the name is.
                className="w-full max-w-0 truncate py-1 text-left font-normal"
              >
                <Text value={row.model} />
              </th>
              <td className="pl-3 text-right">{formatCount(row.calls)}</td>
              {[row.promptTokens, row.completionTokens, row.totalTokens].map((count, index) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: three columns, always the same
                <td key={index} className="pl-3 text-right">
                  <Tokens count={count ?? null} isEstimated={row.tokensEstimated} />
                </td>
              ))}
              <td className="pl-3 text-right">
                <Cost usd={row.costUsd ?? null} isEstimated={row.tokensEstimated} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Part>
  );
}

function RunFacts({ run, detail }: { readonly run: Run; readonly detail: RunDetail }) {
  const { replayedFrom = null } = detail;
  return (
    <>
      <Part title="Record">
        <Facts>
          <Fact name="Run id">
            <span className="break-all font-mono text-sm">{run.id}</span>
          </Fact>
          <Fact name="Started">
            <time title={detail.startTime}>{formatMoment(run.startMs)}</time>
          </Fact>
          <Fact name="Correlation">
            {run.correlationId !== null && (
              <Link
                to="/"
                search={{ correlation: run.correlationId }}
                className="text-accent hover:underline"
              >
                <Text value={run.correlationId} />
              </Link>
            )}
          </Fact>
          <Fact name="Tags">
            {run.tags.length > 0 &&
              [...new Set(run.tags)].map((tag) => (
                <span key={tag} className="mr-1 rounded bg-sunken px-1.5 text-dim text-xs">
                  <Text value={tag} />
                </span>
              ))}
          </Fact>
          <Fact name="Replay of">
            {replayedFrom !== null && (
              <Link
                to="/runs/$runId"
                params={{ runId: replayedFrom.id }}
                className="text-accent hover:underline"
              >
                <Text value={replayedFrom.name} />
              </Link>
            )}
          </Fact>
        </Facts>
      </Part>
      <Named title="Attributes" value={detail.attributes} />
      <Named title="Recorded by" value={detail.resource} />
    </>
  );
}

/** A flat object under its heading; nothing when it is empty. */
function Named({ title, value }: { readonly title: string; readonly value: unknown }) {
  if (typeof value !== "object" || value === null || Object.keys(value).length === 0) return null;
  return (
    <Part title={title}>
      <AttributesView value={value} />
    </Part>
  );
}
