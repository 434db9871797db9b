import { newerRun } from "./merge";
import type { Run } from "./run";
import type { RunStatus } from "./span";

export const ORDER_FIELDS = ["START_TIME", "DURATION", "COST", "TOKENS", "NAME"] as const;
export type OrderField = (typeof ORDER_FIELDS)[number];

export interface RunOrder {
  readonly field: OrderField;
  readonly direction: "ASC" | "DESC";
}

/** What the reader asked to see. */
export interface RunListQuery {
  readonly text: string;
  readonly statuses: readonly RunStatus[];
  readonly correlationId: string | null;
  readonly tag: string | null;
  readonly order: RunOrder;
}

/** True when the list may show the run: the same rule as the server's filter. */
export function matchesRun(run: Run, query: RunListQuery): boolean {
  if (query.statuses.length > 0 && !query.statuses.includes(run.status)) return false;
  if (query.correlationId !== null && run.correlationId !== query.correlationId) return false;
  if (query.tag !== null && !run.tags.includes(query.tag)) return false;
  const needle = query.text.trim().toLowerCase();
  if (needle === "") return true;
  return [run.name, run.id, run.correlationId ?? ""].some((text) =>
    text.toLowerCase().includes(needle),
  );
}

/** The order of the list; runs whose figure is unknown come last, and equal ones by id, newest first. */
export function compareRuns(order: RunOrder): (left: Run, right: Run) => number {
  const sign = order.direction === "ASC" ? 1 : -1;
  return (left, right) => {
    const a = orderKey(left, order.field);
    const b = orderKey(right, order.field);
    if (a === null || b === null) {
      if (a !== b) return a === null ? 1 : -1;
    } else if (a !== b) {
      return a < b ? -sign : sign;
    }
    return left.id === right.id ? 0 : left.id < right.id ? -sign : sign;
  };
}

function orderKey(run: Run, field: OrderField): number | string | null {
  switch (field) {
    case "START_TIME":
      return run.startMs;
    case "DURATION":
      return run.durationMs;
    case "COST":
      return run.totals.costUsd === null ? null : Number(run.totals.costUsd);
    case "TOKENS":
      return run.totals.totalTokens;
    case "NAME":
      return run.name;
  }
}

export interface RunPage {
  readonly runs: readonly Run[];
  readonly endCursor: string | null;
  readonly hasNextPage: boolean;
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

  /** Put runs that changed in their place; a run that no longer matches leaves. */
  change(runs: Iterable<Run>): void {
    const last = this.rows.at(-1);
    const compare = compareRuns(this.#query.order);
    for (const run of runs) {
      // A run that belongs below the loaded part comes with its page.
      const isBelow = this.hasNextPage && last !== undefined && compare(run, last) > 0;
      if (isBelow && !this.#byId.has(run.id)) continue;
      this.#merge(run);
      const merged = this.#byId.get(run.id);
      if (merged !== undefined && !matchesRun(merged, this.#query)) this.#byId.delete(run.id);
    }
    this.#sort();
  }

  #merge(run: Run): void {
    const before = this.#byId.get(run.id);
    this.#byId.set(run.id, before === undefined ? run : newerRun(before, run));
  }

  #sort(): void {
    this.rows = [...this.#byId.values()].sort(compareRuns(this.#query.order));
    this.version += 1;
  }
}
