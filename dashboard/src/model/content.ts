import { entryOf, type JsonNode, stringOf } from "./json";

// What the payloads of each kind of span hold by convention (docs/wire-format.md), read out for the eye.
// Each reader answers null when the payload is of another shape; the plain JSON view shows it then.

/** A piece of a chat turn: text, or a value that is shown as JSON under its label. */
export type TurnPart =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "json"; readonly label: string; readonly node: JsonNode };

export interface Turn {
  readonly role: string;
  readonly name: string | null;
  readonly parts: readonly TurnPart[];
}

export interface Decision {
  readonly options: readonly JsonNode[];
  readonly chosen: JsonNode | null;
  readonly reason: string | null;
}

export interface RetrievedDocument {
  readonly id: string | null;
  readonly content: string | null;
  /** As recorded: a number's own text. */
  readonly score: string | null;
  readonly rest: readonly { readonly key: string; readonly value: JsonNode }[];
}

export interface Retrieval {
  readonly query: string | null;
  readonly documents: readonly RetrievedDocument[] | null;
}

/** The turns of a call: `messages` among its arguments, or the argument list itself. */
export function readMessages(input: JsonNode | null): Turn[] | null {
  const list = entryOf(input, "messages") ?? input;
  if (list?.kind !== "array" || list.items.length === 0) return null;
  const turns = list.items.map(readTurn);
  return turns.every((turn) => turn !== null) ? turns : null;
}

/** The model's answer as a turn: plain text, a message, or the first choice of a completion. */
export function readAnswer(output: JsonNode | null): Turn | null {
  if (output === null || output.kind === "null") return null;
  if (output.kind === "string") {
    return { role: "assistant", name: null, parts: [{ kind: "text", text: output.value }] };
  }
  const choices = entryOf(output, "choices");
  const first = choices?.kind === "array" ? (choices.items[0] ?? null) : null;
  const turn = readTurn(entryOf(first, "message")) ?? readTurn(output);
  return (
    turn ?? {
      role: "assistant",
      name: null,
      parts: [{ kind: "json", label: "answer", node: output }],
    }
  );
}

function readTurn(node: JsonNode | null): Turn | null {
  const role = stringOf(entryOf(node, "role"));
  if (role === null) return null;
  const parts = [
    ...readParts(entryOf(node, "content")),
    ...readToolCalls(entryOf(node, "tool_calls")),
  ];
  return { role, name: stringOf(entryOf(node, "name")), parts };
}

function readParts(content: JsonNode | null): TurnPart[] {
  if (content === null || content.kind === "null") return [];
  if (content.kind === "string") return [{ kind: "text", text: content.value }];
  if (content.kind !== "array") return [{ kind: "json", label: "content", node: content }];
  return content.items.map((item) => {
    const text = item.kind === "string" ? item.value : stringOf(entryOf(item, "text"));
    const type = stringOf(entryOf(item, "type"));
    const isText = text !== null && (type === null || type.endsWith("text"));
    return isText ? { kind: "text", text } : { kind: "json", label: type ?? "part", node: item };
  });
}

function readToolCalls(calls: JsonNode | null): TurnPart[] {
  if (calls?.kind !== "array") return [];
  return calls.items.map((call) => {
    const name = stringOf(entryOf(entryOf(call, "function") ?? call, "name"));
    return { kind: "json", label: name === null ? "tool call" : `tool call ${name}`, node: call };
  });
}

/** Options, choice and reason of a decision. */
export function readDecision(input: JsonNode | null, output: JsonNode | null): Decision | null {
  const options = entryOf(input, "options");
  const chosen = entryOf(output, "chosen");
  if (options?.kind !== "array" && chosen === null) return null;
  return {
    options: options?.kind === "array" ? options.items : [],
    chosen,
    reason: stringOf(entryOf(output, "reason")),
  };
}

/** A text that two values share exactly when they are the same JSON. */
export function canonicalJson(node: JsonNode): string {
  switch (node.kind) {
    case "object":
      return `{${node.entries
        .map(({ key, value }) => `${JSON.stringify(key)}:${canonicalJson(value)}`)
        .sort()
        .join()}}`;
    case "array":
      return `[${node.items.map(canonicalJson).join()}]`;
    case "string":
      return JSON.stringify(node.value);
    case "number":
      return node.text;
    case "boolean":
      return String(node.value);
    case "null":
      return "null";
  }
}

/** Query and documents of a retrieval. */
export function readRetrieval(input: JsonNode | null, output: JsonNode | null): Retrieval | null {
  const query = stringOf(entryOf(input, "query"));
  const list = entryOf(output, "documents") ?? output;
  const documents =
    list?.kind === "array" && list.items.every((item) => item.kind === "object")
      ? list.items.map(readDocument)
      : null;
  return query === null && documents === null ? null : { query, documents };
}

const DOCUMENT_FIELDS = new Set(["id", "content", "score"]);

function readDocument(node: JsonNode): RetrievedDocument {
  const id = entryOf(node, "id");
  const score = entryOf(node, "score");
  const entries = node.kind === "object" ? node.entries : [];
  return {
    id: id?.kind === "number" ? id.text : stringOf(id),
    content: stringOf(entryOf(node, "content")),
    score: score?.kind === "number" ? score.text : stringOf(score),
    rest: entries.filter(({ key }) => !DOCUMENT_FIELDS.has(key)),
  };
}
