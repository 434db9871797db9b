import { formatCount, spanTypeLabel } from "./format";
import type { RunStatus, SpanType } from "./span";

/** From `min` to `max`, both included, as decimal text; an empty end is open. */
export interface TextRange {
  readonly min: string;
  readonly max: string;
}

/** An attribute of a run; the value null means that it has any. */
export interface AttributeChoice {
  readonly key: string;
  readonly value: string | null;
}

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
  readonly step: StepChoice | null;
}

export const OPEN_RANGE: TextRange = { min: "", max: "" };
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
  step: null,
};

/** One criterion as a chip shows it, and what takes it away. */
export interface Criterion {
  readonly name: string;
  readonly value: string;
  readonly cleared: Partial<RunFilter>;
}

/** The criteria that have no place of their own in the toolbar, in its order. */
export function listCriteria(filter: RunFilter): readonly Criterion[] {
  const { types, models, tags, attributes, correlationId, hasErrors, since, step } = filter;
  return [
    ...(since === null ? [] : [one("started", SINCE_LABELS[since].toLowerCase(), { since: null })]),
    ...(hasErrors ? [one("with", "errors", { hasErrors: false })] : []),
    ...types.map((type) => one("step", spanTypeLabel(type), { types: without(types, type) })),
    ...models.map((model) => one("model", model, { models: without(models, model) })),
    ...tags.map((tag) => one("tag", tag, { tags: without(tags, tag) })),
    ...attributes.map((attribute) =>
      one("attribute", attributeLabel(attribute), { attributes: without(attributes, attribute) }),
    ),
    ...(correlationId === null ? [] : [one("correlation", correlationId, { correlationId: null })]),
    ...range("duration", filter.duration, "s", { duration: OPEN_RANGE }),
    ...range("tokens", filter.tokens, "", { tokens: OPEN_RANGE }),
    ...range("cost", filter.cost, "USD", { cost: OPEN_RANGE }),
    ...(step === null ? [] : [one("has", stepLabel(step), { step: null })]),
  ];
}

/** True when the list may leave a run out. */
export function isNarrowed(filter: RunFilter): boolean {
  return filter.text.trim() !== "" || filter.statuses.length > 0 || listCriteria(filter).length > 0;
}

/** The text of a range's end as a number from 0; null for none, or for what is no number. */
export function readEnd(text: string): number | null {
  if (!/^\d{1,15}(\.\d{0,12})?$/.test(text.trim())) return null;
  return Number(text);
}

/** Add a value to a list that does not have it. */
export function withValue<Value>(values: readonly Value[], value: Value): readonly Value[] {
  return values.includes(value) ? values : [...values, value];
}

function without<Value>(values: readonly Value[], value: Value): readonly Value[] {
  return values.filter((other) => other !== value);
}

function one(name: string, value: string, cleared: Partial<RunFilter>): Criterion {
  return { name, value, cleared };
}

function attributeLabel({ key, value }: AttributeChoice): string {
  return value === null ? key : `${key} = ${value}`;
}

function stepLabel({ type, isFailed, below }: StepChoice): string {
  const step = type === null ? "step" : spanTypeLabel(type);
  const place = below === null ? "" : ` below ${spanTypeLabel(below)}`;
  return `${isFailed ? "failed " : ""}${step}${place}`;
}

function range(
  name: string,
  { min, max }: TextRange,
  unit: string,
  cleared: Partial<RunFilter>,
): readonly Criterion[] {
  if (min === "" && max === "") return [];
  const end = (text: string) => (unit === "" ? formatCount(Number(text)) : text);
  const words =
    max === "" ? `≥ ${end(min)}` : min === "" ? `≤ ${end(max)}` : `${end(min)} to ${end(max)}`;
  return [one(name, unit === "" ? words : `${words} ${unit}`, cleared)];
}
