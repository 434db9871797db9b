/** How the page stands to the server, for the mark that the reader sees. */
export type ConnectionState =
  | { readonly phase: "connecting" }
  | { readonly phase: "live" }
  /** Nothing is followed: what is shown has ended. */
  | { readonly phase: "idle" }
  | { readonly phase: "waiting"; readonly attempt: number; readonly retryAtMs: number };

const FIRST_DELAY_MS = 250;
const MAX_DELAY_MS = 10_000;

/** The pause before the n-th try (from 1): doubled each time up to ten seconds, with a fifth of chance in it. */
export function backoffMs(attempt: number, random: () => number): number {
  const base = Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** (attempt - 1));
  return base * (0.8 + 0.4 * random());
}

/** One state for the whole page, and the timer of the next try. */
export class Connection {
  #state: ConnectionState = { phase: "connecting" };
  readonly #listeners = new Set<() => void>();
  #attempt = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #retry: (() => void) | undefined;

  get state(): ConnectionState {
    return this.#state;
  }

  readonly getState = (): ConnectionState => this.#state;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** The server answered. */
  readonly markLive = (): void => {
    this.#attempt = 0;
    if (this.#state.phase !== "live") this.#set({ phase: "live" });
  };

  /** Nothing more is expected of the server. */
  readonly markIdle = (): void => {
    this.#attempt = 0;
    this.#set({ phase: "idle" });
  };

  /** Run `retry` after the next pause, or at once when the reader asks; a later call takes its place. */
  scheduleRetry(retry: () => void): void {
    clearTimeout(this.#timer);
    this.#attempt += 1;
    const delayMs = backoffMs(this.#attempt, Math.random);
    this.#retry = retry;
    this.#timer = setTimeout(this.retryNow, delayMs);
    this.#set({ phase: "waiting", attempt: this.#attempt, retryAtMs: Date.now() + delayMs });
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
    this.#retry = undefined;
  }

  #set(state: ConnectionState): void {
    this.#state = state;
    for (const listener of this.#listeners) listener();
  }
}
