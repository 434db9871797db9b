import { type Criterion, eachOf, rangeOf, without } from "./criterion";
import { compareTo } from "./decimal";
import {
  describeCounts,
  describeRange,
  isOpenRange,
  OPEN_RANGE,
  rangeTest,
  readEnd,
  type TextRange,
} from "./range";
import { type Run, type SpanState, spanState } from "./run";
import { SPAN_STATUSES, type Span, type SpanType } from "./span";
import type { Tree } from "./tree";

/** What a step can be shown as. */
export const SPAN_STATES: readonly SpanState[] = [...SPAN_STATUSES, "UNFINISHED"];

/** Which steps of a run the reader asked for: all criteria hold, and of a list any one value; empty: every one. */
export interface SpanFilter {
  readonly text: string;
  readonly types: readonly SpanType[];
  readonly statuses: readonly SpanState[];
  readonly models: readonly string[];
  /** Whole names. */
  readonly names: readonly string[];
  /** Seconds. */
  readonly duration: TextRange;
  readonly tokens: TextRange;
  /** US dollars. */
  readonly cost: TextRange;
}

export const NO_FILTER: SpanFilter = {
  text: "",
  types: [],
  statuses: [],
  models: [],
  names: [],
  duration: OPEN_RANGE,
  tokens: OPEN_RANGE,
  cost: OPEN_RANGE,
};

const NS_PER_SECOND = 1e9;
const NS_PER_MS = 1e6;

export function isFiltering(filter: SpanFilter): boolean {
  return filter.text.trim() !== "" || filter.types.length > 0 || countCriteria(filter) > 0;
}

function countCriteria({ statuses, models, names, duration, tokens, cost }: SpanFilter): number {
  const ranges = [duration, tokens, cost].filter((range) => !isOpenRange(range));
  return statuses.length + models.length + names.length + ranges.length;
}

/** The criteria that have no place of their own in the toolbar, in the order of the panel. */
export function stepCriteria(
  filter: SpanFilter,
  labelOf: (state: SpanState) => string,
): readonly Criterion<SpanFilter>[] {
  const { statuses } = filter;
  const of = eachOf<SpanFilter, string>;
  return [
    ...without(statuses, "ERROR").map((status) => ({
      name: "status",
      value: labelOf(status),
      cleared: { statuses: without(statuses, status) },
    })),
    ...of("name", filter.names, String, (names) => ({ names })),
    ...of("model", filter.models, String, (models) => ({ models })),
    ...rangeOf("duration", filter.duration, (range) => `${describeRange(range)} s`, {
      duration: OPEN_RANGE,
    }),
    ...rangeOf("tokens", filter.tokens, describeCounts, { tokens: OPEN_RANGE }),
    ...rangeOf("cost", filter.cost, (range) => `${describeRange(range)} USD`, { cost: OPEN_RANGE }),
  ];
}

type Test = (span: Span) => boolean;

/** What a filter asks of each span, made ready once: it is asked of 50,000. A figure that is unknown is in no range. */
export function spanTest(filter: SpanFilter, run: Run | null): Test {
  const tests = [...valueTests(filter, run), ...figureTests(filter), ...textTests(filter)];
  return (span) => tests.every((test) => test(span));
}

function valueTests({ types, statuses, models, names }: SpanFilter, run: Run | null): Test[] {
  const [inTypes, inStatuses] = [new Set(types), new Set(statuses)];
  const [inModels, inNames] = [new Set(models), new Set(names)];
  return [
    ...(types.length === 0 ? [] : [(span: Span) => inTypes.has(span.type)]),
    ...(statuses.length === 0 ? [] : [(span: Span) => inStatuses.has(spanState(span, run))]),
    ...(models.length === 0
      ? []
      : [(span: Span) => span.model !== null && inModels.has(span.model)]),
    ...(names.length === 0 ? [] : [(span: Span) => inNames.has(span.name)]),
  ];
}

function figureTests({ duration, tokens, cost }: SpanFilter): Test[] {
  // Whole nanoseconds, as they were recorded: 4.1 ms are 0.0041 s, though not as binary fractions.
  const inDuration = rangeTest(duration, (seconds) => Math.round(seconds * NS_PER_SECOND));
  const toNs = (ms: number | null) => (ms === null ? null : Math.round(ms * NS_PER_MS));
  const inTokens = rangeTest(tokens);
  return [
    ...(isOpenRange(duration) ? [] : [(span: Span) => inDuration(toNs(span.durationMs))]),
    ...(isOpenRange(tokens) ? [] : [(span: Span) => inTokens(span.totalTokens)]),
    ...(isOpenRange(cost) ? [] : [costTest(cost)]),
  ];
}

/** Money is compared to the last digit, as the server does. */
function costTest({ min, max }: TextRange): Test {
  const compare = (text: string) =>
    readEnd(text) === null ? () => 0 : compareTo(text.trim().replace(/\.$/, ""));
  const [toMin, toMax] = [compare(min), compare(max)];
  return ({ costUsd }) => costUsd !== null && toMin(costUsd) >= 0 && toMax(costUsd) <= 0;
}

/** Name, model, kind or id holds the text, in any case. */
function textTests({ text }: SpanFilter): Test[] {
  const needle = text.trim().toLowerCase();
  if (needle === "") return [];
  return [
    ({ name, type, spanId, model }) =>
      name.toLowerCase().includes(needle) ||
      type.toLowerCase().includes(needle) ||
      spanId.includes(needle) ||
      (model?.toLowerCase().includes(needle) ?? false),
  ];
}

/** 1 for each node of the tree that matches. */
export function matchTree(
  tree: Tree,
  spans: ReadonlyMap<string, Span>,
  filter: SpanFilter,
  run: Run | null,
): Uint8Array {
  const test = spanTest(filter, run);
  const matches = new Uint8Array(tree.ids.length);
  for (let index = 0; index < tree.ids.length; index += 1) {
    const span = spans.get(tree.ids[index] ?? "");
    if (span !== undefined && test(span)) matches[index] = 1;
  }
  return matches;
}

/** The names and the models that the spans have, each once, in the order of the alphabet. */
export function listWords(spans: Iterable<Span>): {
  readonly names: readonly string[];
  readonly models: readonly string[];
} {
  const names = new Set<string>();
  const models = new Set<string>();
  for (const { name, model } of spans) {
    names.add(name);
    if (model !== null) models.add(model);
  }
  return { names: [...names].sort(), models: [...models].sort() };
}
