import type { Openness } from "@/model/openness";
import { type Refusal, readError } from "@/model/refusal";
import { isEnding, type SessionEvent, type SessionState, step, type Tokens } from "@/model/session";
import { type Credentials, type Doors, type Grant, makeDoors } from "./doors";
import { makeShelf, type Shelf } from "./shelf";
import { type TakeTurn, takeTurn } from "./turn";

interface Parts {
  readonly doors: Doors;
  readonly shelf: Shelf;
  readonly takeTurn: TakeTurn;
  readonly nowMs: () => number;
}

/**
 * Who this browser is signed in as, for every request and every tab. On a server without accounts nobody ever
 * asks, and nothing is sent.
 */
export class Session {
  #state: SessionState = { phase: "open" };
  readonly #parts: Parts;
  readonly #listeners = new Set<() => void>();
  #renewal: Promise<Tokens | null> | null = null;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#apply({ kind: "found", tokens: parts.shelf.read() });
    parts.shelf.watch((tokens) => this.#apply({ kind: "found", tokens }));
  }

  readonly getState = (): SessionState => this.#state;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Who may register now; null when the server does not say. */
  readonly readOpenness = (): Promise<Openness | null> => this.#parts.doors.readOpenness();

  /** Register, and sign in as who one has become. Resolves with why that failed; null: it did not. */
  readonly register = async (
    given: Credentials,
    setupToken: string | null,
  ): Promise<Refusal | null> => {
    const refusal = await this.#parts.doors.register(given, setupToken);
    return refusal === null ? this.signIn(given) : this.#note(refusal);
  };

  /** Resolves with why that failed; null: it did not. */
  readonly signIn = async (given: Credentials): Promise<Refusal | null> => {
    const { value, refusal } = await this.#parts.doors.signIn(given);
    if (refusal !== null) return this.#note(refusal);
    const login = `${this.#parts.nowMs()}-${Math.random().toString(36).slice(2)}`;
    await this.#parts.takeTurn(async () => this.#keep(value, login));
    return null;
  };

  /** Sign out, in all tabs. The tokens are gone here also when the server cannot be told. */
  readonly signOut = async (): Promise<void> => {
    const isTold = await this.#tellEnd();
    this.#parts.shelf.write(null);
    this.#apply({ kind: "left", isTold });
  };

  async #tellEnd(): Promise<boolean> {
    try {
      const tokens = await this.authorize();
      const refusal = tokens === null ? null : await this.#parts.doors.signOut(tokens.access);
      return refusal === null || refusal.kind === "wrong"; // what has ended already needs no end
    } catch (error) {
      if (error instanceof RenewalError) return false;
      throw error;
    }
  }

  /**
   * `fetch`, as who one is. After a 401 for want of a good token it asks once more with a new one; when there is
   * none to be had, the session is out.
   */
  readonly fetch = async (input: RequestInfo | URL, init: RequestInit = {}): Promise<Response> => {
    const tokens = await this.authorize();
    const answer = await send(input, init, tokens);
    if (!(await isUnknown(answer))) return answer;
    const renewed = await this.#renew(tokens);
    if (renewed === null) return answer;
    const second = await send(input, init, renewed);
    if (await isUnknown(second)) this.#end(renewed);
    return second;
  };

  /**
   * The tokens to use now, new ones when those of before are about to end; null: none are needed, or one has to
   * sign in first. Rejects with a `RenewalError` when the server does not answer.
   */
  readonly authorize = async (): Promise<Tokens | null> => {
    if (this.#renewal !== null) return this.#renewal;
    if (this.#state.phase !== "in") return null;
    const { tokens } = this.#state;
    return isEnding(tokens, this.#parts.nowMs()) ? this.#renew(tokens) : tokens;
  };

  /** What was followed with these tokens is closed for want of a good one: have new ones, or be out. */
  readonly doubt = async (refused: Tokens): Promise<void> => {
    try {
      await this.#renew(refused);
    } catch (error) {
      // The server does not answer: whatever is asked next tells so.
      if (!(error instanceof RenewalError)) throw error;
    }
  };

  /** New tokens in the place of those that were refused; one exchange at a time, over all requests and tabs. */
  #renew(refused: Tokens | null): Promise<Tokens | null> {
    this.#renewal ??= this.#parts
      .takeTurn(() => this.#exchange(refused))
      .finally(() => {
        this.#renewal = null;
      });
    return this.#renewal;
  }

  async #exchange(refused: Tokens | null): Promise<Tokens | null> {
    const kept = this.#parts.shelf.read();
    if (kept === null) {
      this.#apply({ kind: "asked" });
      return null;
    }
    if (kept.access !== refused?.access) {
      this.#apply({ kind: "found", tokens: kept }); // another tab, or another request, was first
      return kept;
    }
    const { value, refusal } = await this.#parts.doors.refresh(kept.refresh);
    if (refusal === null) return this.#keep(value, kept.login);
    if (refusal.kind !== "wrong" && refusal.kind !== "invalid") throw new RenewalError(refusal);
    this.#end(kept);
    return null;
  }

  #keep({ access, refresh, expiresInS }: Grant, login: string): Tokens {
    const expiresAtMs = this.#parts.nowMs() + expiresInS * 1000;
    const tokens = { access, refresh, expiresAtMs, login };
    this.#parts.shelf.write(tokens);
    this.#apply({ kind: "issued", tokens });
    return tokens;
  }

  #end(refused: Tokens): void {
    if (this.#parts.shelf.read()?.access === refused.access) this.#parts.shelf.write(null);
    this.#apply({ kind: "ended" });
  }

  #note(refusal: Refusal): Refusal {
    if (refusal.kind === "unneeded") this.#apply({ kind: "unneeded" });
    return refusal;
  }

  #apply(event: SessionEvent): void {
    const next = step(this.#state, event);
    if (next === this.#state) return;
    this.#state = next;
    for (const listener of this.#listeners) listener();
  }
}

/** New tokens could not be had; the old ones may still be good for them later. */
export class RenewalError extends Error {
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super(refusal.message || "The server does not answer.");
    this.refusal = refusal;
  }
}

/** The session of this browser with the server that the page came from. */
export function createSession(origin: string): Session {
  return new Session({
    doors: makeDoors(origin),
    shelf: makeShelf(),
    takeTurn,
    nowMs: Date.now,
  });
}

function send(
  input: RequestInfo | URL,
  init: RequestInit,
  tokens: Tokens | null,
): Promise<Response> {
  const headers = new Headers(init.headers);
  if (tokens !== null) headers.set("authorization", `Bearer ${tokens.access}`);
  return fetch(input, { ...init, headers });
}

/** True for a 401 that asks who is here; a local token's, or another user's, is not for a login. */
async function isUnknown(answer: Response): Promise<boolean> {
  if (answer.status !== 401) return false;
  return readError(await answer.clone().text()).code === "unauthenticated";
}
