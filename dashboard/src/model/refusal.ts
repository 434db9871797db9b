/** Why one was not let in. */
export interface Refusal {
  readonly kind: /** Address and password are of no account, or the token is not taken. */
    | "wrong"
    /** Too many tries. */
    | "limited"
    /** Nobody may register, or not with this setup token. */
    | "closed"
    /** What was typed cannot be taken. */
    | "invalid"
    /** The server has no accounts. */
    | "unneeded"
    | "unreachable"
    /** The server could not answer. */
    | "fault";
  /** The server's own words; "" when it said nothing. */
  readonly message: string;
  /** So many seconds from now on the next try is looked at; null: at once. */
  readonly retryAfterS: number | null;
}

export const UNREACHABLE: Refusal = { kind: "unreachable", message: "", retryAfterS: null };

const KINDS: Readonly<Record<number, Refusal["kind"]>> = {
  400: "invalid",
  401: "wrong",
  403: "closed",
  429: "limited",
};

/** The refusal that an answer of `/api/auth/…` is: its status, its body and its `Retry-After`. */
export function readRefusal(status: number, body: string, retryAfter: string | null): Refusal {
  const { code, message } = readError(body);
  const seconds = Number(retryAfter ?? "");
  return {
    kind: code === "accounts_off" ? "unneeded" : (KINDS[status] ?? "fault"),
    message: message ?? `The server answered with HTTP status ${status}.`,
    retryAfterS: retryAfter !== null && Number.isFinite(seconds) ? Math.max(1, seconds) : null,
  };
}

/** Code and message of `{"error": {"code", "message"}}`; null for what is missing. */
export function readError(body: string): {
  readonly code: string | null;
  readonly message: string | null;
} {
  try {
    const { error } = JSON.parse(body) as { error?: { code?: unknown; message?: unknown } };
    return { code: textOf(error?.code), message: textOf(error?.message) };
  } catch {
    return { code: null, message: null };
  }
}

function textOf(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

/** The server's words as a sentence of their own: "the token is wrong" is "The token is wrong." */
export function toSentence(text: string): string {
  const trimmed = text.trim();
  const begun = `${trimmed.charAt(0).toUpperCase()}${trimmed.slice(1)}`;
  return begun === "" || /[.!?…]$/.test(begun) ? begun : `${begun}.`;
}
