import { Client, fetchExchange, subscriptionExchange } from "@urql/core";
import { createClient as createSocketClient } from "graphql-ws";
import type { Tokens } from "@/model/session";
import type { Session } from "@/session/session";
import { Connection } from "./connection";

const PING_EVERY_MS = 10_000;
const PONG_WITHIN_MS = 5_000;
/** Codes that close a socket of somebody who is not known, or may follow no more. */
const REFUSED_CODES: readonly number[] = [4401, 4403];
const PROJECT_HEADER = "x-agenttrace-project";

/** The way to the server and what is known of it. */
export interface Transport {
  readonly client: Client;
  readonly connection: Connection;
  /** Get what another door of the server has, by its path. */
  readonly get: (path: string) => Promise<Response>;
  /** Called when the server does not let one follow any more: who one is should be asked anew. */
  readonly watchRefusals: (listener: () => void) => () => void;
}

interface Asker {
  readonly session: Session;
  /** The slug of the project that is asked about; null: that which the server takes by itself. */
  readonly project: string | null;
}

/**
 * Queries go over HTTP, subscriptions over one WebSocket. No cache: what is on screen is live, and an answer
 * of 50,000 spans should not be walked twice. No retry in the socket either: a dropped subscription must
 * resume from its latest cursor, which only `follow` knows.
 */
export function createTransport(origin: string, { session, project }: Asker): Transport {
  const connection = new Connection();
  const refusals = new Set<() => void>();
  const tellRefusal = () => {
    for (const listener of refusals) listener();
  };
  const socket = createSocket(origin, connection, { session, project }, tellRefusal);
  const named = project === null ? {} : { [PROJECT_HEADER]: project };
  const client = new Client({
    url: `${origin}/graphql`,
    preferGetMethod: false,
    // The default also offers event streams, and a server that has them may pick them for a plain query.
    fetchOptions: {
      headers: {
        accept: "application/graphql-response+json, application/json",
        ...named,
      },
    },
    fetch: session.fetch,
    exchanges: [
      fetchExchange,
      subscriptionExchange({
        forwardSubscription: ({ query, variables }) => ({
          subscribe: (sink) => ({
            unsubscribe: socket.subscribe(
              { query: query ?? "", variables: variables ?? {} },
              {
                ...sink,
                // The two libraries say "no data" differently: absent here, null there.
                next: ({ data = null, errors }) => sink.next(errors ? { data, errors } : { data }),
              },
            ),
          }),
        }),
      }),
    ],
  });
  const watchRefusals = (listener: () => void) => {
    refusals.add(listener);
    return () => refusals.delete(listener);
  };
  const get = (path: string) => session.fetch(`${origin}${path}`, { headers: named });
  return { client, connection, get, watchRefusals };
}

function createSocket(
  origin: string,
  connection: Connection,
  { session, project }: Asker,
  onRefused: () => void,
) {
  let pongTimer: ReturnType<typeof setTimeout> | undefined;
  let current: WebSocket | undefined;
  let used: Tokens | null = null;
  return createSocketClient({
    url: `${origin.replace(/^http/, "ws")}/graphql`,
    // A browser sends no header with a WebSocket: the first message says who one is.
    connectionParams: async () => {
      used = await session.authorize();
      return {
        ...(used === null ? {} : { authorization: `Bearer ${used.access}` }),
        ...(project === null ? {} : { project }),
      };
    },
    lazyCloseTimeout: 1_000,
    retryAttempts: 0,
    keepAlive: PING_EVERY_MS,
    on: {
      opened: (socket) => {
        current = socket as WebSocket;
      },
      connected: connection.markOpen,
      // A connection can die without a word (a laptop that slept): no pong closes it.
      ping: (received) => {
        if (received) return;
        pongTimer = setTimeout(() => current?.close(4408, "No pong"), PONG_WITHIN_MS);
      },
      pong: (received) => {
        if (received) clearTimeout(pongTimer);
      },
      closed: (event) => {
        clearTimeout(pongTimer);
        connection.markClosed();
        if (!(event instanceof CloseEvent) || !REFUSED_CODES.includes(event.code)) return;
        if (used !== null) void session.doubt(used).then(onRefused);
      },
    },
  });
}
