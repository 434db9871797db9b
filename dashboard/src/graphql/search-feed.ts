import type { Hit } from "@/model/hit";
import { parseInstant } from "@/model/instant";
import type { Transport } from "./client";
import { SearchDocument } from "./documents";
import { type Failure, failureOf } from "./failure";
import type { SearchQuery } from "./generated/graphql";
import { Store } from "./store";

const PAGE_SIZE = 50;

/** The steps that a text finds, page by page. An empty text finds none and asks nobody. */
export class SearchFeed extends Store {
  hits: readonly Hit[] = [];
  phase: "loading" | "ready" | "failed" = "loading";
  failure: Failure | null = null;
  isLoadingMore = false;
  hasNextPage = false;
  /** Changes that the server has stored and not made searchable yet. */
  lag = 0;
  readonly text: string;
  readonly #transport: Transport;
  #endCursor: string | null = null;
  #generation = 0;

  constructor(transport: Transport, text: string) {
    super();
    this.#transport = transport;
    this.text = text.trim();
    if (this.text === "") this.phase = "ready";
  }

  /** Search. Returns what stops it. */
  readonly open = (): (() => void) => {
    // What was found stays as it is: there is nothing to follow.
    this.#transport.connection.markIdle();
    if (this.text !== "") this.reload();
    return () => {
      this.#generation += 1;
    };
  };

  /** Search anew, from the first page. */
  readonly reload = (): void => {
    this.hits = [];
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
    const variables = { text: this.text, first: PAGE_SIZE, after: this.#endCursor };
    void this.#transport.client
      .query(SearchDocument, variables)
      .toPromise()
      .then(({ data, error }) => {
        if (generation !== this.#generation) return;
        this.isLoadingMore = false;
        this.failure = error === undefined ? null : failureOf(error);
        if (data !== undefined) this.#append(data);
        else if (this.phase === "loading") this.phase = "failed";
        this.changed();
      });
  }

  #append({ search, server }: SearchQuery): void {
    this.hits = [...this.hits, ...search.edges.map(toHit)];
    this.#endCursor = search.pageInfo.endCursor ?? null;
    this.hasNextPage = search.pageInfo.hasNextPage;
    this.lag = server.searchLag;
    this.phase = "ready";
  }
}

function toHit({ node, snippet }: SearchQuery["search"]["edges"][number]): Hit {
  return {
    id: node.id,
    spanId: node.spanId,
    runId: node.run.id,
    runName: node.run.name,
    name: node.name,
    type: node.type,
    status: node.status,
    startMs: parseInstant(node.startTime),
    model: node.model ?? null,
    snippet: snippet ?? "",
  };
}
