import type { CombinedError } from "@urql/core";

/** Why an answer did not come, in words for the reader. */
export interface Failure {
  readonly kind: "unreachable" | "refused" | "graphql";
  readonly message: string;
}

/** What went wrong, in the reader's terms. */
export function failureOf(error: CombinedError): Failure {
  const first = error.graphQLErrors[0];
  if (first !== undefined) return { kind: "graphql", message: first.message };
  const status = statusOf(error);
  if (status !== null) {
    return { kind: "refused", message: `The server answered with HTTP status ${status}.` };
  }
  return { kind: "unreachable", message: error.networkError?.message ?? error.message };
}

function statusOf(error: CombinedError): number | null {
  const response: unknown = error.response;
  return response instanceof Response && !response.ok ? response.status : null;
}
