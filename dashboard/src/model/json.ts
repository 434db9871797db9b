// A reader of JSON that loses nothing: numbers stay text (2^64 is not rounded), keys keep their order and
// their doubles, and each value knows its place in the source, so that it can be copied byte for byte.

interface Placed {
  readonly start: number;
  readonly end: number;
}

export interface JsonEntry {
  readonly key: string;
  readonly value: JsonNode;
}

export type JsonNode =
  | (Placed & { readonly kind: "object"; readonly entries: readonly JsonEntry[] })
  | (Placed & { readonly kind: "array"; readonly items: readonly JsonNode[] })
  | (Placed & { readonly kind: "string"; readonly value: string })
  | (Placed & { readonly kind: "number"; readonly text: string })
  | (Placed & { readonly kind: "boolean"; readonly value: boolean })
  | (Placed & { readonly kind: "null" });

/** Deeper values are shown as text only: the server refuses them, and the stack has an end. */
const MAX_DEPTH = 500;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const SPACE = /[ \t\n\r]*/y;

/** The value of a JSON text, or null when the text is not JSON (or nested too deep to draw). */
export function parseJson(text: string): JsonNode | null {
  const reader = new Reader(text);
  const node = reader.value(0);
  return node !== null && reader.atEnd() ? node : null;
}

class Reader {
  #at = 0;

  constructor(readonly text: string) {}

  atEnd(): boolean {
    this.#skipSpace();
    return this.#at === this.text.length;
  }

  value(depth: number): JsonNode | null {
    if (depth > MAX_DEPTH) return null;
    this.#skipSpace();
    const start = this.#at;
    switch (this.text[start]) {
      case "{":
        return this.#object(start, depth);
      case "[":
        return this.#array(start, depth);
      case '"': {
        const value = this.#string();
        return value === null ? null : { kind: "string", value, start, end: this.#at };
      }
      case "t":
        return this.#word("true") ? { kind: "boolean", value: true, start, end: this.#at } : null;
      case "f":
        return this.#word("false") ? { kind: "boolean", value: false, start, end: this.#at } : null;
      case "n":
        return this.#word("null") ? { kind: "null", start, end: this.#at } : null;
      default: {
        const number = this.#take(NUMBER);
        return number === null ? null : { kind: "number", text: number, start, end: this.#at };
      }
    }
  }

  #object(start: number, depth: number): JsonNode | null {
    const entries: JsonEntry[] = [];
    this.#at += 1;
    if (this.#punctuation("}")) return { kind: "object", entries, start, end: this.#at };
    do {
      this.#skipSpace();
      const key = this.#string();
      if (key === null || !this.#punctuation(":")) return null;
      const value = this.value(depth + 1);
      if (value === null) return null;
      entries.push({ key, value });
    } while (this.#punctuation(","));
    return this.#punctuation("}") ? { kind: "object", entries, start, end: this.#at } : null;
  }

  #array(start: number, depth: number): JsonNode | null {
    const items: JsonNode[] = [];
    this.#at += 1;
    if (this.#punctuation("]")) return { kind: "array", items, start, end: this.#at };
    do {
      const value = this.value(depth + 1);
      if (value === null) return null;
      items.push(value);
    } while (this.#punctuation(","));
    return this.#punctuation("]") ? { kind: "array", items, start, end: this.#at } : null;
  }

  #string(): string | null {
    if (this.text[this.#at] !== '"') return null;
    // By hand: a pattern that walks each character needs a stack as long as the text.
    let close = this.text.indexOf('"', this.#at + 1);
    while (close !== -1 && this.#isEscaped(close)) close = this.text.indexOf('"', close + 1);
    if (close === -1) return null;
    const token = this.text.slice(this.#at, close + 1);
    this.#at = close + 1;
    return token.includes("\\") ? unescapeString(token) : token.slice(1, -1);
  }

  /** True when an odd number of backslashes stands before the quote. */
  #isEscaped(quote: number): boolean {
    let before = quote - 1;
    while (this.text[before] === "\\") before -= 1;
    return (quote - before) % 2 === 0;
  }

  #take(pattern: RegExp): string | null {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.text);
    if (match === null) return null;
    this.#at = pattern.lastIndex;
    return match[0];
  }

  #word(word: string): boolean {
    if (!this.text.startsWith(word, this.#at)) return false;
    this.#at += word.length;
    return true;
  }

  #punctuation(mark: string): boolean {
    this.#skipSpace();
    if (this.text[this.#at] !== mark) return false;
    this.#at += 1;
    return true;
  }

  #skipSpace(): void {
    SPACE.lastIndex = this.#at;
    SPACE.exec(this.text);
    this.#at = SPACE.lastIndex;
  }
}

function unescapeString(token: string): string | null {
  try {
    return JSON.parse(token) as string;
  } catch {
    // A wrong escape: no JSON, so the text is shown as it is.
    return null;
  }
}

/** The last value under a key (as JSON's readers agree), or null. */
export function entryOf(node: JsonNode | null, key: string): JsonNode | null {
  if (node?.kind !== "object") return null;
  return node.entries.findLast((entry) => entry.key === key)?.value ?? null;
}

/** The text of a string value, or null. */
export function stringOf(node: JsonNode | null): string | null {
  return node?.kind === "string" ? node.value : null;
}

/** How many values stand right inside. */
export function childCount(node: JsonNode): number {
  if (node.kind === "object") return node.entries.length;
  return node.kind === "array" ? node.items.length : 0;
}

/** The place of a value for people and for jq: `$.messages[0]["odd key"]`. */
export function jsonPath(parent: string, key: string | number): string {
  if (typeof key === "number") return `${parent}[${key}]`;
  return /^[A-Za-z_$][\w$]*$/.test(key) ? `${parent}.${key}` : `${parent}[${JSON.stringify(key)}]`;
}

/** The value as indented JSON text; numbers as they were written. */
export function writeJson(node: JsonNode, indent = ""): string {
  const inner = `${indent}  `;
  switch (node.kind) {
    case "object": {
      if (node.entries.length === 0) return "{}";
      const lines = node.entries.map(
        ({ key, value }) => `${inner}${JSON.stringify(key)}: ${writeJson(value, inner)}`,
      );
      return `{\n${lines.join(",\n")}\n${indent}}`;
    }
    case "array":
      if (node.items.length === 0) return "[]";
      return `[\n${node.items.map((item) => inner + writeJson(item, inner)).join(",\n")}\n${indent}]`;
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

/** The value as JSON on one line, numbers as they were written; null when it is longer than `maxCharacters`. */
export function writeJsonLine(node: JsonNode, maxCharacters: number): string | null {
  const parts: string[] = [];
  let length = 0;
  const put = (text: string): boolean => {
    parts.push(text);
    length += text.length;
    return length <= maxCharacters;
  };
  const write = (value: JsonNode): boolean => {
    if (value.kind === "array") {
      return (
        put("[") &&
        value.items.every((item, index) => put(index === 0 ? "" : ", ") && write(item)) &&
        put("]")
      );
    }
    if (value.kind !== "object") return put(writeJson(value));
    return (
      put("{") &&
      value.entries.every(
        (entry, index) =>
          put(`${index === 0 ? "" : ", "}${JSON.stringify(entry.key)}: `) && write(entry.value),
      ) &&
      put("}")
    );
  };
  return write(node) ? parts.join("") : null;
}
