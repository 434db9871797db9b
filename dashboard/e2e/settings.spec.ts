import type { Page } from "@playwright/test";
import { type Office, type Person, signIn } from "./accounts";
import { findBarriers } from "./barriers";
import { expect, testAccounts as test } from "./fixtures";
import { Recorder } from "./records";

const SETTINGS = ["account", "keys", "members", "projects", "accounts", "retention", "audit"];

async function enter(page: Page, office: Office, person: Person, path: string): Promise<void> {
  await office.seat(page.context(), await office.logIn(person));
  await page.goto(path);
}

test("a key is made, shown once, records, and is refused once it is revoked", async ({
  page,
  office,
}) => {
  await enter(page, office, office.operator, "/settings/keys?project=default");
  await page.getByRole("button", { name: "Create a key" }).click();
  const form = page.getByRole("form", { name: "Create an API key" });
  await form.getByLabel("Name").fill("nightly evaluation");
  await form.getByLabel("Scope").selectOption("INGEST");
  await form.getByLabel("Ends").selectOption("30d");
  await form.getByLabel("Name").press("Enter");
  const shown = page.getByTestId("new-key");
  await expect(shown).toHaveText(/^agt_[0-9A-Za-z]{12}_/);
  const key = (await shown.textContent()) ?? "";
  await page.getByRole("button", { name: "I have copied it" }).click();
  await expect(page.getByText(key)).toHaveCount(0);
  const row = page.getByRole("row", { name: /nightly evaluation/ });
  await expect(row).toContainText("Ingest");
  await expect(row).toContainText("Never");

  const recorder = new Recorder("recorded_with_a_key");
  await office.server.ingest([recorder.start(), recorder.end(5)], key);
  await page.getByRole("link", { name: "Runs" }).click();
  await expect(page.locator(`[data-run="${recorder.runId}"]`)).toContainText("recorded_with_a_key");

  await page.goBack();
  await page.getByRole("button", { name: "Revoke the key nightly evaluation" }).click();
  await page.getByRole("button", { name: "Cancel" }).click();
  await expect(row.getByText("Revoked")).toHaveCount(0);
  await page.getByRole("button", { name: "Revoke the key nightly evaluation" }).click();
  await page.getByRole("button", { name: "Revoke the key", exact: true }).click();
  await expect(row).toContainText("Revoked");
  await expect(office.server.ingest([new Recorder("refused").start()], key)).rejects.toThrow(
    "answered 401",
  );
});

test("accounts are made, given roles, demoted, disabled; and the audit log has it all", async ({
  page,
  office,
}) => {
  await enter(page, office, office.operator, "/settings/accounts?project=default");
  const email = "mara@example.org";
  const make = page.getByRole("form", { name: "Create an account" });
  await make.getByLabel("E-mail address").fill(email);
  await make.getByLabel("First password").fill("password");
  await make.getByRole("button", { name: /^(Add|Create|Change)/ }).click();
  await expect(make).toContainText("at least 15 characters");
  await make.getByLabel("First password").fill("eleven quiet lighthouses");
  await make.getByRole("button", { name: /^(Add|Create|Change)/ }).click();
  await expect(make.getByRole("status")).toHaveText(`The account of ${email} is made.`);

  await page.getByRole("link", { name: "Members" }).click();
  const add = page.getByRole("form", { name: "Add a member" });
  await add.getByLabel("E-mail address").fill("nobody@example.org");
  await add.getByRole("button", { name: /^(Add|Create|Change)/ }).click();
  await expect(add).toContainText(/no account/i);
  await add.getByLabel("E-mail address").fill(email);
  await add.getByLabel("Role").selectOption("ADMIN");
  await add.getByRole("button", { name: /^(Add|Create|Change)/ }).click();
  const role = page.getByLabel(`Role of ${email}`);
  await expect(role).toHaveValue("ADMIN");
  await role.selectOption("VIEWER");
  await expect(role).toHaveValue("ADMIN");
  await page.getByRole("button", { name: "Make them viewer" }).click();
  await expect(role).toHaveValue("VIEWER");
  await page.getByRole("button", { name: `Remove ${email}` }).click();
  await page.getByRole("button", { name: "Remove", exact: true }).click();
  await expect(role).toHaveCount(0);
  await page.getByLabel(`Role of ${office.operator.email}`).selectOption("MEMBER");
  await page.getByRole("button", { name: "Make me member" }).click();
  await expect(page.getByRole("dialog").getByRole("alert")).toContainText(/admin/);
  await page.getByRole("button", { name: "Cancel" }).click();

  await page.getByRole("link", { name: "Accounts" }).click();
  await page.getByRole("button", { name: `Disable ${email}` }).click();
  await page.getByRole("button", { name: "Disable the account" }).click();
  await expect(page.getByRole("button", { name: `Enable ${email}` })).toBeVisible();

  await page.getByRole("link", { name: "Audit log" }).click();
  const log = page.getByRole("region", { name: "Audit log" });
  for (const deed of ["account created", "role changed", "member removed", "account disabled"])
    await expect(
      log.getByRole("row").filter({ hasText: email }).filter({ hasText: deed }).first(),
    ).toBeVisible();
});

