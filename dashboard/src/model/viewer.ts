/** What an account may do in a project; each may do what the ones before may. */
export const ROLES = ["VIEWER", "MEMBER", "ADMIN"] as const;
export type Role = (typeof ROLES)[number];

/** What a key may do. */
export const SCOPES = ["INGEST", "READ", "WRITE"] as const;
export type Scope = (typeof SCOPES)[number];

export interface Project {
  readonly id: string;
  readonly name: string;
  readonly slug: string;
  readonly createdMs: number;
}

/** Who reads this page, as the server says. */
export interface Viewer {
  readonly id: string;
  /** LOCAL: the one user of a server without accounts. */
  readonly kind: "USER" | "KEY" | "LOCAL" | "SERVER";
  /** An e-mail address. */
  readonly name: string;
  /** In `project`; null for who is in none. */
  readonly role: Role | null;
  readonly isOperator: boolean;
  /** The project that the page is about; null for who is in none. */
  readonly project: Project | null;
  /** Those that they may enter, the oldest first. */
  readonly projects: readonly Project[];
}

/** What something asks of who does it, as the server's own table has it (docs/accounts.md). */
export type Permission =
  /** Any account. */
  | "ACCOUNT"
  | "READ"
  | "WRITE"
  /** Members, keys and the audit log of a project. */
  | "MANAGE"
  /** Projects and accounts of the server. */
  | "OPERATE";

const OF_ROLE: Readonly<Record<Role, readonly Permission[]>> = {
  VIEWER: ["READ"],
  MEMBER: ["READ", "WRITE"],
  ADMIN: ["READ", "WRITE", "MANAGE"],
};

/** Whether something is offered. The server decides all the same. */
export function may(viewer: Viewer, permission: Permission): boolean {
  if (permission === "ACCOUNT") return viewer.kind === "USER";
  if (permission === "OPERATE") return viewer.isOperator;
  return viewer.role !== null && OF_ROLE[viewer.role].includes(permission);
}

interface SettingsPage {
  readonly key: string;
  readonly label: string;
  readonly permission: Permission;
  /** Whether a server without accounts has it too. */
  readonly isLocal: boolean;
}

const SETTINGS = [
  { key: "account", label: "Account", permission: "ACCOUNT", isLocal: false },
  { key: "keys", label: "API keys", permission: "MANAGE", isLocal: false },
  { key: "members", label: "Members", permission: "MANAGE", isLocal: false },
  { key: "projects", label: "Projects", permission: "ACCOUNT", isLocal: false },
  { key: "accounts", label: "Accounts", permission: "OPERATE", isLocal: false },
  { key: "retention", label: "Retention", permission: "READ", isLocal: true },
  { key: "audit", label: "Audit log", permission: "MANAGE", isLocal: false },
] as const satisfies readonly SettingsPage[];

export type SettingsKey = (typeof SETTINGS)[number]["key"];

/** The pages of settings that somebody is offered, in their order. */
export function listSettings(
  viewer: Viewer,
): readonly { readonly key: SettingsKey; readonly label: string }[] {
  return SETTINGS.filter(
    ({ permission, isLocal }) => (viewer.kind !== "LOCAL" || isLocal) && may(viewer, permission),
  );
}

export function isSettingsKey(text: string): text is SettingsKey {
  return SETTINGS.some(({ key }) => key === text);
}

/** Role or scope as people say it: "Admin". */
export function toWord(name: Role | Scope): string {
  return `${name.charAt(0)}${name.slice(1).toLowerCase()}`;
}

/** A slug for a project of this name: "Support (EU)" is "support-eu"; "" when there is none in it. */
export function suggestSlug(name: string): string {
  const plain = name.normalize("NFKD").replace(/[\u0300-\u036f]/g, "");
  return plain
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .slice(0, 64)
    .replace(/^-+|-+$/g, "");
}

const LIFETIME_DAYS = { "30d": 30, "90d": 90, "1y": 365 } as const;
/** For how long a key is made. */
export type Lifetime = keyof typeof LIFETIME_DAYS | "never";
const DAY_MS = 86_400_000;

/** When a key that is made now ends, as the server reads it; null: not by itself. */
export function endOf(lifetime: Lifetime, nowMs: number): string | null {
  if (lifetime === "never") return null;
  return new Date(nowMs + LIFETIME_DAYS[lifetime] * DAY_MS).toISOString();
}
