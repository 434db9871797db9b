import fc from "fast-check";
import { parse } from "graphql";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { backoffMs, STEADY_AFTER_MS } from "./connection";
import { follow } from "./follow";
import { type Batch, FakeServer } from "./testing";

function start(server: FakeServer, isDone = false) {
  const heard: string[] = [];
  const refusals: string[] = [];
  const stop = follow<Batch, { after: string | null }>(server.transport, {
    document: parse("subscription { x }") as never,
    after: "c0",
    variables: (after) => ({ after }),
    cursorOf: ({ cursor }) => cursor,
    onData: ({ news }) => heard.push(...news),
    onRefused: ({ message }) => refusals.push(message),
    isDone: () => isDone,
    isNews: ({ news }) => news.length > 0,
  });
  return { heard, refusals, stop };
}

describe("follow", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it("resumes from the last cursor that it saw, not from the first", () => {
    const server = new FakeServer();
    const { heard } = start(server);
    server.send("c1", "a");
    server.send("c2", "b");
    server.drop();
    expect(server.transport.connection.state).toMatchObject({ phase: "waiting", attempt: 1 });
    vi.advanceTimersByTime(1_000);
    server.send("c3", "c");
    expect(server.askedAfter).toEqual(["c0", "c2"]);
    expect(heard).toEqual(["a", "b", "c"]);
    expect(server.transport.connection.state).toEqual({ phase: "live" });
    expect(server.open).toBe(1);
  });

  it("tries again and again, and at once when the reader asks", () => {
    const server = new FakeServer();
    start(server);
    for (let attempt = 1; attempt <= 5; attempt += 1) {
      server.drop();
      expect(server.transport.connection.state).toMatchObject({ phase: "waiting", attempt });
      server.transport.connection.retryNow();
    }
    expect(server.askedAfter).toHaveLength(6);
  });

  it("resumes by cursor after an error of the server's own, and says what it was", () => {
    const server = new FakeServer();
    const { heard, refusals } = start(server);
    server.send("c1", "a");
    for (const code of ["INTERNAL", "TIMED_OUT"]) {
      server.fail(code);
      const reason = `It said ${code}`;
      expect(server.transport.connection.state).toMatchObject({ phase: "waiting", reason });
      vi.advanceTimersByTime(1_000);
    }
    server.send("c2", "b");
    expect(server.askedAfter).toEqual(["c0", "c1", "c1"]);
    expect(heard).toEqual(["a", "b"]);
    expect(refusals).toEqual([]);
    expect(server.transport.connection.state).toEqual({ phase: "live" });
    expect(server.open).toBe(1);
  });

  it("takes nothing of a batch that came with an error", () => {
    const server = new FakeServer();
    const { heard } = start(server);
    server.fail("INTERNAL", { data: { cursor: "c1", news: ["with holes"] } });
    vi.advanceTimersByTime(1_000);
    server.send("c1", "whole");
    expect(server.askedAfter).toEqual(["c0", "c0"]);
    expect(heard).toEqual(["whole"]);
  });

  it("pauses longer from try to try until the cursor moves", () => {
    const server = new FakeServer();
    start(server);
    server.transport.connection.markOpen();
    server.fail("INTERNAL");
    const attempts = [server.retry()];
    server.send("c0");
    server.drop();
    attempts.push(server.retry());
    server.transport.connection.markClosed();
    server.transport.connection.markOpen();
    server.fail("INTERNAL");
    attempts.push(server.retry());
    server.send("c1");
    server.fail("INTERNAL");
    attempts.push(server.retry());
    expect(attempts).toEqual([1, 2, 3, 1]);
  });

  it("takes a subscription that stands for a while for progress, though it tells nothing", () => {
    const server = new FakeServer();
    const { connection } = server.transport;
    start(server);
    server.fail("INTERNAL");
    server.retry();
    connection.markOpen();
    expect(connection.state).toMatchObject({ phase: "waiting", attempt: 1 });
    vi.advanceTimersByTime(STEADY_AFTER_MS - 1);
    server.drop();
    expect(server.retry()).toBe(2);
    vi.advanceTimersByTime(STEADY_AFTER_MS);
    expect(connection.state).toEqual({ phase: "live" });
    server.drop();
    expect(server.retry()).toBe(1);
  });

  it("is not live while the socket is closed, however long that takes", () => {
    const server = new FakeServer();
    const { connection } = server.transport;
    start(server);
    connection.markOpen();
    connection.markClosed();
    server.drop();
    server.retry();
    vi.advanceTimersByTime(60_000);
    expect(connection.state).toMatchObject({ phase: "waiting", attempt: 1 });
  });

  it("leaves a cursor that is none to its owner and does not repeat it", () => {
    const server = new FakeServer();
    const { refusals } = start(server);
    server.fail("INVALID_ARGUMENT");
    vi.advanceTimersByTime(60_000);
    expect(refusals).toEqual(["It said INVALID_ARGUMENT"]);
    expect(server.askedAfter).toEqual(["c0"]);
  });

  it("leaves a cursor that the server fails at every time to its owner", () => {
    const server = new FakeServer();
    const { refusals } = start(server);
    server.send("c1", "a");
    for (let failure = 1; failure <= 5; failure += 1) {
      expect(refusals).toEqual([]);
      server.fail("INTERNAL");
      vi.advanceTimersByTime(20_000);
    }
    expect(refusals).toEqual(["It said INTERNAL"]);
    expect(server.askedAfter).toEqual(["c0", "c1", "c1", "c1", "c1"]);
  });

  it("looks again for what comes late, and rests when nothing does", () => {
    const server = new FakeServer();
    const { heard } = start(server, true);
    server.finish("c1", "end");
    vi.advanceTimersByTime(500);
    server.finish("c2", "late");
    for (let look = 0; look < 20; look += 1) {
      vi.advanceTimersByTime(40_000);
      server.finish("c2");
    }
    expect(heard).toEqual(["end", "late"]);
    expect(server.askedAfter).toEqual(["c0", "c1", ...Array.from({ length: 7 }, () => "c2")]);
    expect(server.transport.connection.state).toEqual({ phase: "idle" });
  });

  it("asks nothing more once it is stopped", () => {
    const server = new FakeServer();
    const { stop, heard } = start(server);
    server.drop();
    stop();
    vi.advanceTimersByTime(60_000);
    server.send("c1", "a");
    expect(server.askedAfter).toEqual(["c0"]);
    expect(heard).toEqual([]);
    expect(server.open).toBe(0);
  });
});

describe("backoffMs", () => {
  it("grows to ten seconds and never beyond twelve", () => {
    const attempt = fc.integer({ min: 1, max: 500 });
    const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(attempt, chance, (n, at) => {
        const pauseMs = backoffMs(n, () => at);
        expect(pauseMs).toBeGreaterThanOrEqual(200);
        expect(pauseMs).toBeLessThanOrEqual(12_000);
        expect(backoffMs(n + 1, () => at)).toBeGreaterThanOrEqual(pauseMs);
      }),
    );
  });
});
