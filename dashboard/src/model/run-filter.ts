import { type Criterion, eachOf, rangeOf } from "./criterion";
import { formatMoment, spanTypeLabel } from "./format";
import { readInstant } from "./instant";
import { describeCounts, describeRange, isOpenRange, OPEN_RANGE, type TextRange } from "./range";
import type { RunStatus, SpanType } from "./span";

/** An attribute of a run; the value null means that it has any. */
export interface AttributeChoice {
  readonly key: string;
  readonly value: string | null;
}

/** An annotation that a run must have, by name: with a score in the range, with the label, or any. */
export interface ScoreChoice {
  readonly name: string;
  readonly score: TextRange;
  readonly label: string | null;
}

/** So many attributes, and so many scores, the server takes in one filter. */
export const MAX_CONDITIONS = 8;

/** A step that a run must have: of a type, failed, somewhere below a step of another type. */
export interface StepChoice {
  readonly type: SpanType | null;
  readonly isFailed: boolean;
  readonly below: SpanType | null;
}

/** Back from now, in milliseconds. */
export const SINCE_MS = {
  "1h": 3_600_000,
  "24h": 86_400_000,
  "7d": 604_800_000,
  "30d": 2_592_000_000,
} as const;
export type Since = keyof typeof SINCE_MS;
export const SINCE_LABELS: Readonly<Record<Since, string>> = {
  "1h": "Last hour",
  "24h": "Last 24 hours",
  "7d": "Last 7 days",
  "30d": "Last 30 days",
};

/** Which runs the reader asked for: all criteria hold, and of a list any one value. */
export interface RunFilter {
  readonly text: string;
  readonly statuses: readonly RunStatus[];
  /** Kinds of steps that the run has. */
  readonly types: readonly SpanType[];
  readonly models: readonly string[];
  readonly tags: readonly string[];
  readonly attributes: readonly AttributeChoice[];
  readonly correlationId: string | null;
  readonly hasErrors: boolean;
  /** Seconds. */
  readonly duration: TextRange;
  readonly tokens: TextRange;
  /** US dollars. */
  readonly cost: TextRange;
  readonly since: Since | null;
  /** Instants in UTC, as `readInstant` reads them; a run that started at `max` is not in it. */
  readonly started: TextRange;
  readonly scores: readonly ScoreChoice[];
  readonly step: StepChoice | null;
}

export const NO_RUN_FILTER: RunFilter = {
  text: "",
  statuses: [],
  types: [],
  models: [],
  tags: [],
  attributes: [],
  correlationId: null,
  hasErrors: false,
  duration: OPEN_RANGE,
  tokens: OPEN_RANGE,
  cost: OPEN_RANGE,
  since: null,
  started: OPEN_RANGE,
  scores: [],
  step: null,
};

/** The criteria that have no place of their own in the toolbar, in its order. */
export function listCriteria(filter: RunFilter): readonly Criterion<RunFilter>[] {
  const { correlationId, hasErrors, since, step } = filter;
  const of = eachOf<RunFilter, string>;
  return [
    ...(since === null ? [] : [one("started", SINCE_LABELS[since].toLowerCase(), { since: null })]),
    ...rangeOf("started", filter.started, describeStarted, { started: OPEN_RANGE }),
    ...(hasErrors ? [one("with", "errors", { hasErrors: false })] : []),
    ...eachOf("step", filter.types, spanTypeLabel, (types) => ({ types })),
    ...of("model", filter.models, String, (models) => ({ models })),
    ...of("tag", filter.tags, String, (tags) => ({ tags })),
    ...eachOf("attribute", filter.attributes, attributeLabel, (attributes) => ({ attributes })),
    ...eachOf("score", filter.scores, scoreLabel, (scores) => ({ scores })),
    ...(correlationId === null ? [] : [one("correlation", correlationId, { correlationId: null })]),
    ...rangeOf("duration", filter.duration, (range) => `${describeRange(range)} s`, {
      duration: OPEN_RANGE,
    }),
    ...rangeOf("tokens", filter.tokens, describeCounts, { tokens: OPEN_RANGE }),
    ...rangeOf("cost", filter.cost, (range) => `${describeRange(range)} USD`, { cost: OPEN_RANGE }),
    ...(step === null ? [] : [one("has", stepLabel(step), { step: null })]),
  ];
}

/** True when the list may leave a run out. */
export function isNarrowed(filter: RunFilter): boolean {
  return filter.text.trim() !== "" || filter.statuses.length > 0 || listCriteria(filter).length > 0;
}

function one(name: string, value: string, cleared: Partial<RunFilter>): Criterion<RunFilter> {
  return { name, value, cleared };
}

function attributeLabel({ key, value }: AttributeChoice): string {
  return value === null ? key : `${key} = ${value}`;
}

/** "tone", "tone ≥ 0.5", "tone = kind", "tone = kind, ≥ 0.5". */
function scoreLabel({ name, score, label }: ScoreChoice): string {
  const range = isOpenRange(score) ? "" : ` ${describeRange(score)}`;
  if (label === null) return `${name}${range}`;
  return `${name} = ${label}${range === "" ? "" : `,${range}`}`;
}

/** "from 2026-11-26 10:00", "before …", "… to …", as clocks here show it. */
function describeStarted({ min, max }: TextRange): string {
  const moment = (text: string) =>
    formatMoment(readInstant(text) ?? Number.NaN).replace(/(:00)?\.000$/, "");
  if (max === "") return `from ${moment(min)}`;
  return min === "" ? `before ${moment(max)}` : `${moment(min)} to ${moment(max)}`;
}

function stepLabel({ type, isFailed, below }: StepChoice): string {
  const step = type === null ? "step" : spanTypeLabel(type);
  const place = below === null ? "" : ` below ${spanTypeLabel(below)}`;
  return `${isFailed ? "failed " : ""}${step}${place}`;
}
