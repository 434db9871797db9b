import { type Openness, readOpenness } from "@/model/openness";
import { type Refusal, readRefusal, UNREACHABLE } from "@/model/refusal";

/** Shorter than a claim of `turn.ts`: a server that does not answer holds up no other tab. */
const ANSWER_WITHIN_MS = 10_000;

/** What a login gives. */
export interface Grant {
  readonly access: string;
  readonly refresh: string;
  readonly expiresInS: number;
}

export type Answered<Value> =
  | { readonly value: Value; readonly refusal: null }
  | { readonly value: null; readonly refusal: Refusal };

export interface Credentials {
  readonly email: string;
  readonly password: string;
}

/** `POST /api/auth/…`: docs/accounts.md has what each takes and gives. */
export interface Doors {
  /** Who may register now; null when the server does not say. */
  readonly readOpenness: () => Promise<Openness | null>;
  readonly register: (given: Credentials, setupToken: string | null) => Promise<Refusal | null>;
  readonly signIn: (given: Credentials) => Promise<Answered<Grant>>;
  readonly refresh: (refresh: string) => Promise<Answered<Grant>>;
  readonly signOut: (access: string) => Promise<Refusal | null>;
}

export function makeDoors(origin: string): Doors {
  const ask = async (name: string, init: RequestInit): Promise<Answered<string>> => {
    try {
      const signal = AbortSignal.timeout(ANSWER_WITHIN_MS);
      const answer = await fetch(`${origin}/api/auth/${name}`, { ...init, signal });
      const text = await answer.text();
      if (answer.ok) return { value: text, refusal: null };
      const refusal = readRefusal(answer.status, text, answer.headers.get("retry-after"));
      return { value: null, refusal };
    } catch {
      return { value: null, refusal: UNREACHABLE };
    }
  };
  const post = (name: string, body: unknown, headers: Readonly<Record<string, string>> = {}) =>
    ask(name, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
    });
  return {
    readOpenness: async () => {
      const { value } = await ask("register", { method: "GET" });
      return value === null ? null : readOpenness(value);
    },
    register: async ({ email, password }, setupToken) => {
      const token = setupToken === null ? {} : { setup_token: setupToken };
      return (await post("register", { email, password, ...token })).refusal;
    },
    signIn: async ({ email, password }) => toGrant(await post("token", { email, password })),
    refresh: async (refresh) => toGrant(await post("refresh", { refresh_token: refresh })),
    signOut: async (access) =>
      (await post("logout", {}, { authorization: `Bearer ${access}` })).refusal,
  };
}

function toGrant(answer: Answered<string>): Answered<Grant> {
  if (answer.refusal !== null) return answer;
  try {
    const body = JSON.parse(answer.value) as Record<string, unknown>;
    const { access_token: access, refresh_token: refresh, expires_in: expiresInS } = body;
    if (typeof access === "string" && typeof refresh === "string" && typeof expiresInS === "number")
      return { value: { access, refresh, expiresInS }, refusal: null };
  } catch {
    // Below: it is no more use than one without tokens.
  }
  const message = "The server's answer has no tokens: it is of another version.";
  return { value: null, refusal: { kind: "fault", message, retryAfterS: null } };
}
