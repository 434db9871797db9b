import { IconButton } from "@/ui/button";
import { type ThemeChoice, useTheme } from "@/ui/theme";

const NEXT_THEME: Record<ThemeChoice, ThemeChoice> = {
  system: "light",
  light: "dark",
  dark: "system",
};
const THEME_ICON = { system: "system", light: "sun", dark: "moon" } as const;

/** Goes through the themes: the system's, light, dark. */
export function ThemeButton() {
  const [theme, chooseTheme] = useTheme();
  const next = NEXT_THEME[theme];
  return (
    <IconButton
      icon={THEME_ICON[theme]}
      label={`Theme: ${theme}. Switch to ${next}`}
      onClick={() => chooseTheme(next)}
    />
  );
}
