import type { SpanDetail } from "@/graphql/details";
import { formatCount, formatDuration, formatMoment } from "@/model/format";
import { parseInstant } from "@/model/instant";
import { type Run, spanState } from "@/model/run";
import type { Span } from "@/model/span";
import type { Timeline } from "@/model/timeline";
import { totalsOf } from "@/model/totals";
import type { Tree } from "@/model/tree";
import { CopyButton } from "@/ui/copy-button";
import { Text } from "@/ui/text";
import { Cost, Tokens } from "../../parts/figures";
import { Fact, Facts, Part } from "./facts";

interface Props {
  readonly run: Run;
  readonly span: Span;
  readonly timeline: Timeline<Run>;
  readonly tree: Tree;
  readonly detail: SpanDetail;
}

const COST_SOURCE = {
  REPORTED: "reported by the provider",
  PRICE_TABLE: "from a price table",
  RATES: "from the rates given at the call",
} as const;

const EFFECT = {
  NONE: "none",
  READ: "reads",
  WRITE: "writes",
  UNKNOWN: "not known",
} as const;

/** The figures of a step: time, tokens, money, and where it stands in the record. */
export function SpanFacts(props: Props) {
  const { detail } = props;
  return (
    <>
      <Timing {...props} />
      {detail.usage !== null && detail.usage !== undefined && <UsageFacts {...props} />}
      <Subtree {...props} />
      <RecordFacts {...props} />
    </>
  );
}

function Timing({ run, span, detail }: Props) {
  const end = detail.endTime ?? null;
  return (
    <Part title="Timing">
      <Facts>
        <Fact name="Duration">
          {spanState(span, run) === "UNFINISHED" ? (
            <span title="The run is over, and the end of this step was never recorded.">
              unfinished
            </span>
          ) : (
            formatDuration(span.durationMs)
          )}
        </Fact>
        <Fact name="Offset" hint="From the start of the run">
          {formatDuration(span.offsetMs)}
        </Fact>
        <Fact name="Started">
          <time title={detail.startTime}>{formatMoment(parseInstant(detail.startTime))}</time>
        </Fact>
        <Fact name="Ended">
          {end !== null && <time title={end}>{formatMoment(parseInstant(end))}</time>}
        </Fact>
      </Facts>
    </Part>
  );
}

function UsageFacts({ span, detail }: Props) {
  const { usage } = detail;
  if (usage === null || usage === undefined) return null;
  const isEstimated = usage.source === "ESTIMATED";
  const count = (tokens: number | null | undefined) =>
    tokens === null || tokens === undefined ? null : (
      <Tokens count={tokens} isEstimated={isEstimated} />
    );
  return (
    <Part
      title="Tokens and cost"
      aside={
        <span className="text-faint text-xs">
          {isEstimated ? "tokens estimated by the recorder" : "tokens reported by the provider"}
        </span>
      }
    >
      <Facts>
        <Fact name="Model">{span.model !== null && <Text value={span.model} />}</Fact>
        <Fact name="Prompt">{count(usage.promptTokens)}</Fact>
        <Fact name="· cached" hint="Part of the prompt, read from the provider's cache">
          {count(usage.cachedTokens)}
        </Fact>
        <Fact name="· cache write" hint="Part of the prompt, written to the provider's cache">
          {count(usage.cacheWriteTokens)}
        </Fact>
        <Fact name="Completion">{count(usage.completionTokens)}</Fact>
        <Fact name="· reasoning" hint="Part of the completion">
          {count(usage.reasoningTokens)}
        </Fact>
        <Fact name="Total">{count(usage.totalTokens)}</Fact>
        <Fact name="Cost">
          {span.costUsd !== null && (
            <>
              <Cost usd={span.costUsd} isEstimated={span.costEstimated} />{" "}
              <span className="text-faint text-sm">
                {detail.costSource ? COST_SOURCE[detail.costSource] : ""}
              </span>
            </>
          )}
        </Fact>
      </Facts>
    </Part>
  );
}

/** What the steps inside cost together, for a step that has any. */
function Subtree({ span, timeline, tree }: Props) {
  const node = tree.indexOf.get(span.spanId) ?? -1;
  const size = tree.size[node] ?? 1;
  if (size <= 1) return null;
  const inside = tree.ids
    .slice(node + 1, node + size)
    .flatMap((id) => timeline.spans.get(id) ?? []);
  const totals = totalsOf(inside);
  return (
    <Part title="Steps inside">
      <Facts>
        <Fact name="Steps">{formatCount(totals.spans)}</Fact>
        <Fact name="LLM calls">{totals.llmCalls > 0 && formatCount(totals.llmCalls)}</Fact>
        <Fact name="Tool calls">{totals.toolCalls > 0 && formatCount(totals.toolCalls)}</Fact>
        <Fact name="Errors">
          {totals.errors > 0 && <span className="text-bad">{formatCount(totals.errors)}</span>}
        </Fact>
        <Fact name="Tokens">
          {totals.totalTokens !== null && (
            <Tokens count={totals.totalTokens} isEstimated={totals.tokensEstimated} />
          )}
        </Fact>
        <Fact name="Cost">
          {totals.costUsd !== null && (
            <Cost usd={totals.costUsd} isEstimated={totals.costEstimated} />
          )}
        </Fact>
      </Facts>
    </Part>
  );
}

function RecordFacts({ span, detail }: Props) {
  const { endSeq = null, outcome = null, replayKey = null, inputHash = null } = detail;
  return (
    <Part title="Record">
      <Facts>
        <Fact name="Sequence" hint="Position of the start and the end among all events of the run">
          {endSeq === null ? span.seq : `${span.seq} to ${endSeq}`}
        </Fact>
        <Fact name="Lane" hint="The thread of control: 0 is the run's own">
          {detail.lane}
        </Fact>
        <Fact name="Effect" hint="What the step does to the world outside">
          {EFFECT[detail.effect]}
        </Fact>
        <Fact name="Outcome">{outcome?.toLowerCase()}</Fact>
        <Fact name="Replay key">{replayKey !== null && <Text value={replayKey} />}</Fact>
        <Fact name="Input hash" hint="SHA-256 of the canonical input">
          {inputHash !== null && <Hash text={inputHash} />}
        </Fact>
        <Fact name="Span id">
          <Hash text={span.spanId} />
        </Fact>
      </Facts>
    </Part>
  );
}

function Hash({ text }: { readonly text: string }) {
  return (
    <span className="flex min-w-0 items-center gap-1 font-mono text-sm">
      <span className="truncate">{text}</span>
      <CopyButton text={text} label="Copy" />
    </span>
  );
}
