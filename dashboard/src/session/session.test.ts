import { describe, expect, it, vi } from "vitest";
import { type Refusal, UNREACHABLE } from "@/model/refusal";
import type { Tokens } from "@/model/session";
import type { Doors, Grant } from "./doors";
import { RenewalError, Session } from "./session";
import type { Shelf } from "./shelf";
import type { TakeTurn } from "./turn";

const NOW_MS = 1_000_000;
const WRONG: Refusal = { kind: "wrong", message: "no longer", retryAfterS: null };
const GIVEN = { email: "a@example.org", password: "seven green boats at dawn" };

/** A server that knows which tokens are good, and whose refresh tokens work once. */
class FakeServer implements Doors {
  readonly good = new Set<string>();
  readonly exchanged: string[] = [];
  isAway = false;
  #refresh = new Set<string>();
  #count = 0;

  issue(): Grant {
    this.#count += 1;
    const grant = { access: `a${this.#count}`, refresh: `r${this.#count}`, expiresInS: 3_600 };
    this.good.add(grant.access);
    this.#refresh.add(grant.refresh);
    return grant;
  }

  /** As when the password was changed elsewhere. */
  endAll(): void {
    this.good.clear();
    this.#refresh.clear();
  }

  readonly readOpenness = async () => null;
  readonly register = async () => null;
  readonly signIn = async () => ({ value: this.issue(), refusal: null });

  readonly refresh = async (refresh: string) => {
    await Promise.resolve();
    if (this.isAway) return { value: null, refusal: UNREACHABLE };
    this.exchanged.push(refresh);
    if (this.#refresh.delete(refresh)) return { value: this.issue(), refusal: null };
    this.endAll(); // reuse ends the login
    return { value: null, refusal: WRONG };
  };

  readonly signOut = async (access: string) => {
    if (this.isAway) return UNREACHABLE;
    const isKnown = this.good.delete(access);
    this.endAll();
    return isKnown ? null : WRONG;
  };

  /** What the browser's `fetch` meets. */
  readonly answer = async (_: unknown, init: RequestInit = {}): Promise<Response> => {
    const given = new Headers(init.headers).get("authorization")?.replace("Bearer ", "") ?? "";
    if (this.good.has(given)) return new Response("{}");
    return new Response('{"error":{"code":"unauthenticated","message":"log in"}}', { status: 401 });
  };
}

/** What the tabs of a browser share. */
class FakeBrowser {
  tokens: Tokens | null = null;
  readonly #tabs = new Set<(tokens: Tokens | null) => void>();
  #last: Promise<unknown> = Promise.resolve();