test("a project whose only admin leaves is handed on, and the keys they made are told", async ({
  page,
  office,
}) => {
  const { access } = await office.logIn(office.operator);
  const leaver = await office.hire("ADMIN", access);
  const heir = await office.hire("VIEWER", access);
  const made =
    'mutation { createProject(name: "Handed on", slug: "handed-on") { errors { code } } }';
  await office.ask(access, made);
  await office.ask(
    access,
    'mutation($e: String!) { appointAdmin(project: "handed-on", email: $e) { errors { code } } }',
    { e: leaver.email },
  );
  const theirs = (await office.logIn(leaver)).access;
  await office.makeKey(theirs);
  const out = "mutation($e: String!) { removeMember(email: $e) { errors { code } } }";
  await office.ask(theirs, out, { e: office.operator.email }, "handed-on");

  await enter(page, office, office.operator, "/settings/accounts?project=default");
  await page.getByRole("button", { name: `Disable ${leaver.email}` }).click();
  const dialog = page.getByRole("dialog");
  await expect(dialog.getByRole("listitem")).toHaveText(["1 in default"]);
  await dialog.getByRole("button", { name: "Disable the account" }).click();
  await expect(dialog.getByRole("alert")).toContainText("'handed-on'");
  await dialog.getByRole("button", { name: "Cancel" }).click();

  const form = page.getByRole("form", { name: "Appoint an admin" });
  await form.getByLabel("Slug of the project").fill("handed-of");
  await form.getByLabel("E-mail address").fill(heir.email);
  await form.getByRole("button").click();
  await expect(form).toContainText("There is no project of this slug");
  await form.getByLabel("Slug of the project").fill("handed-on");
  await form.getByRole("button").click();
  await expect(form.getByRole("status")).toHaveText(`${heir.email} is an admin of handed-on now.`);
  await page.getByRole("button", { name: `Disable ${leaver.email}` }).click();
  await page.getByRole("button", { name: "Disable the account" }).click();
  await expect(page.getByRole("button", { name: `Enable ${leaver.email}` })).toBeVisible();
});

test("each role is offered what it may do, and no more", async ({ browser, office }) => {
  const { access } = await office.logIn(office.operator);
  const offered = {
    VIEWER: ["Account", "Projects", "Retention"],
    MEMBER: ["Account", "Projects", "Retention"],
    ADMIN: ["Account", "API keys", "Members", "Projects", "Retention", "Audit log"],
  } as const;
  for (const role of ["VIEWER", "MEMBER", "ADMIN"] as const) {
    const person = await office.hire(role, access);
    const context = await browser.newContext({ baseURL: office.server.url });
    const page = await context.newPage();
    await enter(page, office, person, "/settings/projects?project=default");
    const pages = page.getByRole("navigation", { name: "Settings" }).getByRole("link");
    await expect(pages).toHaveText([...offered[role]]);
    await expect(page.getByRole("form", { name: "Create a project" })).toHaveCount(0);
    await page.goto("/settings/accounts?project=default");
    await expect(page.getByRole("heading", { level: 1 })).toHaveText(
      "There is no such page for you",
    );
    await context.close();
  }
});

test("a project is made and switched to; its runs are its own, and a link names it", async ({
  page,
  browser,
  office,
}) => {
  const { access } = await office.logIn(office.operator);
  const recorder = new Recorder("of_the_default_project");
  await office.server.ingest([recorder.start()], await office.makeKey(access));
  await enter(page, office, office.operator, "/settings/projects?project=default");
  const form = page.getByRole("form", { name: "Create a project" });
  await form.getByLabel("Name").fill("Support (EU)");
  await expect(form.getByLabel("Slug")).toHaveValue("support-eu");
  await form.getByRole("button", { name: /^(Add|Create|Change)/ }).click();
  await page.getByRole("link", { name: "Switch to Support (EU)" }).click();
  await expect(page).toHaveURL("/settings/projects?project=support-eu");
  await expect(page.getByRole("row", { name: /Support/ })).toContainText("Shown now");
  await page.getByRole("link", { name: "Runs" }).click();
  await expect(page.getByRole("heading", { name: "No runs yet" })).toBeVisible();
  await expect(page).toHaveURL("/?project=support-eu");
  await page.getByLabel("Project").selectOption("default");
  await page.locator(`[data-run="${recorder.runId}"] a`).click();
  await expect(page).toHaveURL(`/runs/${recorder.runId}?project=default`);

  const other = await browser.newContext({ baseURL: office.server.url });
  const tab = await other.newPage();
  await enter(tab, office, await office.hire("VIEWER", access), "/?project=support-eu");
  await expect(tab.getByRole("heading", { name: "This project is not open to you" })).toBeVisible();
  await expect(tab.getByTestId("connection")).toHaveText("Up to date");
  await tab.getByRole("link", { name: "Go to your own projects" }).click();
  await expect(tab).toHaveURL("/?project=default");
  await expect(tab.locator(`[data-run="${recorder.runId}"]`)).toBeVisible();
  await other.close();
});

