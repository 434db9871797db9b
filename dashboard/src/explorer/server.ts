import { buildClientSchema, type GraphQLSchema, getIntrospectionQuery } from "graphql";
import { createSession } from "@/session/session";

export const session = createSession(location.origin);

interface Answer {
  readonly data?: unknown;
  readonly errors?: readonly { readonly message: string }[];
}

/** Post an operation to the server's GraphQL door; the answer's text. Rejects when there is none. */
export async function post(query: string, variables: unknown): Promise<string> {
  const answer = await session.fetch("/graphql", {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json" },
    body: JSON.stringify({ query, variables }),
  });
  return answer.text();
}

/** The schema, as the server tells it. Rejects with what the server says instead. */
export async function loadSchema(): Promise<GraphQLSchema> {
  const text = await post(getIntrospectionQuery({ inputValueDeprecation: true }), {});
  const { data, errors } = JSON.parse(text) as Answer;
  if (errors?.[0] !== undefined) throw new Error(errors[0].message);
  return buildClientSchema(data as Parameters<typeof buildClientSchema>[0]);
}

/** Run an operation. `variables` is JSON text, or blank; the result is JSON text or a message. */
export async function run(query: string, variables: string): Promise<string> {
  let values: unknown = {};
  try {
    if (variables.trim() !== "") values = JSON.parse(variables);
  } catch (error) {
    return `The variables are no JSON: ${error instanceof Error ? error.message : String(error)}`;
  }
  try {
    const text = await post(query, values);
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch (error) {
    return `No answer: ${error instanceof Error ? error.message : String(error)}`;
  }
}
