import { Link, Outlet, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { useServerVersion } from "@/graphql/details";
import { IconButton } from "@/ui/button";
import { useShortcuts } from "@/ui/shortcuts";
import { type ThemeChoice, useTheme } from "@/ui/theme";
import { ConnectionMark } from "./connection-mark";
import { HelpSheet } from "./help-sheet";

const NEXT_THEME: Record<ThemeChoice, ThemeChoice> = {
  system: "light",
  light: "dark",
  dark: "system",
};
const THEME_ICON = { system: "system", light: "sun", dark: "moon" } as const;

/** What every page stands in. */
export function Shell() {
  const [isHelpOpen, setHelpOpen] = useState(false);
  const navigate = useNavigate();
  useShortcuts({ "?": () => setHelpOpen(true), s: () => void navigate({ to: "/search" }) });
  return (
    <div className="flex h-full flex-col">
      <header className="flex h-11 shrink-0 items-center gap-3 border-line border-b bg-surface px-4">
        <Link to="/" className="flex items-center gap-2 font-semibold">
          <Logo />
          AgentTrace
        </Link>
        <Version />
        <nav aria-label="Pages" className="flex items-center gap-1 text-sm">
          <PageLink to="/">Runs</PageLink>
          <PageLink to="/search">Search</PageLink>
        </nav>
        <div className="ml-auto flex items-center gap-1">
          <ConnectionMark />
          <ThemeButton />
          <button
            type="button"
            aria-label="Keyboard shortcuts"
            title="Keyboard shortcuts (?)"
            onClick={() => setHelpOpen(true)}
            className="size-7 rounded-md text-dim hover:bg-hover hover:text-ink"
          >
            ?
          </button>
        </div>
      </header>
      <main className="min-h-0 flex-1">
        <Outlet />
      </main>
      <HelpSheet isOpen={isHelpOpen} onClose={() => setHelpOpen(false)} />
    </div>
  );
}

function PageLink({ to, children }: { readonly to: "/" | "/search"; readonly children: string }) {
  return (
    <Link
      to={to}
      activeOptions={{ exact: true, includeSearch: false }}
      activeProps={{ className: "bg-hover text-ink" }}
      inactiveProps={{ className: "text-dim" }}
      className="rounded-md px-2 py-1 hover:bg-hover hover:text-ink"
    >
      {children}
    </Link>
  );
}

function Logo() {
  return (
    <svg aria-hidden="true" viewBox="0 0 32 32" width="20" height="20">
      <rect width="32" height="32" rx="7" fill="#5b5bd6" />
      <path d="M7 10h12M11 16h12M15 22h10" stroke="#fff" strokeWidth="3.2" strokeLinecap="round" />
    </svg>
  );
}

function Version() {
  const version = useServerVersion();
  return version === null ? null : <span className="text-faint text-xs">{version}</span>;
}

function ThemeButton() {
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
