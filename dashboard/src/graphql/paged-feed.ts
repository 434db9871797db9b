import type { CombinedError } from "@urql/core";
import type { Transport } from "./client";
import { type Failure, failureOf } from "./failure";
import { Store } from "./store";

export interface PageInfo {
  readonly hasNextPage: boolean;
  readonly endCursor?: string | null | undefined;
}

interface Result<Data> {
  /** Beside errors there may be no data at all: null, whatever urql's types say. */
  readonly data?: Data | null | undefined;
  readonly error?: CombinedError | undefined;
}

/**
 * A list that stands still and is read page by page, on demand. A page comes whole or not at all: what came beside an
 * error is not shown, since asking for it once more would show it twice.
 */
export abstract class PagedFeed<Data, Item> extends Store {
  items: readonly Item[] = [];
  phase: "loading" | "ready" | "failed" = "loading";
  /** Why the page that was asked for last did not come. */
  failure: Failure | null = null;
  isLoadingMore = false;
  hasNextPage = false;
  protected readonly transport: Transport;
  #endCursor: string | null = null;
  #generation = 0;

  constructor(transport: Transport) {
    super();
    this.transport = transport;
  }

  /** Ask for the page after a cursor; null: for the first. */
  protected abstract ask(after: string | null): Promise<Result<Data>>;

  /** Take what a page holds. */
  protected abstract read(data: Data): {
    readonly items: readonly Item[];
    readonly pageInfo: PageInfo;
  };

  /** Load the first page. Returns what stops it. */
  open(): () => void {
    this.reload();
    return () => {
      this.#generation += 1;
    };
  }

  /** Load anew, from the first page. */
  readonly reload = (): void => {
    this.items = [];
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
    void this.ask(this.#endCursor).then(({ data, error }) => {
      if (generation !== this.#generation) return;
      this.isLoadingMore = false;
      this.failure = error === undefined ? null : failureOf(error);
      if (data && error === undefined) this.#append(data);
      else if (this.phase === "loading") this.phase = "failed";
      this.changed();
    });
  }

  #append(data: Data): void {
    const { items, pageInfo } = this.read(data);
    this.items = [...this.items, ...items];
    this.#endCursor = pageInfo.endCursor ?? null;
    this.hasNextPage = pageInfo.hasNextPage;
    this.phase = "ready";
  }
}
