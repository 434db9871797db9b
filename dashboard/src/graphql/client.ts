import { Client, fetchExchange, subscriptionExchange } from "@urql/core";
import { createClient as createSocketClient } from "graphql-ws";
import { Connection } from "./connection";

const PING_EVERY_MS = 10_000;
const PONG_WITHIN_MS = 5_000;

/** The way to the server and what is known of it. */
export interface Transport {
  readonly client: Client;
  readonly connection: Connection;
}

/**
 * Queries go over HTTP, subscriptions over one WebSocket. No cache: what is on screen is live, and an answer
 * of 50,000 spans should not be walked twice. No retry in the socket either: a dropped subscription must
 * resume from its latest cursor, which only `follow` knows.
 */
export function createTransport(origin: string): Transport {
  const connection = new Connection();
  const socket = createSocket(origin, connection);
  const client = new Client({
    url: `${origin}/graphql`,
    preferGetMethod: false,
    // The default also offers event streams, and a server that has them may pick them for a plain query.
    fetchOptions: { headers: { accept: "application/graphql-response+json, application/json" } },
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
  return { client, connection };
}

function createSocket(origin: string, connection: Connection) {
  let pongTimer: ReturnType<typeof setTimeout> | undefined;
  let current: WebSocket | undefined;
  return createSocketClient({
    url: `${origin.replace(/^http/, "ws")}/graphql`,
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
      closed: () => {
        clearTimeout(pongTimer);
        connection.markClosed();
      },
    },
  });
}
