/** What a login gives, as the browser keeps it. */
export interface Tokens {
  /** Goes into `Authorization: Bearer …`. */
  readonly access: string;
  /** Gets the next two, once: the second use of it ends the login. */
  readonly refresh: string;
  /** When `access` ends, by the clock here. */
  readonly expiresAtMs: number;
  /** Names the login: made where one signs in, and handed on from tokens to tokens. */
  readonly login: string;
}

/** Why nobody is signed in. */
export type OutReason =
  /** Nobody was. */
  | "asked"
  /** The login ended by itself, or was ended elsewhere. */
  | "ended"
  | "left"
  /** One signed out, and the server did not hear of it. */
  | "untold";

export type SessionState =
  /** Nobody has asked who is here: a server without accounts, or one that has not answered yet. */
  | { readonly phase: "open" }
  | { readonly phase: "in"; readonly tokens: Tokens }
  | { readonly phase: "out"; readonly reason: OutReason };

export type SessionEvent =
  /** What the browser keeps: at the start, and when another tab has changed it. */
  | { readonly kind: "found"; readonly tokens: Tokens | null }
  /** The server wants to know who is here, and there is nothing to tell. */
  | { readonly kind: "asked" }
  | { readonly kind: "issued"; readonly tokens: Tokens }
  /** The server takes no token of this login any more. */
  | { readonly kind: "ended" }
  | { readonly kind: "left"; readonly isTold: boolean }
  /** The server says that it has no accounts. */
  | { readonly kind: "unneeded" };

/** A token that ends this soon is exchanged before it is used. */
const SOON_MS = 30_000;

/** What an event makes of the state; the same object when nothing has changed. */
export function step(state: SessionState, event: SessionEvent): SessionState {
  switch (event.kind) {
    case "found":
      if (event.tokens !== null) return enter(state, event.tokens);
      return state.phase === "in" ? { phase: "out", reason: "left" } : state;
    case "issued":
      return enter(state, event.tokens);
    case "asked":
      if (state.phase === "out") return state;
      return { phase: "out", reason: state.phase === "in" ? "ended" : "asked" };
    case "ended":
      return state.phase === "out" ? state : { phase: "out", reason: "ended" };
    case "left":
      return { phase: "out", reason: event.isTold ? "left" : "untold" };
    case "unneeded":
      return { phase: "open" };
  }
}

function enter(state: SessionState, tokens: Tokens): SessionState {
  const isSame = state.phase === "in" && state.tokens.access === tokens.access;
  return isSame ? state : { phase: "in", tokens };
}

/** What a page is drawn for: another login is another reader, another token of the same is not. */
export function loginOf(state: SessionState): string {
  return state.phase === "in" ? state.tokens.login : state.phase;
}

/** True when the access token has ended, or is about to. */
export function isEnding({ expiresAtMs }: Tokens, nowMs: number): boolean {
  return expiresAtMs - nowMs < SOON_MS;
}

/** Read what `writeTokens` wrote; null for anything else, also of another release. */
export function readTokens(text: string | null): Tokens | null {
  if (text === null) return null;
  try {
    const { access, refresh, expiresAtMs, login } = JSON.parse(text) as Record<string, unknown>;
    const isWhole =
      typeof access === "string" &&
      typeof refresh === "string" &&
      typeof login === "string" &&
      typeof expiresAtMs === "number";
    return isWhole ? { access, refresh, expiresAtMs, login } : null;
  } catch {
    return null;
  }
}

export function writeTokens({ access, refresh, expiresAtMs, login }: Tokens): string {
  return JSON.stringify({ access, refresh, expiresAtMs, login });
}
