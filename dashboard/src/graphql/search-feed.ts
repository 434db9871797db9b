import type { Hit } from "@/model/hit";
import { parseInstant } from "@/model/instant";
import type { Transport } from "./client";
import { SearchDocument } from "./documents";
import type { SearchQuery } from "./generated/graphql";
import { PagedFeed } from "./paged-feed";

const PAGE_SIZE = 50;

/** The steps that a text finds, page by page. An empty text finds none and asks nobody. */
export class SearchFeed extends PagedFeed<SearchQuery, Hit> {
  /** Changes that the server has stored and not made searchable yet. */
  lag = 0;
  readonly text: string;

  constructor(transport: Transport, text: string) {
    super(transport);
    this.text = text.trim();
    if (this.text === "") this.phase = "ready";
  }

  override open(): () => void {
    // What was found stays as it is: there is nothing to follow.
    this.transport.connection.markIdle();
    return this.text === "" ? () => undefined : super.open();
  }

  protected ask(after: string | null) {
    const variables = { text: this.text, first: PAGE_SIZE, after };
    return this.transport.client.query(SearchDocument, variables).toPromise();
  }

  protected read({ search, server }: SearchQuery) {
    this.lag = server.searchLag;
    return { items: search.edges.map(toHit), pageInfo: search.pageInfo };
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
