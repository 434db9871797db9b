import { CombinedError } from "@urql/core";
import fc from "fast-check";
import { parse } from "graphql";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Transport } from "./client";
import { backoffMs, Connection } from "./connection";
import { follow } from "./follow";

interface Batch {
  readonly cursor: string;
  readonly news: readonly string[];
}

interface Result {
  readonly data?: Batch;
  readonly error?: CombinedError;
  readonly hasNext: boolean;
}

/** A server that says what the test says, and remembers what it was asked. */
class FakeServer {
  readonly askedAfter: (string | null)[] = [];
  open = 0;
  #tell: ((result: Result) => void) | null = null;

  readonly transport = {
    connection: new Connection(),
    client: {
      subscription: (_document: unknown, variables: { readonly after: string | null }) => ({
        subscribe: (tell: (result: Result) => void) => {
          this.askedAfter.push(variables.after);
          this.open += 1;
          this.#tell = tell;
          return {
            unsubscribe: () => {
              this.open -= 1;
            },
          };
        },
      }),
    },
  } as unknown as Transport;

  send(cursor: string, ...news: string[]): void {
    this.#tell?.({ data: { cursor, news }, hasNext: true });
  }

  /** End as urql does: the last batch once more. */
  finish(cursor: string, ...news: string[]): void {
    this.#tell?.({ data: { cursor, news }, hasNext: false });
  }

  drop(): void {
    this.#tell?.({ error: new CombinedError({ networkError: new Error("gone") }), hasNext: false });
  }

  refuse(message: string): void {
    this.#tell?.({ error: new CombinedError({ graphQLErrors: [message] }), hasNext: false });
  }
}

function start(server: FakeServer, isDone = false) {
  const heard: string[] = [];
  const refusals: string[] = [];
  const stop = follow<Batch, { after: string | null }>(server.transport, {
    document: parse("subscription { x }") as never,
    after: "c0",
    variables: (after) => ({ after }),
    cursorOf: ({ cursor }) => cursor,
    onData: ({ news }) => heard.push(...news),
    onRefused: (message) => refusals.push(message),
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

  it("leaves a refusal to its owner and does not repeat what was refused", () => {
    const server = new FakeServer();
    const { refusals } = start(server);
    server.refuse("after is not a cursor");
    vi.advanceTimersByTime(60_000);
    expect(refusals).toEqual(["after is not a cursor"]);
    expect(server.askedAfter).toEqual(["c0"]);
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
