import {
  createContext,
  type ReactNode,
  useContext,
  useEffect,
  useMemo,
  useSyncExternalStore,
} from "react";
import { Provider } from "urql";
import type { RunListQuery } from "@/model/run-list";
import type { Transport } from "./client";
import type { ConnectionState } from "./connection";
import { type Failure, reasonOf } from "./failure";
import { RunFeed } from "./run-feed";
import { RunListFeed } from "./run-list-feed";
import { SearchFeed } from "./search-feed";

const TransportContext = createContext<Transport | null>(null);

export function TransportProvider({
  transport,
  children,
}: {
  readonly transport: Transport;
  readonly children: ReactNode;
}) {
  return (
    <TransportContext value={transport}>
      <Provider value={transport.client}>{children}</Provider>
    </TransportContext>
  );
}

export function useTransport(): Transport {
  const transport = useContext(TransportContext);
  if (transport === null) throw new Error("Put the page inside <TransportProvider>.");
  return transport;
}

/** The state of the connection, and the way to try again at once. */
export function useConnection(): {
  readonly state: ConnectionState;
  readonly retryNow: () => void;
} {
  const { connection } = useTransport();
  const state = useSyncExternalStore(connection.subscribe, connection.getState);
  return { state, retryNow: connection.retryNow };
}

/** A run that loads, stays live while the page is open, and re-renders it with each change. */
export function useRunFeed(runId: string): RunFeed {
  const transport = useTransport();
  const feed = useMemo(() => new RunFeed(transport, runId), [transport, runId]);
  useEffect(() => feed.open(), [feed]);
  useSyncExternalStore(feed.subscribe, feed.getVersion);
  return feed;
}

/** The list for a query; another query is another list. */
export function useRunListFeed(query: RunListQuery): RunListFeed {
  const transport = useTransport();
  const key = JSON.stringify(query);
  const feed = useMemo(
    () => new RunListFeed(transport, JSON.parse(key) as RunListQuery),
    [transport, key],
  );
  useEffect(() => feed.open(), [feed]);
  useSyncExternalStore(feed.subscribe, feed.getVersion);
  return feed;
}

/** What a text finds; another text is another search. */
export function useSearchFeed(text: string): SearchFeed {
  const transport = useTransport();
  const feed = useMemo(() => new SearchFeed(transport, text), [transport, text]);
  useEffect(() => feed.open(), [feed]);
  useSyncExternalStore(feed.subscribe, feed.getVersion);
  return feed;
}

/** Ask again after a pause, for as long as this failure stands. */
export function useScheduledRetry(failure: Failure, again: () => void): void {
  const { connection } = useTransport();
  useEffect(() => {
    connection.scheduleRetry(again, reasonOf(failure));
    return () => connection.cancelRetry();
  }, [connection, failure, again]);
}

/** Says that the page follows nothing. */
export function useIdleMark(): () => void {
  return useTransport().connection.markIdle;
}

/** Gets what another door of the server has, by its path. */
export function useGet(): Transport["get"] {
  return useTransport().get;
}
