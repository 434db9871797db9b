import type { AnyVariables, CombinedError, TypedDocumentNode } from "@urql/core";
import type { Transport } from "./client";
import { type Failure, failureOf, isArgumentRefused, reasonOf } from "./failure";

export interface Follow<Data, Variables extends AnyVariables> {
  readonly document: TypedDocumentNode<Data, Variables>;
  /** The cursor to start from; null: from the beginning. */
  readonly after: string | null;
  readonly variables: (after: string | null) => Variables;
  readonly cursorOf: (data: Data) => string;
  readonly onData: (data: Data) => void;
  /** From this cursor it will not go on: load anew, after a pause. */
  readonly onRefused: (failure: Failure) => void;
  /** Asked when the server ends the subscription: true when all has been told. */
  readonly isDone: () => boolean;
  /** True when the data tells of more than the end itself. */
  readonly isNews: (data: Data) => boolean;
}

/** Records may arrive after the end of their run: look again after these pauses, anew when something has come. */
const LATE_PAUSES_MS = [500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000];

/** After so many failures in a row at one cursor what comes next may be what the server cannot tell: load anew. */
const MAX_FAILURES = 5;

/**
 * Follow a subscription for as long as the page wants it. After a lost connection, or an error of the server's
 * own, it resumes from the last cursor it saw, so nothing is lost and nothing comes twice. Returns what stops it.
 */
export function follow<Data, Variables extends AnyVariables>(
  transport: Transport,
  asked: Follow<Data, Variables>,
): () => void {
  const follower = new Follower(transport, asked);
  follower.open();
  return follower.stop;
}

class Follower<Data, Variables extends AnyVariables> {
  readonly #transport: Transport;
  readonly #asked: Follow<Data, Variables>;
  #cursor: string | null;
  #isStopped = false;
  #hasNews = false;
  #looks = 0;
  #failures = 0;
  #lateTimer: ReturnType<typeof setTimeout> | undefined;
  #unsubscribe = (): void => undefined;

  constructor(transport: Transport, asked: Follow<Data, Variables>) {
    this.#transport = transport;
    this.#asked = asked;
    this.#cursor = asked.after;
  }

  readonly open = (): void => {
    if (this.#isStopped) return;
    const { client, connection } = this.#transport;
    const { document, variables, isDone } = this.#asked;
    this.#hasNews = false;
    let ended = false;
    connection.markAsked();
    const source = client.subscription(document, variables(this.#cursor));
    const subscription = source.subscribe(({ data, error, hasNext }) => {
      if (this.#isStopped || ended) return;
      // What comes with an error has holes in it: it is asked for once more.
      if (data !== undefined && data !== null && error === undefined) this.#take(data);
      if (this.#isStopped) return;
      ended = error !== undefined || !hasNext;
      if (error !== undefined) this.#fail(error);
      else if (!hasNext) isDone() ? this.#finish() : this.#again(null);
    });
    this.#unsubscribe = () => subscription.unsubscribe();
    if (ended) this.#close();
  };

  readonly stop = (): void => {
    this.#isStopped = true;
    clearTimeout(this.#lateTimer);
    this.#transport.connection.cancelRetry();
    this.#close();
  };

  #close(): void {
    this.#unsubscribe();
    this.#unsubscribe = () => undefined;
  }

  #take(data: Data): void {
    const { connection } = this.#transport;
    const next = this.#asked.cursorOf(data);
    const isNews = this.#asked.isNews(data);
    const isProgress = isNews || next !== this.#cursor;
    isProgress ? connection.markProgress() : connection.markLive();
    if (isProgress) this.#failures = 0;
    this.#cursor = next;
    this.#hasNews ||= isNews;
    this.#asked.onData(data);
  }

  #fail(error: CombinedError): void {
    const failure = failureOf(error);
    if (failure.kind === "graphql" || failure.kind === "forbidden") this.#failures += 1;
    if (isArgumentRefused(error) || this.#failures >= MAX_FAILURES) this.#asked.onRefused(failure);
    else this.#again(reasonOf(failure));
  }

  #again(reason: string | null): void {
    this.#close();
    this.#transport.connection.scheduleRetry(this.open, reason);
  }

  #finish(): void {
    if (this.#hasNews) this.#looks = 0;
    const pauseMs = LATE_PAUSES_MS[this.#looks];
    this.#looks += 1;
    if (pauseMs === undefined) this.#transport.connection.markIdle();
    else this.#lateTimer = setTimeout(this.open, pauseMs);
  }
}
