import { RunList, type RunListQuery } from "@/model/run-list";
import type { Transport } from "./client";
import { RunChangesDocument, RunsDocument } from "./documents";
import { type Failure, failureOf, reasonOf } from "./failure";
import { follow } from "./follow";
import type { RunChangesSubscription, RunFilter } from "./generated/graphql";
import { toRun } from "./mapping";
import { toFilter } from "./run-filter";
import { Store } from "./store";

const PAGE_SIZE = 100;

type Batch = RunChangesSubscription["runChanges"];

/** The list of runs that match a query: pages on demand, changes as they come. */
export class RunListFeed extends Store {
  list: RunList;
  phase: "loading" | "ready" | "failed" = "loading";
  failure: Failure | null = null;
  isLoadingMore = false;
  /** Why the next page did not come; it is not asked for again until somebody says so. */
  pageFailure: Failure | null = null;
  totalCount = 0;
  readonly query: RunListQuery;
  /** Made once: pages and changes must be of the same list, also one that begins an hour ago. */
  readonly #filter: RunFilter;
  readonly #newsAtMs = new Map<string, number>();
  readonly #transport: Transport;
  #stopFollowing: (() => void) | null = null;
  #generation = 0;

  constructor(transport: Transport, query: RunListQuery) {
    super();
    this.#transport = transport;
    this.query = query;
    this.#filter = toFilter(query, Date.now());
    this.list = new RunList(query);
  }

  /** Load and follow. Returns what stops it. */
  readonly open = (): (() => void) => {
    this.#load();
    return () => {
      this.#generation += 1;
      this.#stopFollowing?.();
      this.#transport.connection.cancelRetry();
    };
  };

  /** When a run was last heard of here (epoch milliseconds): when it changed, or else was loaded. */
  readonly newsAtMs = (runId: string): number => this.#newsAtMs.get(runId) ?? Date.now();

  #hear(runs: readonly { readonly id: string }[]): void {
    const nowMs = Date.now();
    for (const { id } of runs) this.#newsAtMs.set(id, nowMs);
  }

  #append(page: ReturnType<typeof toPage>): void {
    this.#hear(page.runs);
    this.list.append(page);
  }

  /** Load the next page, unless one is on its way, did not come, or there is none. */
  readonly loadMore = (): void => {
    if (this.pageFailure === null) this.retryPage();
  };

  /** Load the next page, also when it did not come before. */
  readonly retryPage = (): void => {
    if (this.isLoadingMore || !this.list.hasNextPage || this.phase !== "ready") return;
    this.isLoadingMore = true;
    this.pageFailure = null;
    this.changed();
    const generation = this.#generation;
    void this.#fetchPage(this.list.endCursor).then(({ data, error }) => {
      if (generation !== this.#generation) return;
      this.isLoadingMore = false;
      this.pageFailure = error === undefined ? null : failureOf(error);
      if (error === undefined && data !== undefined) this.#append(toPage(data.runs));
      this.changed();
    });
  };

  #fetchPage(after: string | null) {
    return this.#transport.client
      .query(RunsDocument, {
        filter: this.#filter,
        orderBy: this.query.order,
        first: PAGE_SIZE,
        after,
      })
      .toPromise();
  }

  readonly #load = (): void => {
    this.#stopFollowing?.();
    this.#generation += 1;
    // The answer to a page that is on its way will not be heard.
    this.isLoadingMore = false;
    this.pageFailure = null;
    const generation = this.#generation;
    void this.#fetchPage(null).then(({ data, error }) => {
      if (generation !== this.#generation) return;
      if (error !== undefined || data === undefined) {
        this.#fail(
          error === undefined ? { kind: "refused", message: "No data came." } : failureOf(error),
        );
        return;
      }
      this.#transport.connection.markLive();
      this.list = new RunList(this.query);
      this.#append(toPage(data.runs));
      this.totalCount = data.runs.totalCount;
      this.phase = "ready";
      this.failure = null;
      this.#follow(data.runs.cursor);
      this.changed();
    });
  };

  #fail(failure: Failure): void {
    this.failure = failure;
    if (this.phase !== "ready") this.phase = "failed";
    this.#transport.connection.scheduleRetry(this.#load, reasonOf(failure));
    this.changed();
  }

  #follow(after: string): void {
    this.#stopFollowing = follow(this.#transport, {
      document: RunChangesDocument,
      after,
      variables: (cursor) => ({ filter: this.#filter, after: cursor }),
      cursorOf: ({ runChanges }) => runChanges.cursor,
      onData: ({ runChanges }) => this.#receive(runChanges),
      onRefused: (failure) => this.#fail(failure),
      isNews: ({ runChanges }) => runChanges.changes.length > 0,
      isDone: () => false,
    });
  }

  #receive(batch: Batch): void {
    if (batch.gap !== null && batch.gap !== undefined) {
      this.#load();
      return;
    }
    if (batch.changes.length === 0) return;
    for (const { kind, runId, matches } of batch.changes) {
      const isKnown = this.list.get(runId) !== undefined;
      if (isKnown && !matches) this.totalCount -= 1;
      if (!isKnown && matches && kind === "CREATED") this.totalCount += 1;
    }
    this.#hear(batch.changes.map(({ runId }) => ({ id: runId })));
    this.list.change(
      batch.changes.map(({ runId, run, matches }) => ({
        runId,
        run: run === null || run === undefined ? null : toRun(run),
        matches,
      })),
    );
    this.changed();
  }
}

function toPage(runs: {
  readonly edges: readonly { readonly node: Parameters<typeof toRun>[0] }[];
  readonly pageInfo: {
    readonly hasNextPage: boolean;
    readonly endCursor?: string | null | undefined;
  };
}) {
  return {
    runs: runs.edges.map(({ node }) => toRun(node)),
    hasNextPage: runs.pageInfo.hasNextPage,
    endCursor: runs.pageInfo.endCursor ?? null,
  };
}
