import { useMemo } from "react";
import type { SpanDetail } from "@/graphql/details";
import { readAnswer, readDecision, readMessages, readRetrieval } from "@/model/content";
import { formatDuration } from "@/model/format";
import { parseJson } from "@/model/json";
import { type Run, spanState } from "@/model/run";
import type { Span } from "@/model/span";
import type { Timeline } from "@/model/timeline";
import type { Tree } from "@/model/tree";
import { Text } from "@/ui/text";
import { Cost, Tokens } from "../../parts/figures";
import { Chat } from "./chat";
import { DecisionView } from "./decision-view";
import { ErrorView } from "./error-view";
import { Part } from "./facts";
import { PayloadView } from "./payload-view";
import { RetrievalView } from "./retrieval-view";
import { SpanFacts } from "./span-facts";
import type { PayloadSlot, Payloads } from "./use-payloads";

interface Props {
  readonly run: Run;
  readonly span: Span;
  readonly timeline: Timeline<Run>;
  readonly tree: Tree;
  readonly detail: SpanDetail;
  readonly payloads: Payloads;
}

/** Why it failed, what it was about, and its figures, in the order in which one asks. */
export function Overview(props: Props) {
  const { detail } = props;
  return (
    <>
      {props.span.type === "LLM_CALL" && <CallLine {...props} />}
      {detail.error !== null && detail.error !== undefined && <ErrorView error={detail.error} />}
      <Content {...props} />
      <SpanFacts {...props} />
    </>
  );
}

/** What one asks of a model call first, above a conversation of any length. */
function CallLine({ run, span }: Props) {
  const state = spanState(span, run);
  return (
    <p data-testid="call-line" className="mb-4 flex flex-wrap gap-x-2 text-dim text-sm">
      {span.model !== null && (
        <span className="font-medium text-ink">
          <Text value={span.model} />
        </span>
      )}
      {state === "UNFINISHED" && <span>unfinished</span>}
      {span.durationMs !== null && <span>{formatDuration(span.durationMs)}</span>}
      {span.totalTokens !== null && (
        <span>
          <Tokens count={span.totalTokens} isEstimated={span.tokensEstimated} /> tokens
        </span>
      )}
      {span.costUsd !== null && <Cost usd={span.costUsd} isEstimated={span.costEstimated} />}
    </p>
  );
}

function useNode(slot: PayloadSlot) {
  return useMemo(() => (slot.text === null ? null : parseJson(slot.text)), [slot.text]);
}

/** The payloads as the kind of step makes them readable; as JSON where they are of another shape. */
function Content({ run, span, payloads }: Props) {
  const input = useNode(payloads.input);
  const output = useNode(payloads.output);
  if (span.type === "LLM_CALL") {
    const turns = readMessages(input);
    const answer = readAnswer(output);
    if (turns !== null) {
      return <Chat turns={turns} answer={answer} isRunning={spanState(span, run) === "STARTED"} />;
    }
    if (answer !== null) {
      return (
        <>
          <Plain payloads={payloads} only="input" title="Prompt" />
          <Chat turns={[]} answer={answer} isRunning={false} />
        </>
      );
    }
  }
  if (span.type === "DECISION") {
    const decision = readDecision(input, output);
    if (decision !== null) return <DecisionView decision={decision} texts={payloads} />;
  }
  if (span.type === "RETRIEVAL") {
    const retrieval = readRetrieval(input, output);
    if (retrieval !== null) return <RetrievalView retrieval={retrieval} texts={payloads} />;
  }
  const isTool = span.type === "TOOL_CALL";
  return (
    <>
      <Plain payloads={payloads} only="input" title={isTool ? "Arguments" : "Input"} />
      <Plain payloads={payloads} only="output" title={isTool ? "Result" : "Output"} />
    </>
  );
}

function Plain({
  payloads,
  only,
  title,
}: {
  readonly payloads: Payloads;
  readonly only: "input" | "output";
  readonly title: string;
}) {
  const slot = payloads[only];
  if (slot.head === null) return null;
  return (
    <Part title={title}>
      <PayloadView slot={slot} name={only} />
    </Part>
  );
}
