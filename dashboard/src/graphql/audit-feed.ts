import { parseInstant } from "@/model/instant";
import { AuditLogDocument } from "./account-documents";
import type { AuditLogQuery } from "./generated/graphql";
import { PagedFeed } from "./paged-feed";

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
export class AuditFeed extends PagedFeed<AuditLogQuery, AuditEntry> {
  protected ask(after: string | null) {
    return this.transport.client.query(AuditLogDocument, { first: PAGE_SIZE, after }).toPromise();
  }

  protected read({ auditLog: { edges, pageInfo } }: AuditLogQuery) {
    const items = edges.map(({ node: { at, ...rest } }) => ({ ...rest, atMs: parseInstant(at) }));
    return { items, pageInfo };
  }
}
