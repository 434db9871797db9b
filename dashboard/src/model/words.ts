// Lists of free text in one value of an address: commas part them, a backslash keeps a comma.

/** Write a list; undefined when it is empty. */
export function writeWords(words: readonly string[]): string | undefined {
  if (words.length === 0) return undefined;
  return words.map((word) => word.replaceAll("\\", "\\\\").replaceAll(",", "\\,")).join(",");
}

/** Read what `writeWords` wrote. Empty words are left out. */
export function readWords(text: string | undefined): string[] {
  return split(text ?? "", ",").filter((word) => word !== "");
}

/** Write a name and a value, or a name alone. */
export function writePair(name: string, value: string | null): string {
  const safe = name.replaceAll("\\", "\\\\").replaceAll("=", "\\=");
  return value === null ? safe : `${safe}=${value}`;
}

/** Read what `writePair` wrote: the value is what follows the first free `=`. */
export function readPair(text: string): { readonly name: string; readonly value: string | null } {
  for (let at = 0; at < text.length; at += 1) {
    if (text[at] === "\\") at += 1;
    else if (text[at] === "=") return { name: bare(text.slice(0, at)), value: text.slice(at + 1) };
  }
  return { name: bare(text), value: null };
}

function split(text: string, mark: string): string[] {
  const words: string[] = [];
  let word = "";
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at] ?? "";
    if (char === "\\" && at + 1 < text.length) {
      at += 1;
      word += text[at] ?? "";
    } else if (char === mark) {
      words.push(word);
      word = "";
    } else word += char;
  }
  return [...words, word];
}

function bare(text: string): string {
  return text.replaceAll(/\\(.)/gs, "$1");
}
