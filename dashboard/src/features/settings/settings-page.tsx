import { Link } from "@tanstack/react-router";
import { type ComponentType, useEffect } from "react";
import { useIdleMark } from "@/graphql/hooks";
import { listSettings, type SettingsKey, type Viewer } from "@/model/viewer";
import { Notice } from "@/ui/notice";
import { useViewer } from "../session/known";
import { usePageTitle } from "../shell/page-title";
import { AccountSection } from "./account-section";
import { AccountsSection } from "./accounts-section";
import { AuditSection } from "./audit-section";
import { KeysSection } from "./keys-section";
import { MembersSection } from "./members-section";
import { ProjectsSection } from "./projects-section";
import { RetentionSection } from "./retention-section";

const SECTIONS: Record<SettingsKey, ComponentType<{ readonly viewer: Viewer }>> = {
  account: AccountSection,
  keys: KeysSection,
  members: MembersSection,
  projects: ProjectsSection,
  accounts: AccountsSection,
  retention: RetentionSection,
  audit: AuditSection,
};

/** The settings that a reader is offered, one page of them at a time: the one that the address names, or the first. */
export function SettingsPage({ asked }: { readonly asked: string | null }) {
  const viewer = useViewer();
  const markIdle = useIdleMark();
  useEffect(markIdle, [markIdle]);
  if (viewer === null) return <div aria-busy="true" />;
  const pages = listSettings(viewer);
  const page = asked === null ? pages[0] : pages.find(({ key }) => key === asked);
  return (
    <div className="flex h-full max-md:flex-col">
      <nav
        aria-label="Settings"
        className="flex shrink-0 gap-0.5 overflow-auto border-line bg-surface p-2 max-md:flex-wrap max-md:border-b md:w-48 md:flex-col md:border-r"
      >
        {pages.map(({ key, label }) => (
          <Link
            key={key}
            to="/settings/$page"
            params={{ page: key }}
            aria-current={key === page?.key ? "page" : undefined}
            className={`whitespace-nowrap rounded-md px-2.5 py-1.5 text-sm hover:bg-hover hover:text-ink ${
              key === page?.key ? "bg-selected font-medium text-ink" : "text-dim"
            }`}
          >
            {label}
          </Link>
        ))}
      </nav>
      <div className="min-h-0 min-w-0 flex-1 overflow-auto">
        {page === undefined ? (
          <NotOffered />
        ) : (
          <Titled label={page.label}>
            <Section pageKey={page.key} viewer={viewer} />
          </Titled>
        )}
      </div>
    </div>
  );
}

function Section({ pageKey, viewer }: { readonly pageKey: SettingsKey; readonly viewer: Viewer }) {
  const Body = SECTIONS[pageKey];
  return <Body viewer={viewer} />;
}

function Titled({
  label,
  children,
}: {
  readonly label: string;
  readonly children: React.ReactNode;
}) {
  usePageTitle(`${label} · Settings`);
  return (
    <div className="mx-auto flex max-w-4xl flex-col gap-6 px-6 py-6">
      <h1 className="font-semibold text-lg">{label}</h1>
      {children}
    </div>
  );
}

function NotOffered() {
  usePageTitle("Settings");
  return (
    <Notice title="There is no such page for you" level={1}>
      <p>It may be for admins of the project, for operators of the server, or not be there.</p>
    </Notice>
  );
}
