// Characters that a reader cannot see, or that change what the reader sees: controls, bidi overrides,
// zero-width marks, tags, lone halves of surrogate pairs. They are shown by their number, never obeyed.

const HIDDEN =
  "\\u0000-\\u0008\\u000b\\u000c\\u000e-\\u001f\\u007f-\\u009f\\u00ad\\u034f\\u061c\\u115f\\u1160\\u17b4\\u17b5" +
  "\\u180b-\\u180f\\u200b-\\u200c\\u200e\\u200f\\u2028-\\u202e\\u2060-\\u206f\\u3164\\ufeff\\uffa0\\ufff0-\\ufffb" +
  "\\u{e0000}-\\u{e0fff}\\ud800-\\udfff";
// A joiner between two pictographs makes one emoji of them; anywhere else it only hides.
const JOINER =
  "(?<!\\p{Extended_Pictographic}[\\ufe0f\\u{1f3fb}-\\u{1f3ff}]?)\\u200d|\\u200d(?!\\p{Extended_Pictographic})";
const BREAKS = "\\t\\n\\r";

const IN_BLOCK = new RegExp(`(?:[${HIDDEN}\\r](?<!\\r(?=\\n))|${JOINER})+`, "gu");
const IN_LINE = new RegExp(`(?:[${HIDDEN}${BREAKS}]|${JOINER})+`, "gu");

export interface Piece {
  readonly text: string;
  /** Set on a piece that stands for characters one cannot see: what to show in their place. */
  readonly mark: string | null;
}

const SHOWN_CODES = 3;

/** Split recorded text into what can be seen and marks for what cannot. In a block, line breaks and tabs stay. */
export function splitMarks(value: string, { block }: { readonly block: boolean }): Piece[] {
  const pieces: Piece[] = [];
  let at = 0;
  for (const match of value.matchAll(block ? IN_BLOCK : IN_LINE)) {
    if (match.index > at) pieces.push({ text: value.slice(at, match.index), mark: null });
    pieces.push({ text: match[0], mark: markFor(match[0]) });
    at = match.index + match[0].length;
  }
  if (at < value.length) pieces.push({ text: value.slice(at), mark: null });
  return pieces;
}

function markFor(hidden: string): string {
  const codes = Array.from(hidden, codeName);
  const first = codes[0] ?? "";
  if (codes.length > 1 && codes.every((code) => code === first)) return `${first}×${codes.length}`;
  const rest = codes.length - SHOWN_CODES;
  return codes.slice(0, SHOWN_CODES).join(" ") + (rest > 0 ? ` +${rest}` : "");
}

function codeName(character: string): string {
  if (character === "\n") return "⏎";
  if (character === "\t") return "⇥";
  return `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`;
}

/** The same as one line of plain text, for titles and labels. */
export function plainMarks(value: string): string {
  return splitMarks(value, { block: false })
    .map(({ text, mark }) => (mark === null ? text : `⟨${mark}⟩`))
    .join("");
}
