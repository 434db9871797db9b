import type { SpanStatus, SpanType } from "./span";

/** A step that a search found. */
export interface Hit {
  /** `<run>:<span>`. */
  readonly id: string;
  readonly spanId: string;
  readonly runId: string;
  readonly runName: string;
  readonly name: string;
  readonly type: SpanType;
  readonly status: SpanStatus;
  /** Epoch milliseconds. */
  readonly startMs: number;
  readonly model: string | null;
  /** Some of the text around what was found. */
  readonly snippet: string;
}

/** A piece of a text; `isHit` where it is what was searched for. */
export interface Piece {
  readonly text: string;
  readonly isHit: boolean;
}

/** Part a text into what was searched for and the rest: whole words in any case, and beginnings before a `*`. */
export function markWords(text: string, query: string): readonly Piece[] {
  const words = query.normalize("NFKC").match(/[\p{L}\p{N}]+\*?/gu) ?? [];
  if (words.length === 0) return [{ text, isHit: false }];
  const choices = words.map((word) =>
    word.endsWith("*") ? `${word.slice(0, -1)}[\\p{L}\\p{N}]*` : word,
  );
  const pattern = new RegExp(`(?<![\\p{L}\\p{N}])(${choices.join("|")})(?![\\p{L}\\p{N}])`, "giu");
  return text
    .split(pattern)
    .map((part, index) => ({ text: part, isHit: index % 2 === 1 }))
    .filter((piece) => piece.text !== "");
}
