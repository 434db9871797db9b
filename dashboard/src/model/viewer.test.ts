import { describe, expect, it } from "vitest";
import { endOf, listSettings, may, type Role, suggestSlug, type Viewer } from "./viewer";

const PROJECT = { id: "p", name: "Default", slug: "default", createdMs: 0 };

function aViewer(role: Role | null, rest: Partial<Viewer> = {}): Viewer {
  return {
    id: "a",
    kind: "USER",
    name: "a@example.org",
    role,
    isOperator: false,
    project: role === null ? null : PROJECT,
    projects: role === null ? [] : [PROJECT],
    ...rest,
  };
}

const PERMISSIONS = ["ACCOUNT", "READ", "WRITE", "MANAGE", "OPERATE"] as const;
const LOCAL = { kind: "LOCAL", id: "", name: "local", isOperator: true } as const;

/** As packages/server/tests/access/operations.txt has it. */
const OFFERED: readonly (readonly [string, Viewer, string])[] = [
  ["a stranger", aViewer(null), "ACCOUNT"],
  ["a viewer", aViewer("VIEWER"), "ACCOUNT READ"],
  ["a member", aViewer("MEMBER"), "ACCOUNT READ WRITE"],
  ["an admin", aViewer("ADMIN"), "ACCOUNT READ WRITE MANAGE"],
  ["an operator", aViewer("ADMIN", { isOperator: true }), "ACCOUNT READ WRITE MANAGE OPERATE"],
  ["an operator of no project", aViewer(null, { isOperator: true }), "ACCOUNT OPERATE"],
  ["the one user without accounts", aViewer("ADMIN", LOCAL), "READ WRITE MANAGE OPERATE"],
];

const PAGES: readonly (readonly [string, Viewer, string])[] = [
  ["a stranger", aViewer(null), "account projects"],
  ["a viewer", aViewer("VIEWER"), "account projects retention"],
  ["a member", aViewer("MEMBER"), "account projects retention"],
  ["an admin", aViewer("ADMIN"), "account keys members projects retention audit"],
  [
    "an operator",
    aViewer("ADMIN", { isOperator: true }),
    "account keys members projects accounts retention audit",
  ],
  ["the one user without accounts", aViewer("ADMIN", LOCAL), "retention"],
];

describe("what is offered", () => {
  it.each(OFFERED)("to %s", (_, viewer, expected) => {
    expect(PERMISSIONS.filter((one) => may(viewer, one)).join(" ")).toBe(expected);
  });

  it.each(PAGES)("as settings to %s", (_, viewer, expected) => {
    expect(
      listSettings(viewer)
        .map(({ key }) => key)
        .join(" "),
    ).toBe(expected);
  });
});

describe("a slug", () => {
  it.each([
    ["Support (EU)", "support-eu"],
    ["  Émile's  agents ", "emile-s-agents"],
    ["--", ""],
    ["日本", ""],
    ["a".repeat(80), "a".repeat(64)],
    [`${"a".repeat(63)} b`, "a".repeat(63)],
  ])("of %j is %j", (name, slug) => {
    expect(suggestSlug(name)).toBe(slug);
    // What the server takes, or nothing.
    expect(slug === "" || /^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$/.test(slug)).toBe(true);
  });
});

describe("the end of a key", () => {
  it("is so many days from now, or none", () => {
    const nowMs = Date.UTC(2026, 10, 26);
    expect(endOf("30d", nowMs)).toBe("2026-12-26T00:00:00.000Z");
    expect(endOf("1y", nowMs)).toBe("2027-11-26T00:00:00.000Z");
    expect(endOf("never", nowMs)).toBeNull();
  });
});
