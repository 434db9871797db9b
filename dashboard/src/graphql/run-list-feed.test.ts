import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { NO_RUN_FILTER } from "@/model/run-filter";
import { RunListFeed } from "./run-list-feed";
import { FakeServer } from "./testing";

/** A page of the list as the server answers it. */
function aPage(cursor: string, ids: readonly string[], hasNextPage = false) {
  const totals = { spans: 0, llmCalls: 0, toolCalls: 0, errors: 0, tokensEstimated: false };
  const node = (id: string) => ({
    id,
    name: id,
    status: "STARTED",
    tags: [],
    startTime: "2026-11-26T09:00:00.000000Z",
    dropped: [],
    totals,
  });
  return {
    runs: {
      cursor,
      totalCount: ids.length,
      pageInfo: { hasNextPage, endCursor: ids.at(-1) },
      edges: ids.map((id) => ({ node: node(id) })),
    },
  };
}

function open(server: FakeServer): RunListFeed {
  const feed = new RunListFeed(server.transport, {
    ...NO_RUN_FILTER,
    order: { field: "START_TIME", direction: "DESC" },
  });
  feed.open();
  return feed;
}

describe("RunListFeed", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it("keeps its rows and resumes by cursor after an error of the server's own", async () => {
    const server = new FakeServer();
    const feed = open(server);
    await server.answer(aPage("c0", ["a"]));
    server.fail("INTERNAL");
    vi.advanceTimersByTime(1_000);
    expect(server.askedAfter).toEqual(["c0", "c0"]);
    expect(server.queries).toBe(0);
    expect(feed.list.rows.map(({ id }) => id)).toEqual(["a"]);
  });

  it("loads anew when its cursor is refused, with pauses that grow although each load succeeds", async () => {
    const server = new FakeServer();
    open(server);
    const attempts: number[] = [];
    for (const cursor of ["c0", "c1", "c2"]) {
      expect(server.queries).toBe(1);
      await server.answer(aPage(cursor, ["a"]));
      server.fail("INVALID_ARGUMENT");
      attempts.push(server.retry());
    }
    expect(attempts).toEqual([1, 2, 3]);
    expect(server.askedAfter).toEqual(["c0", "c1", "c2"]);
  });

  it("can load more after it was loaded anew while the next page was on its way", async () => {
    const server = new FakeServer();
    const feed = open(server);
    await server.answer(aPage("c0", ["b"], true));
    feed.loadMore();
    server.fail("INVALID_ARGUMENT");
    server.retry();
    await server.answer(aPage("c0", ["late"]));
    await server.answer(aPage("c1", ["b"], true));
    feed.loadMore();
    await server.answer(aPage("c1", ["a"]));
    expect(feed.list.rows.map(({ id }) => id)).toEqual(["b", "a"]);
  });

  it("says why the next page did not come, and asks again only when it is told to", async () => {
    const server = new FakeServer();
    const feed = open(server);
    await server.answer(aPage("c0", ["b"], true));
    feed.loadMore();
    await server.refuse();
    expect(feed.pageFailure).not.toBeNull();
    feed.loadMore();
    expect(server.queries).toBe(0);
    feed.retryPage();
    await server.answer(aPage("c0", ["a"]));
    expect(feed.pageFailure).toBeNull();
    expect(feed.list.rows.map(({ id }) => id)).toEqual(["b", "a"]);
  });
});
