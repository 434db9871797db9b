import { describe, expect, it } from "vitest";
import { AuditFeed } from "./audit-feed";
import { SearchFeed } from "./search-feed";
import { FakeServer } from "./testing";

/** A page of the audit log as the server answers it. */
function aPage(ids: readonly string[], hasNextPage = false) {
  const edges = ids.map((id) => ({ node: { id, at: "2026-11-26T09:00:00.000000Z" } }));
  return { auditLog: { pageInfo: { hasNextPage, endCursor: ids.at(-1) }, edges } };
}

function openLog(server: FakeServer): AuditFeed {
  const feed = new AuditFeed(server.transport);
  feed.open();
  return feed;
}

const idsOf = ({ items }: AuditFeed) => items.map(({ id }) => id);

describe("PagedFeed", () => {
  it("appends the next page, and asks for one at a time", async () => {
    const server = new FakeServer();
    const feed = openLog(server);
    await server.answer(aPage(["c", "b"], true));
    feed.loadMore();
    feed.loadMore();
    expect(server.queries).toBe(1);
    await server.answer(aPage(["a"]));
    feed.loadMore();
    expect(server.queries).toBe(0);
    expect(idsOf(feed)).toEqual(["c", "b", "a"]);
  });

  it("keeps its pages when the next does not come, and takes none of one that came in part", async () => {
    const server = new FakeServer();
    const feed = openLog(server);
    await server.answer(aPage(["b"], true));
    feed.loadMore();
    await server.refuse(aPage(["a"]));
    expect(feed).toMatchObject({ phase: "ready", hasNextPage: true, isLoadingMore: false });
    expect(feed.failure?.kind).toBe("unreachable");
    expect(idsOf(feed)).toEqual(["b"]);
    feed.loadMore();
    await server.answer(aPage(["a"]));
    expect(feed.failure).toBeNull();
    expect(idsOf(feed)).toEqual(["b", "a"]);
  });

  it("has failed without its first page, with data that is null or none", async () => {
    for (const data of [null, undefined, aPage(["a"])]) {
      const server = new FakeServer();
      const feed = openLog(server);
      await server.refuse(data);
      expect(feed.phase).toBe("failed");
      expect(idsOf(feed)).toEqual([]);
      feed.reload();
      await server.answer(aPage(["a"]));
      expect(feed).toMatchObject({ phase: "ready", failure: null });
    }
  });

  it("hears no answer to what was asked before it was loaded anew, or closed", async () => {
    const server = new FakeServer();
    const feed = new AuditFeed(server.transport);
    const close = feed.open();
    feed.reload();
    await server.answer(aPage(["old"]));
    expect(idsOf(feed)).toEqual([]);
    await server.answer(aPage(["new"]));
    feed.reload();
    close();
    await server.answer(aPage(["late"]));
    expect(idsOf(feed)).toEqual([]);
  });
});

describe("SearchFeed", () => {
  it("asks nobody for an empty text", () => {
    const server = new FakeServer();
    const feed = new SearchFeed(server.transport, "  ");
    feed.open();
    expect(server.queries).toBe(0);
    expect(feed.phase).toBe("ready");
  });
});
