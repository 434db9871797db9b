import type { SpanFilter } from "./filter";
import { readEnd, SINCE_MS, type Since, type StepChoice, type TextRange } from "./run-filter";
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
  "step",
  "order",
] as const;

/** The search part of a run's address. */
export interface RunSearch {
  span?: string | undefined;
  view?: string | undefined;
  q?: string | undefined;
  type?: string | undefined;
  errors?: string | undefined;
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
export function readRunsSearch(search: RunsSearch): RunListQuery {
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
    step: writeStep(query.step),
    order: order === DEFAULT_ORDER ? undefined : order,
  };
}

export function readSpanFilter(search: RunSearch): SpanFilter {
  return {
    text: search.q ?? "",
    types: pick(search.type, SPAN_TYPES),
    errorsOnly: search.errors === "1",
  };
}

export function writeSpanFilter(filter: SpanFilter): Pick<RunSearch, "q" | "type" | "errors"> {
  return {
    q: filter.text === "" ? undefined : filter.text,
    type: join(filter.types),
    errors: filter.errorsOnly ? "1" : undefined,
  };
}

/** `1.5..10`, `1.5..` or `..10`; an end that is no number is open. */
function readRange(text: string | undefined): TextRange {
  const [min = "", max = ""] = (text ?? "").split("..");
  const known = (end: string) => (readEnd(end) === null ? "" : end);
  return { min: known(min), max: known(max) };
}

function writeRange({ min, max }: TextRange): string | undefined {
  return min === "" && max === "" ? undefined : `${min}..${max}`;
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
