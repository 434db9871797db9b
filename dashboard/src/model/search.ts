import type { SpanFilter } from "./filter";
import { ORDER_FIELDS, type OrderField, type RunListQuery } from "./run-list";
import { RUN_STATUSES, SPAN_TYPES } from "./span";

// What the reader chose, as it stands in the address: so that a link shows what its sender saw.

/** The search part of the list's address. */
export interface RunsSearch {
  q?: string | undefined;
  status?: string | undefined;
  correlation?: string | undefined;
  tag?: string | undefined;
  order?: string | undefined;
}

/** The search part of a run's address. */
export interface RunSearch {
  span?: string | undefined;
  view?: string | undefined;
  q?: string | undefined;
  type?: string | undefined;
  errors?: string | undefined;
}

const ORDER_WORDS: Record<OrderField, string> = {
  START_TIME: "started",
  DURATION: "duration",
  COST: "cost",
  TOKENS: "tokens",
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
    correlationId: search.correlation ?? null,
    tag: search.tag ?? null,
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
    correlation: query.correlationId ?? undefined,
    tag: query.tag ?? undefined,
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

function pick<Value extends string>(text: string | undefined, known: readonly Value[]): Value[] {
  const words = new Set((text ?? "").split(",").map((word) => word.toUpperCase()));
  return known.filter((value) => words.has(value));
}

function join(values: readonly string[]): string | undefined {
  return values.length === 0 ? undefined : values.join(",").toLowerCase();
}
