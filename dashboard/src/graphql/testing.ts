import { CombinedError } from "@urql/core";
import { GraphQLError } from "graphql";
import type { Transport } from "./client";
import { Connection } from "./connection";

// A server for the tests of this folder; no product code imports it.

export interface Batch {
  readonly cursor: string;
  readonly news: readonly string[];
}

interface Result {
  readonly data?: Batch;
  readonly error?: CombinedError;
  readonly hasNext: boolean;
}

interface Answer {
  readonly data?: unknown;
  readonly error?: CombinedError;
}

/** A server that says what the test says, and remembers what it was asked. */
export class FakeServer {
  readonly askedAfter: (string | null)[] = [];
  open = 0;
  #tell: ((result: Result) => void) | null = null;
  #answers: ((answer: Answer) => void)[] = [];

  readonly transport = {
    connection: new Connection(),
    get: () => Promise.reject(new Error("Only what is asked over GraphQL is answered here.")),
    watchRefusals: () => () => undefined,
    client: {
      query: () => ({
        toPromise: () => new Promise<Answer>((answer) => this.#answers.push(answer)),
      }),
      subscription: (_document: unknown, variables: { readonly after: string | null }) => ({
        subscribe: (tell: (result: Result) => void) => {
          this.askedAfter.push(variables.after);
          this.open += 1;
          this.#tell = tell;
          return {
            unsubscribe: () => {
              this.open -= 1;
            },
          };
        },
      }),
    },
  } as unknown as Transport;

  /** The queries that wait for an answer. */
  get queries(): number {
    return this.#answers.length;
  }

  /** Answer the query that waits longest; resolves once that was heard. */
  answer(data: unknown): Promise<void> {
    return this.#answer({ data });
  }

  /** Leave the query that waits longest without its answer, or with only a part of it. */
  refuse(part?: unknown): Promise<void> {
    const error = new CombinedError({ networkError: new Error("gone") });
    return this.#answer({ data: part, error });
  }

  async #answer(answer: Answer): Promise<void> {
    this.#answers.shift()?.(answer);
    await Promise.resolve();
    await Promise.resolve();
  }

  send(cursor: string, ...news: string[]): void {
    this.#tell?.({ data: { cursor, news }, hasNext: true });
  }

  /** End as urql does: the last batch once more. */
  finish(cursor: string, ...news: string[]): void {
    this.#tell?.({ data: { cursor, news }, hasNext: false });
  }

  drop(): void {
    this.#tell?.({ error: new CombinedError({ networkError: new Error("gone") }), hasNext: false });
  }

  /** An error of GraphQL, as the server's are; some come beside a part of the data. */
  fail(code: string, part: Pick<Result, "data"> = {}): void {
    const error = new GraphQLError(`It said ${code}`, { extensions: { code } });
    const hasNext = part.data !== undefined;
    this.#tell?.({ ...part, error: new CombinedError({ graphQLErrors: [error] }), hasNext });
  }

  /** Let the reader ask at once, and say of which try the connection told. */
  retry(): number {
    const { connection } = this.transport;
    const { state } = connection;
    connection.retryNow();
    return state.phase === "waiting" ? state.attempt : 0;
  }
}
