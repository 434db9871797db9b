import { Link, useNavigate } from "@tanstack/react-router";
import { type ReactNode, useState } from "react";
import { useShortcuts } from "@/ui/shortcuts";
import { AccountMenu } from "../session/account-menu";
import { useKnownAnswer } from "../session/known";
import { ProjectSwitch } from "../session/project-switch";
import { ConnectionMark } from "./connection-mark";
import { HelpSheet } from "./help-sheet";
import { Logo } from "./logo";
import { ThemeButton } from "./theme-button";

/** What every page stands in. */
export function Shell({ children }: { readonly children: ReactNode }) {
  const [isHelpOpen, setHelpOpen] = useState(false);
  const navigate = useNavigate();
  useShortcuts({
    "?": () => setHelpOpen(true),
    s: () => void navigate({ to: "/search" }),
    ",": () => void navigate({ to: "/settings" }),
  });
  return (
    <div className="flex h-full flex-col">
      <header className="flex h-11 shrink-0 items-center gap-3 border-line border-b bg-surface px-4 max-md:gap-2 max-md:px-2">
        <Link to="/" className="flex items-center gap-2 font-semibold">
          <Logo />
          <span className="max-md:sr-only">AgentTrace</span>
        </Link>
        <Version />
        <ProjectSwitch />
        <nav aria-label="Pages" className="flex items-center gap-1 text-sm">
          <PageLink to="/">Runs</PageLink>
          <PageLink to="/search">Search</PageLink>
          <PageLink to="/settings">Settings</PageLink>
        </nav>
        <div className="ml-auto flex items-center gap-1">
          <ConnectionMark />
          <ThemeButton />
          <button
            type="button"
            aria-label="Keyboard shortcuts"
            title="Keyboard shortcuts (?)"
            onClick={() => setHelpOpen(true)}
            className="size-7 rounded-md text-dim hover:bg-hover hover:text-ink max-sm:hidden"
          >
            ?
          </button>
          <AccountMenu />
        </div>
      </header>
      <main className="min-h-0 flex-1">{children}</main>
      <HelpSheet isOpen={isHelpOpen} onClose={() => setHelpOpen(false)} />
    </div>
  );
}

function PageLink({
  to,
  children,
}: {
  readonly to: "/" | "/search" | "/settings";
  readonly children: string;
}) {
  return (
    <Link
      to={to}
      activeOptions={{ exact: to !== "/settings", includeSearch: false }}
      activeProps={{ className: "bg-hover text-ink" }}
      inactiveProps={{ className: "text-dim" }}
      className="rounded-md px-2 py-1 hover:bg-hover hover:text-ink max-sm:px-1.5"
    >
      {children}
    </Link>
  );
}

function Version() {
  const version = useKnownAnswer().data?.server.version ?? null;
  return version === null ? null : (
    <span className="text-faint text-xs max-lg:hidden">{version}</span>
  );
}
