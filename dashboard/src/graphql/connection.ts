/** How the page stands to the server, for the mark that the reader sees. */
export type ConnectionState =
  | { readonly phase: "connecting" }
  | { readonly phase: "live" }
  /** Nothing is followed: what is shown has ended. */
  | { readonly phase: "idle" }
  | {
      readonly phase: "waiting";
      readonly attempt: number;
      readonly retryAtMs: number;
      /** What the server said; null when it did not answer. */
      readonly reason: string | null;
    };

const FIRST_DELAY_MS = 250;
const MAX_DELAY_MS = 10_000;
/** A subscription that nobody speaks against for so long stands, although it has told nothing yet. */
export const STEADY_AFTER_MS = 2_000;

/** The pause before the n-th try (from 1): doubled each time up to ten seconds, with a fifth of chance in it. */
export function backoffMs(attempt: number, random: () => number): number {
  const base = Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** (attempt - 1));
  return base * (0.8 + 0.4 * random());
}

/**
 * One state for the whole page, and the timer of the next try. An answer alone shows it as live; only progress
 * makes the pauses short again, or a server that takes every try and fails it at once would be asked for ever.
 */
export class Connection {
  #state: ConnectionState = { phase: "connecting" };
  readonly #listeners = new Set<() => void>();
  #attempt = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #retry: (() => void) | undefined;
  #isOpen = false;
  #isAsked = false;
  #steadyTimer: ReturnType<typeof setTimeout> | undefined;

  get state(): ConnectionState {
    return this.#state;
  }

  readonly getState = (): ConnectionState => this.#state;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** The socket is open. */
  readonly markOpen = (): void => {
    this.#isOpen = true;
    if (this.#attempt === 0) this.markLive();
    this.#awaitSteady();
  };

  /** The socket is closed. */
  readonly markClosed = (): void => {
    this.#isOpen = false;
    clearTimeout(this.#steadyTimer);
  };

  /** A subscription was asked for: once the socket is open, it stands unless it fails soon. */
  markAsked(): void {
    this.#isAsked = true;
    this.#awaitSteady();
  }

  /** The server answered. */
  readonly markLive = (): void => {
    if (this.#state.phase !== "live") this.#set({ phase: "live" });
  };

  /** What is followed goes on: the next pause is a short one again. */
  readonly markProgress = (): void => {
    this.#attempt = 0;
    this.markLive();
  };

  /** Nothing more is expected of the server. */
  readonly markIdle = (): void => {
    this.#attempt = 0;
    this.#forgetAsked();
    this.#set({ phase: "idle" });
  };

  /**
   * Run `retry` after the next pause, or at once when the reader asks; a later call takes its place. The reason
   * is what the server said, null when it did not answer.
   */
  scheduleRetry(retry: () => void, reason: string | null): void {
    clearTimeout(this.#timer);
    this.#forgetAsked();
    this.#attempt += 1;
    const delayMs = backoffMs(this.#attempt, Math.random);
    this.#retry = retry;
    this.#timer = setTimeout(this.retryNow, delayMs);
    const retryAtMs = Date.now() + delayMs;
    this.#set({ phase: "waiting", attempt: this.#attempt, retryAtMs, reason });
  }

  readonly retryNow = (): void => {
    clearTimeout(this.#timer);
    const retry = this.#retry;
    this.#retry = undefined;
    retry?.();
  };

  /** Forget a pending try, as its page has gone. */
  cancelRetry(): void {
    clearTimeout(this.#timer);
    this.#forgetAsked();
    this.#retry = undefined;
  }

  #awaitSteady(): void {
    clearTimeout(this.#steadyTimer);
    if (!this.#isOpen || !this.#isAsked) return;
    this.#steadyTimer = setTimeout(this.markProgress, STEADY_AFTER_MS);
  }

  #forgetAsked(): void {
    this.#isAsked = false;
    clearTimeout(this.#steadyTimer);
  }

  #set(state: ConnectionState): void {
    this.#state = state;
    for (const listener of this.#listeners) listener();
  }
}
