import { latestRun } from "./merge";
import type { Run } from "./run";
import type { RunFilter } from "./run-filter";

export const ORDER_FIELDS = [
  "START_TIME",
  "DURATION",
  "COST",
  "TOKENS",
  "SPANS",
  "ERRORS",
  "NAME",
] as const;
export type OrderField = (typeof ORDER_FIELDS)[number];

export interface RunOrder {
  readonly field: OrderField;
  readonly direction: "ASC" | "DESC";
}

/** What the reader asked to see. */
export interface RunListQuery extends RunFilter {
  readonly order: RunOrder;
}

/** The server's order, so that a change finds its place among loaded pages: unknown figures lowest, ties by id. */
export function compareRuns(order: RunOrder): (left: Run, right: Run) => number {
  const sign = order.direction === "ASC" ? 1 : -1;
  return (left, right) => {
    const a = orderKey(left, order.field);
    const b = orderKey(right, order.field);
    if (a !== b) return a < b ? -sign : sign;
    return left.id === right.id ? 0 : left.id < right.id ? -sign : sign;
  };
}

function orderKey(run: Run, field: OrderField): number | string {
  switch (field) {
    case "START_TIME":
      return run.startMs;
    case "DURATION":
      return run.durationMs ?? -1;
    case "COST":
      return Number(run.totals.costUsd ?? 0);
    case "TOKENS":
      return run.totals.totalTokens ?? 0;
    case "SPANS":
      return run.totals.spans;
    case "ERRORS":
      return run.totals.errors;
    case "NAME":
      return run.name;
  }
}

export interface RunPage {
  readonly runs: readonly Run[];
  readonly endCursor: string | null;
  readonly hasNextPage: boolean;
}

/** A run that changed; one that was deleted (null), or that the filter lets in no more, leaves the list. */
export interface RunChange {
  readonly runId: string;
  readonly run: Run | null;
  readonly matches: boolean;
}

/** The loaded part of the list: pages as they came, and changes put in their place. */
export class RunList {
  rows: readonly Run[] = [];
  endCursor: string | null = null;
  hasNextPage = false;
  version = 0;
  readonly #byId = new Map<string, Run>();
  readonly #query: RunListQuery;

  constructor(query: RunListQuery) {
    this.#query = query;
  }

  get(id: string): Run | undefined {
    return this.#byId.get(id);
  }

  /** Add the next page (the first, to an empty list). */
  append(page: RunPage): void {
    for (const run of page.runs) this.#merge(run);
    this.endCursor = page.endCursor ?? this.endCursor;
    this.hasNextPage = page.hasNextPage;
    this.#sort();
  }

  /** Put runs that changed in their place. */
  change(changes: Iterable<RunChange>): void {
    const last = this.rows.at(-1);
    const compare = compareRuns(this.#query.order);
    for (const { runId, run, matches } of changes) {
      if (run === null || !matches) {
        this.#byId.delete(runId);
        continue;
      }
      // A run that belongs below the loaded part comes with its page.
      const isBelow = this.hasNextPage && last !== undefined && compare(run, last) > 0;
      if (isBelow && !this.#byId.has(run.id)) continue;
      this.#merge(run);
    }
    this.#sort();
  }

  #merge(run: Run): void {
    const before = this.#byId.get(run.id);
    this.#byId.set(run.id, before === undefined ? run : latestRun(before, run));
  }

  #sort(): void {
    this.rows = [...this.#byId.values()].sort(compareRuns(this.#query.order));
    this.version += 1;
  }
}
