import { readTokens, type Tokens, writeTokens } from "@/model/session";

// One login for all tabs of the browser, also over a reload: docs/adr/0020 says why here.
const KEY = "agenttrace.session";

/** Where a browser keeps the tokens of its login. */
export interface Shelf {
  readonly read: () => Tokens | null;
  /** null: keep none. */
  readonly write: (tokens: Tokens | null) => void;
  /** Be told when another tab has changed them. Returns what ends it. */
  readonly watch: (listener: (tokens: Tokens | null) => void) => () => void;
}

/** The browser's storage; where it is blocked, a login holds until the page is left. */
export function makeShelf(): Shelf {
  let blocked: { tokens: Tokens | null } | null = null;
  return {
    read: () => {
      if (blocked !== null) return blocked.tokens;
      try {
        return readTokens(localStorage.getItem(KEY));
      } catch {
        return null;
      }
    },
    write: (tokens) => {
      try {
        if (tokens === null) localStorage.removeItem(KEY);
        else localStorage.setItem(KEY, writeTokens(tokens));
      } catch {
        blocked = { tokens };
      }
    },
    watch: (listener) => {
      const hear = ({ key, newValue, storageArea }: StorageEvent) => {
        if (storageArea !== localStorage) return;
        // No key: all of it was cleared.
        if (key === KEY || key === null) listener(readTokens(key === null ? null : newValue));
      };
      addEventListener("storage", hear);
      return () => removeEventListener("storage", hear);
    },
  };
}
