import { useCallback, useEffect, useState } from "react";

export type ThemeChoice = "system" | "light" | "dark";

// The same key as public/theme.js, which sets the theme before the first paint.
const KEY = "agenttrace.theme";

function readChoice(): ThemeChoice {
  try {
    const stored = localStorage.getItem(KEY);
    return stored === "light" || stored === "dark" ? stored : "system";
  } catch {
    return "system";
  }
}

function keepChoice(choice: ThemeChoice): void {
  try {
    if (choice === "system") localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, choice);
  } catch {
    // Blocked storage: the choice holds until the page is left.
  }
}

/** The reader's choice of theme, remembered; "system" follows the system while the page is open. */
export function useTheme(): readonly [ThemeChoice, (choice: ThemeChoice) => void] {
  const [choice, setChoice] = useState(readChoice);
  useEffect(() => {
    const system = matchMedia("(prefers-color-scheme: dark)");
    const apply = () => {
      const dark = choice === "dark" || (choice === "system" && system.matches);
      document.documentElement.dataset.theme = dark ? "dark" : "light";
    };
    apply();
    system.addEventListener("change", apply);
    return () => system.removeEventListener("change", apply);
  }, [choice]);
  const choose = useCallback((next: ThemeChoice) => {
    keepChoice(next);
    setChoice(next);
  }, []);
  return [choice, choose];
}
