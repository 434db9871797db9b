import type { AnyVariables, TypedDocumentNode } from "@urql/core";
import type { Transport } from "./client";

export interface Follow<Data, Variables extends AnyVariables> {
  readonly document: TypedDocumentNode<Data, Variables>;
  /** The cursor to start from; null: from the beginning. */
  readonly after: string | null;
  readonly variables: (after: string | null) => Variables;
  readonly cursorOf: (data: Data) => string;
  readonly onData: (data: Data) => void;
  /** The server refused the subscription itself (say, its store is another one now): load anew. */
  readonly onRefused: (message: string) => void;
  /** Asked when the server ends the subscription: true when all has been told. */
  readonly isDone: () => boolean;
  /** True when the data tells of more than the end itself. */
  readonly isNews: (data: Data) => boolean;
}

/** Records may arrive after the end of their run: look again after these pauses, anew when something has come. */
const LATE_PAUSES_MS = [500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000];

/**
 * Follow a subscription for as long as the page wants it. After a lost connection it resumes from the last
 * cursor it saw, so nothing is lost and nothing comes twice. Returns what stops it.
 */
export function follow<Data, Variables extends AnyVariables>(
  { client, connection }: Transport,
  {
    document,
    after,
    variables,
    cursorOf,
    onData,
    onRefused,
    isDone,
    isNews,
  }: Follow<Data, Variables>,
): () => void {
  let cursor = after;
  let stopped = false;
  let hasNews = false;
  let looks = 0;
  let lateTimer: ReturnType<typeof setTimeout> | undefined;
  let unsubscribe = (): void => undefined;

  const close = (): void => {
    unsubscribe();
    unsubscribe = () => undefined;
  };

  const again = (): void => {
    close();
    if (!stopped) connection.scheduleRetry(open);
  };

  const finish = (): void => {
    if (hasNews) looks = 0;
    const pauseMs = LATE_PAUSES_MS[looks];
    looks += 1;
    if (pauseMs === undefined) connection.markIdle();
    else lateTimer = setTimeout(open, pauseMs);
  };

  const open = (): void => {
    if (stopped) return;
    hasNews = false;
    let ended = false;
    const subscription = client.subscription(document, variables(cursor)).subscribe((result) => {
      if (stopped || ended) return;
      if (result.data !== undefined && result.data !== null) {
        connection.markLive();
        cursor = cursorOf(result.data);
        hasNews ||= isNews(result.data);
        onData(result.data);
        if (stopped) return;
      }
      const refusal = result.error?.graphQLErrors[0];
      ended = result.error !== undefined || !result.hasNext;
      if (refusal !== undefined) onRefused(refusal.message);
      else if (result.error !== undefined) again();
      else if (!result.hasNext) isDone() ? finish() : again();
    });
    unsubscribe = () => subscription.unsubscribe();
    if (ended) close();
  };

  open();
  return () => {
    stopped = true;
    clearTimeout(lateTimer);
    connection.cancelRetry();
    close();
  };
}