test("a project gets another name from its admin, and keeps its slug", async ({
  page,
  browser,
  office,
}) => {
  const { access } = await office.logIn(office.operator);
  await office.ask(
    access,
    'mutation { createProject(name: "Old name", slug: "renamed") { errors { message } } }',
  );
  await enter(page, office, office.operator, "/settings/projects?project=renamed");
  const form = page.getByRole("form", { name: "Rename this project" });
  const name = form.getByLabel("New name");
  const rename = form.getByRole("button", { name: "Rename the project" });
  await expect(name).toHaveValue("Old name");
  await expect(rename).toBeDisabled();
  await name.fill("  ");
  await expect(rename).toBeDisabled();
  await name.fill("Support <b>team</b>");
  await page.context().setOffline(true);
  await name.press("Enter");
  await expect(form.getByRole("alert")).toHaveText("The server does not answer.");
  await page.context().setOffline(false);
  await name.press("Enter");
  await expect(form.getByRole("status")).toHaveText(
    "The project is called Support <b>team</b> now.",
  );
  await expect(form.getByRole("alert")).toHaveCount(0);
  await expect(page.getByRole("row", { name: /Support <b>team<\/b>/ })).toContainText("renamed");
  await expect(page.getByLabel("Project").locator("option:checked")).toHaveText(
    "Support <b>team</b>",
  );
  await page.getByRole("link", { name: "Audit log" }).click();
  await expect(page.getByRole("row", { name: /project renamed/ })).toContainText("Support");

  const context = await browser.newContext({ baseURL: office.server.url });
  const other = await context.newPage();
  await enter(other, office, await office.hire("MEMBER", access), "/settings/projects");
  await expect(other.getByRole("row", { name: "Default" })).toContainText("Shown now");
  await expect(other.getByRole("form")).toHaveCount(0);
  await context.close();
});

test("a changed password ends the other logins and not this one", async ({ page, office }) => {
  const { access } = await office.logIn(office.operator);
  const person = await office.hire("VIEWER", access);
  const elsewhere = await office.logIn(person);
  await enter(page, office, person, "/settings/account?project=default");
  const form = page.getByRole("form", { name: "Change the password" });
  await form.getByLabel("Current password").fill("not the right one at all");
  await form.getByLabel("New password").fill("nine slow wooden clocks");
  await form.getByRole("button", { name: /^(Add|Create|Change)/ }).click();
  await expect(form).toContainText("The current password is wrong.");
  await form.getByLabel("Current password").fill(person.password);
  await form.getByRole("button", { name: /^(Add|Create|Change)/ }).click();
  await expect(form.getByLabel("Current password")).toHaveValue("");
  await expect(page.getByRole("heading", { name: "Account" })).toBeVisible();
  expect((await office.post("refresh", { refresh_token: elsewhere.refresh })).status).toBe(401);
  await page.reload();
  await expect(page.getByText("Signed in as")).toBeVisible();
  await page.getByRole("button", { name: "Sign out" }).click();
  await signIn(page, { ...person, password: "nine slow wooden clocks" });
  await expect(page.getByText("Signed in as")).toBeVisible();
});

for (const colorScheme of ["light", "dark"] as const) {
  test(`has no barrier that axe finds, and fits a narrow window, ${colorScheme}`, async ({
    page,
    office,
  }) => {
    test.slow();
    await page.emulateMedia({ colorScheme });
    for (const openness of ["setup", "open", "closed"]) {
      await page.route("**/api/auth/register", (route) =>
        route.fulfill({ json: { registration: openness } }),
      );
      await page.goto("/register");
      const field = openness === "setup" ? "Setup token" : "Password";
      await expect(page.getByLabel(field)).toBeVisible();
      expect(await findBarriers(page, colorScheme)).toEqual([]);
    }
    const { access } = await office.logIn(office.operator);
    await office.makeKey(access);
    await enter(page, office, office.operator, "/settings?project=default");
    for (const key of SETTINGS) {
      await page.goto(`/settings/${key}?project=default`);
      await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
      await expect(page.locator("[aria-busy=true]")).toHaveCount(0);
      expect(await findBarriers(page, colorScheme)).toEqual([]);
      for (const width of [600, 390]) {
        await page.setViewportSize({ width, height: 800 });
        expect(await findExcess(page)).toEqual([]);
        await expect(page.getByRole("button", { name: "Account", exact: true })).toBeInViewport();
      }
      await page.setViewportSize({ width: 1440, height: 900 });
    }
  });
}

/** What is wider than its place: the page, and the tables in it. */
function findExcess(page: Page): Promise<string[]> {
  return page.evaluate(() =>
    [document.documentElement, ...document.querySelectorAll("section[tabindex]")]
      .filter((element) => element.scrollWidth > element.clientWidth)
      .map((element) => element.getAttribute("aria-label") ?? "the page"),
  );
}
