import { useQuery } from "urql";
import {
  RunDetailDocument,
  RunPayloadsDocument,
  SpanDetailDocument,
  SpanEventsDocument,
  SpanPayloadsDocument,
} from "./documents";
import { type Failure, failureOf } from "./failure";
import type { RunDetailQuery, SpanDetailQuery, SpanEventsQuery } from "./generated/graphql";

export type SpanDetail = NonNullable<SpanDetailQuery["span"]>;
export type RunDetail = NonNullable<RunDetailQuery["run"]>;
export type SpanErrorChain = NonNullable<SpanDetail["error"]>;
export type PayloadHead = NonNullable<SpanDetail["input"]>;
export type SpanEventPage = NonNullable<SpanEventsQuery["span"]>["events"];
export type SpanEvent = SpanEventPage["edges"][number]["node"];

export interface Answer<Data> {
  readonly data: Data | null;
  readonly failure: Failure | null;
  readonly isLoading: boolean;
  readonly again: () => void;
}

type Result<Data> = {
  readonly data?: Data | undefined;
  readonly error?: Parameters<typeof failureOf>[0] | undefined;
  readonly fetching: boolean;
  readonly stale: boolean;
};

/** What urql answered, in the reader's terms; `pick` takes the part that is asked for. */
export function toAnswer<Data, Part>(
  [result, execute]: readonly [Result<Data>, () => void],
  pick: (data: Data) => Part | null | undefined,
): Answer<Part> {
  return {
    // Beside errors there may be no data at all: null, whatever the types say.
    data: result.data ? (pick(result.data) ?? null) : null,
    failure: result.error === undefined ? null : failureOf(result.error),
    isLoading: result.fetching || result.stale,
    again: execute,
  };
}

export function useSpanDetail(id: string): Answer<SpanDetail> {
  return toAnswer(useQuery({ query: SpanDetailDocument, variables: { id } }), ({ span }) => span);
}

export function useRunDetail(id: string): Answer<RunDetail> {
  return toAnswer(useQuery({ query: RunDetailDocument, variables: { id } }), ({ run }) => run);
}

export interface PayloadTexts {
  readonly input: string | null;
  readonly output: string | null;
}

/** The JSON texts of a span's payloads, byte for byte; only what is asked for is fetched. */
export function useSpanPayloads(
  id: string,
  { input, output }: { readonly input: boolean; readonly output: boolean },
): Answer<PayloadTexts> {
  const answer = useQuery({
    query: SpanPayloadsDocument,
    variables: { id, input, output },
    pause: !input && !output,
  });
  return toAnswer(answer, ({ span }) => span && toTexts(span));
}

/** The same for the run's own. */
export function useRunPayloads(
  id: string,
  { input, output }: { readonly input: boolean; readonly output: boolean },
): Answer<PayloadTexts> {
  const answer = useQuery({
    query: RunPayloadsDocument,
    variables: { id, input, output },
    pause: !input && !output,
  });
  return toAnswer(answer, ({ run }) => run && toTexts(run));
}

type WithTexts = {
  readonly input?: { readonly json: string } | null | undefined;
  readonly output?: { readonly json: string } | null | undefined;
};

function toTexts({ input, output }: WithTexts): PayloadTexts {
  return { input: input?.json ?? null, output: output?.json ?? null };
}

export function useSpanEvents(id: string, after: string | null): Answer<SpanEventPage> {
  return toAnswer(
    useQuery({ query: SpanEventsDocument, variables: { id, first: 100, after } }),
    ({ span }) => span?.events,
  );
}
