import { useEffect, useRef } from "react";

/** What each key does, by `event.key`. */
export type Shortcuts = Readonly<Record<string, (event: KeyboardEvent) => void>>;

/** Keys for the whole page. They rest while one types, while a modifier is held and while a dialog is open. */
export function useShortcuts(shortcuts: Shortcuts): void {
  const latest = useRef(shortcuts);
  latest.current = shortcuts;
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
      if (isTyping(event.target) || document.querySelector("dialog[open]") !== null) return;
      const act = latest.current[event.key];
      if (act === undefined || belongsToWidget(event)) return;
      event.preventDefault();
      act(event);
    };
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  }, []);
}

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName))
  );
}

const WIDGET_KEYS = new Set([" ", "Enter", "Home", "End"]);

/** Inside an element marked `data-own-keys`, moving and pressing are that element's business. */
function belongsToWidget({ key, target }: KeyboardEvent): boolean {
  return (
    (key.startsWith("Arrow") || WIDGET_KEYS.has(key)) &&
    target instanceof Element &&
    target.closest("[data-own-keys]") !== null
  );
}