  makeShelf(): Shelf {
    let own: ((tokens: Tokens | null) => void) | null = null;
    return {
      read: () => this.tokens,
      write: (tokens) => {
        this.tokens = tokens;
        for (const tell of this.#tabs) if (tell !== own) tell(tokens);
      },
      watch: (listener) => {
        own = listener;
        this.#tabs.add(listener);
        return () => this.#tabs.delete(listener);
      },
    };
  }

  readonly takeTurn: TakeTurn = (work) => {
    const turn = this.#last.then(work);
    this.#last = turn.catch(() => undefined);
    return turn;
  };

  open(server: FakeServer): Session {
    vi.stubGlobal("fetch", server.answer);
    const { takeTurn } = this;
    return new Session({ doors: server, shelf: this.makeShelf(), takeTurn, nowMs: () => NOW_MS });
  }

  /** As after a login of earlier. */
  keep({ access, refresh }: Grant, expiresAtMs = NOW_MS + 3_600_000): void {
    this.tokens = { access, refresh, expiresAtMs, login: "earlier" };
  }
}

function aBrowser() {
  const server = new FakeServer();
  const browser = new FakeBrowser();
  browser.keep(server.issue());
  return { server, browser };
}

describe("Session", () => {
  it("sends nothing and asks nobody where no login was kept", async () => {
    const sent = vi.fn(async () => new Response("{}"));
    const server = new FakeServer();
    const session = new FakeBrowser().open(server);
    vi.stubGlobal("fetch", sent);
    await session.fetch("/graphql", { headers: { accept: "application/json" } });
    const [, init] = sent.mock.lastCall as unknown as [string, RequestInit];
    expect(Object.fromEntries(new Headers(init.headers))).toEqual({ accept: "application/json" });
    expect(session.getState()).toEqual({ phase: "open" });
    expect(server.exchanged).toEqual([]);
  });

  it("is out when the server asks who is there, but not when a local token is missing", async () => {
    const server = new FakeServer();
    const session = new FakeBrowser().open(server);
    vi.stubGlobal(
      "fetch",
      async () => new Response('{"error":{"code":"no_token"}}', { status: 401 }),
    );
    expect((await session.fetch("/graphql")).status).toBe(401);
    expect(session.getState().phase).toBe("open");
    vi.stubGlobal("fetch", server.answer);
    expect((await session.fetch("/graphql")).status).toBe(401);
    expect(session.getState()).toEqual({ phase: "out", reason: "asked" });
  });

  it("renews once for all requests that are refused at once, in all tabs", async () => {
    const { server, browser } = aBrowser();
    const tabs = [browser.open(server), browser.open(server)];
    server.good.clear();
    const asked = tabs.flatMap((tab) => [1, 2, 3].map(() => tab.fetch("/graphql")));
    const statuses = (await Promise.all(asked)).map(({ status }) => status);
    expect(statuses).toEqual([200, 200, 200, 200, 200, 200]);
    expect(server.exchanged).toEqual(["r1"]);
    for (const tab of tabs) expect(await tab.authorize()).toEqual(browser.tokens);
  });

  it("renews before it asks when the token is about to end", async () => {
    const { server, browser } = aBrowser();
    browser.keep({ access: "a1", refresh: "r1", expiresInS: 0 }, NOW_MS + 1_000);
    const session = browser.open(server);
    server.good.delete("a1");
    expect((await session.fetch("/graphql")).status).toBe(200);
    expect(server.exchanged).toEqual(["r1"]);
  });

  it("is out in all tabs when the login has ended, and in again in all with the next one", async () => {
    const { server, browser } = aBrowser();
    const [first, second] = [browser.open(server), browser.open(server)];
    server.endAll();
    expect((await first.fetch("/graphql")).status).toBe(401);
    expect(first.getState()).toEqual({ phase: "out", reason: "ended" });
    expect(second.getState().phase).toBe("out");
    expect(browser.tokens).toBeNull();
    expect(await second.signIn(GIVEN)).toBeNull();
    expect(first.getState()).toEqual(second.getState());
    expect(first.getState().phase).toBe("in");
  });

  it("is out after one new token that is refused too, and tries no other", async () => {
    const { server, browser } = aBrowser();
    const session = browser.open(server);
    vi.stubGlobal("fetch", (input: unknown) => server.answer(input));
    expect((await session.fetch("/graphql")).status).toBe(401);
    expect(server.exchanged).toEqual(["r1"]);
    expect(session.getState()).toEqual({ phase: "out", reason: "ended" });
  });

  it("keeps its tokens while the server does not answer", async () => {
    const { server, browser } = aBrowser();
    const session = browser.open(server);
    server.good.clear();
    server.isAway = true;
    await expect(session.fetch("/graphql")).rejects.toBeInstanceOf(RenewalError);
    expect(session.getState().phase).toBe("in");
    server.isAway = false;
    expect((await session.fetch("/graphql")).status).toBe(200);
  });

  it("makes what is asked wait for an exchange that is on its way", async () => {
    const { server, browser } = aBrowser();
    const session = browser.open(server);
    const refused = browser.tokens;
    if (refused === null) throw new Error("There are no tokens.");
    const doubted = session.doubt(refused);
    expect((await session.authorize())?.access).toBe("a2");
    await doubted;
    await session.doubt(refused); // a second socket, closed for the same token
    expect(server.exchanged).toEqual(["r1"]);
  });

  it("signs out here also when the server cannot be told, and says so", async () => {
    const { server, browser } = aBrowser();
    const session = browser.open(server);
    server.isAway = true;
    await session.signOut();
    expect(session.getState()).toEqual({ phase: "out", reason: "untold" });
    expect(browser.tokens).toBeNull();
  });

  it("ends the login on the server when one signs out", async () => {
    const { server, browser } = aBrowser();
    const session = browser.open(server);
    await session.signOut();
    expect(session.getState()).toEqual({ phase: "out", reason: "left" });
    expect(server.good.size).toBe(0);
  });
});
