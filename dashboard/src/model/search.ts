import { SPAN_STATES, type SpanFilter } from "./filter";
import { readInstant } from "./instant";
import { readRange, readSignedEnd, writeRange } from "./range";
import { type ScoreChoice, SINCE_MS, type Since, type StepChoice } from "./run-filter";
import { ORDER_FIELDS, type OrderField, type RunListQuery } from "./run-list";
import { RUN_STATUSES, SPAN_TYPES } from "./span";
import { readPair, readWords, writePair, writeWords } from "./words";

// What the reader chose, as it stands in the address: so that a link shows what its sender saw.

/** The search part of the list's address. */
export type RunsSearch = { [Key in (typeof RUNS_KEYS)[number]]?: string | undefined };

/** The keys of the list's address. */
export const RUNS_KEYS = [
  "q",
  "status",
  "type",
  "model",
  "tag",
  "attribute",
  "correlation",
  "errors",
  "duration",
  "tokens",
  "cost",
  "since",
  "started",
  "score",
  "step",
  "order",
] as const;

/** The search part of a run's address. */
export type RunSearch = { [Key in (typeof RUN_KEYS)[number]]?: string | undefined };

const SPAN_FILTER_KEYS = [
  "q",
  "type",
  "status",
  "errors",
  "model",
  "name",
  "duration",
  "tokens",
  "cost",
] as const;

/** The keys of a run's address. */
export const RUN_KEYS = ["span", "view", ...SPAN_FILTER_KEYS] as const;

/** The part of every address that names a project, by its slug; without accounts there is none. */
export interface ProjectSearch {
  project?: string | undefined;
}

/** The search part of the address of what was searched for. */
export interface SearchSearch {
  q?: string | undefined;
}

const ORDER_WORDS: Record<OrderField, string> = {
  START_TIME: "started",
  DURATION: "duration",
  COST: "cost",
  TOKENS: "tokens",
  SPANS: "spans",
  ERRORS: "errors",
  NAME: "name",
};
const DEFAULT_ORDER = "-started";

/** The known part of an unknown search: text values only, empty ones left out. */
export function textValues<Key extends string>(
  search: Record<string, unknown>,
  keys: readonly Key[],
): { [K in Key]?: string } {
  const result: { [K in Key]?: string } = {};
  for (const key of keys) {
    const value = search[key];
    if (typeof value === "string" && value !== "") result[key] = value;
  }
  return result;
}

/** The list that an address asks for; what it does not know is left out. */
export function readRunsSearch(search: RunsSearch & ProjectSearch): RunListQuery {
  const order = search.order ?? DEFAULT_ORDER;
  const word = order.replace(/^-/, "");
  const field = ORDER_FIELDS.find((name) => ORDER_WORDS[name] === word);
  return {
    text: search.q ?? "",
    statuses: pick(search.status, RUN_STATUSES),
    types: pick(search.type, SPAN_TYPES),
    models: readWords(search.model),
    tags: readWords(search.tag),
    attributes: readWords(search.attribute).map((word) => {
      const { name, value } = readPair(word);
      return { key: name, value };
    }),
    correlationId: search.correlation ?? null,
    hasErrors: search.errors === "1",
    duration: readRange(search.duration),
    tokens: readRange(search.tokens),
    cost: readRange(search.cost),
    since: search.since !== undefined && search.since in SINCE_MS ? (search.since as Since) : null,
    started: readRange(search.started, readInstant),
    scores: readWords(search.score).map(readScore),
    step: readStep(search.step),
    order:
      field === undefined
        ? { field: "START_TIME", direction: "DESC" }
        : { field, direction: order.startsWith("-") ? "DESC" : "ASC" },
  };
}

/** The address of a list; what is as usual is left out. */
export function writeRunsSearch(query: RunListQuery): RunsSearch {
  const word = ORDER_WORDS[query.order.field];
  const order = query.order.direction === "DESC" ? `-${word}` : word;
  return {
    q: query.text === "" ? undefined : query.text,
    status: join(query.statuses),
    type: join(query.types),
    model: writeWords(query.models),
    tag: writeWords(query.tags),
    attribute: writeWords(query.attributes.map(({ key, value }) => writePair(key, value))),
    correlation: query.correlationId ?? undefined,
    errors: query.hasErrors ? "1" : undefined,
    duration: writeRange(query.duration),
    tokens: writeRange(query.tokens),
    cost: writeRange(query.cost),
    since: query.since ?? undefined,
    started: writeRange(query.started),
    score: writeWords(query.scores.map(writeScore)),
    step: writeStep(query.step),
    order: order === DEFAULT_ORDER ? undefined : order,
  };
}

/** The filter of a run's steps that an address asks for; `errors=1` is of older links. */
export function readSpanFilter(search: RunSearch): SpanFilter {
  const failed = search.errors === "1" ? ",error" : "";
  return {
    text: search.q ?? "",
    types: pick(search.type, SPAN_TYPES),
    statuses: pick(`${search.status ?? ""}${failed}`, SPAN_STATES),
    models: readWords(search.model),
    names: readWords(search.name),
    duration: readRange(search.duration),
    tokens: readRange(search.tokens),
    cost: readRange(search.cost),
  };
}

export function writeSpanFilter(
  filter: SpanFilter,
): Pick<RunSearch, (typeof SPAN_FILTER_KEYS)[number]> {
  return {
    q: filter.text === "" ? undefined : filter.text,
    type: join(filter.types),
    status: join(filter.statuses),
    errors: undefined,
    model: writeWords(filter.models),
    name: writeWords(filter.names),
    duration: writeRange(filter.duration),
    tokens: writeRange(filter.tokens),
    cost: writeRange(filter.cost),
  };
}

/** `quality`, `quality=0.5..1`, `quality=:good` or `quality=0.5..1:good`. */
function readScore(word: string): ScoreChoice {
  const { name, value } = readPair(word);
  const [range = "", ...label] = (value ?? "").split(":");
  return {
    name,
    score: readRange(range, readSignedEnd),
    label: label.length === 0 ? null : label.join(":"),
  };
}

function writeScore({ name, score, label }: ScoreChoice): string {
  const range = writeRange(score);
  if (range === undefined && label === null) return writePair(name, null);
  return writePair(name, `${range ?? ""}${label === null ? "" : `:${label}`}`);
}

/** `failed,tool_call,below:llm_call`, any of it. */
function readStep(text: string | undefined): StepChoice | null {
  const words = (text ?? "").toLowerCase().split(",");
  const below = words.find((word) => word.startsWith("below:"))?.slice("below:".length);
  const step = {
    type: SPAN_TYPES.find((type) => words.includes(type.toLowerCase())) ?? null,
    isFailed: words.includes("failed"),
    below: SPAN_TYPES.find((type) => type.toLowerCase() === below) ?? null,
  };
  return step.type === null && !step.isFailed && step.below === null ? null : step;
}

function writeStep(step: StepChoice | null): string | undefined {
  if (step === null) return undefined;
  return join([
    ...(step.isFailed ? ["failed"] : []),
    ...(step.type === null ? [] : [step.type]),
    ...(step.below === null ? [] : [`below:${step.below}`]),
  ]);
}

function pick<Value extends string>(text: string | undefined, known: readonly Value[]): Value[] {
  const words = new Set((text ?? "").split(",").map((word) => word.toUpperCase()));
  return known.filter((value) => words.has(value));
}

function join(values: readonly string[]): string | undefined {
  return values.length === 0 ? undefined : values.join(",").toLowerCase();
}
