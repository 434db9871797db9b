import type { CombinedError } from "@urql/core";

/** Why an answer did not come, in words for the reader. `forbidden`: not for who asks, or not there. */
export interface Failure {
  readonly kind: "unreachable" | "refused" | "graphql" | "forbidden";
  readonly message: string;
}

const FORBIDDEN = "FORBIDDEN";
const FORBIDDEN_STATUS = 403;
/** The server's code for an argument that no store could answer: of a subscription, a cursor that is none. */
const ARGUMENT_REFUSED = "INVALID_ARGUMENT";

/** What went wrong, in the reader's terms. */
export function failureOf(error: CombinedError): Failure {
  const first = error.graphQLErrors[0];
  if (first !== undefined) {
    const kind = first.extensions.code === FORBIDDEN ? "forbidden" : "graphql";
    return { kind, message: first.message };
  }
  const status = statusOf(error);
  if (status !== null) {
    const kind = status === FORBIDDEN_STATUS ? "forbidden" : "refused";
    return { kind, message: `The server answered with HTTP status ${status}.` };
  }
  return { kind: "unreachable", message: error.networkError?.message ?? error.message };
}

/** True when asking for the same once more cannot help: the server does not take what was asked for. */
export function isArgumentRefused(error: CombinedError): boolean {
  return error.graphQLErrors.some(({ extensions }) => extensions.code === ARGUMENT_REFUSED);
}

/** What the server said, in its own words; null when it said nothing. */
export function reasonOf({ kind, message }: Failure): string | null {
  return kind === "unreachable" ? null : message;
}

function statusOf(error: CombinedError): number | null {
  const response: unknown = error.response;
  return response instanceof Response && !response.ok ? response.status : null;
}
