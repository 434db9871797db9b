import { parseInstant } from "@/model/instant";
import { AuditLogDocument } from "./account-documents";
import type { Transport } from "./client";
import { type Failure, failureOf } from "./failure";
import type { AuditLogQuery } from "./generated/graphql";
import { Store } from "./store";

const PAGE_SIZE = 50;

export interface AuditEntry {
  readonly id: string;
  readonly atMs: number;
  readonly actorKind: "USER" | "KEY" | "LOCAL" | "SERVER";
  readonly actorName: string;
  readonly action: string;
  readonly target: string;
  readonly address: string;
  readonly requestId: string;
}

/** What was done, the latest first, page by page. */
export class AuditFeed extends Store {
  entries: readonly AuditEntry[] = [];
  phase: "loading" | "ready" | "failed" = "loading";
  failure: Failure | null = null;
  isLoadingMore = false;
  hasNextPage = false;
  readonly #transport: Transport;
  #endCursor: string | null = null;
  #generation = 0;

  constructor(transport: Transport) {
    super();
    this.#transport = transport;
  }

  /** Load the first page. Returns what stops it. */
  readonly open = (): (() => void) => {
    this.reload();
    return () => {
      this.#generation += 1;
    };
  };

  /** Load anew, from the latest. */
  readonly reload = (): void => {
    this.entries = [];
    this.#endCursor = null;
    this.phase = "loading";
    this.#fetch();
  };

  /** Load the next page, unless one is on its way or there is none. */
  readonly loadMore = (): void => {
    if (this.isLoadingMore || !this.hasNextPage || this.phase !== "ready") return;
    this.#fetch();
  };

  #fetch(): void {
    this.#generation += 1;
    const generation = this.#generation;
    this.isLoadingMore = this.phase === "ready";
    this.changed();
    void this.#transport.client
      .query(AuditLogDocument, { first: PAGE_SIZE, after: this.#endCursor })
      .toPromise()
      .then(({ data, error }) => {
        if (generation !== this.#generation) return;
        this.isLoadingMore = false;
        this.failure = error === undefined ? null : failureOf(error);
        if (data !== undefined && error === undefined) this.#append(data);
        else if (this.phase === "loading") this.phase = "failed";
        this.changed();
      });
  }

  #append({ auditLog }: AuditLogQuery): void {
    this.entries = [
      ...this.entries,
      ...auditLog.edges.map(({ node: { at, ...rest } }) => ({ ...rest, atMs: parseInstant(at) })),
    ];
    this.#endCursor = auditLog.pageInfo.endCursor ?? null;
    this.hasNextPage = auditLog.pageInfo.hasNextPage;
    this.phase = "ready";
  }
}
