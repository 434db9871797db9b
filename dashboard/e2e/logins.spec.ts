import type { Page } from "@playwright/test";
import type { Office, Pair, Person } from "./accounts";
import { expect, testAccounts as test } from "./fixtures";

/** Open the page of one's account, signed in. Returns who one is, and the tokens of that. */
async function openAccount(page: Page, office: Office): Promise<{ person: Person; own: Pair }> {
  const { access } = await office.logIn(office.operator);
  const person = await office.hire("VIEWER", access);
  const own = await office.logIn(person);
  await office.seat(page.context(), own);
  await page.goto("/settings/account?project=default");
  return { person, own };
}

function findLogins(page: Page) {
  const table = page.getByRole("region", { name: "Logins" });
  return {
    here: table.getByRole("row", { name: "This browser" }),
    ends: table.getByRole("button", { name: /^End the login of \d{4}-/ }),
  };
}

/** Whether the server takes no token of a login any more. It uses up the refresh token of one that goes on. */
async function hasEnded(office: Office, { refresh }: Pair): Promise<boolean> {
  return (await office.post("refresh", { refresh_token: refresh })).status === 401;
}

test("a login elsewhere is ended by keyboard, and this one goes on", async ({ page, office }) => {
  const { person } = await openAccount(page, office);
  const { here, ends } = findLogins(page);
  await expect(here.getByRole("button")).toHaveText("Sign out");
  await expect(here).toContainText(/node · 10\./); // by what, and where: the office is a program
  await expect(ends).toHaveCount(0);
  const elsewhere = await office.logIn(person);
  await page.reload();
  const dialog = page.getByRole("dialog", { name: "End this login?" });
  await ends.press("Enter");
  await expect(dialog).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(dialog).toBeHidden();
  await expect(ends).toBeFocused();
  await page.keyboard.press("Enter");
  await dialog.getByRole("button", { name: "End the login" }).press("Enter");
  await expect(dialog).toBeHidden();
  await expect(ends).toHaveCount(0);
  await expect(here).toBeVisible();
  expect(await hasEnded(office, elsewhere)).toBe(true);
});

test("why a login could not be ended is told where it was asked for", async ({ page, office }) => {
  const { person } = await openAccount(page, office);
  const { here, ends } = findLogins(page);
  const elsewhere = await office.logIn(person);
  await page.reload();
  await ends.click();
  const dialog = page.getByRole("dialog", { name: "End this login?" });
  const end = dialog.getByRole("button", { name: "End the login" });
  await page.context().setOffline(true);
  await end.click();
  await expect(dialog.getByRole("alert")).toHaveText("The server does not answer.");
  await page.context().setOffline(false);
  expect((await office.post("logout", {}, elsewhere.access)).status).toBe(204);
  await end.click();
  await expect(dialog.getByRole("alert")).toHaveText("There is no such login of yours.");
  await dialog.getByRole("button", { name: "Cancel" }).click();
  await expect(ends).toHaveCount(0);
  await expect(here).toBeVisible();
});

test("all logins are ended at once, this one too", async ({ page, office }) => {
  const { person, own } = await openAccount(page, office);
  const elsewhere = await office.logIn(person);
  await page.getByRole("button", { name: "End all logins" }).click();
  const dialog = page.getByRole("dialog", { name: "End all your logins?" });
  await dialog.getByRole("button", { name: "Cancel" }).click();
  await expect(page.getByText("Signed in as")).toBeVisible();
  await page.getByRole("button", { name: "End all logins" }).click();
  await dialog.getByRole("button", { name: "End all logins" }).click();
  await expect(page.getByText("You are signed out.", { exact: true })).toBeVisible();
  for (const pair of [own, elsewhere]) expect(await hasEnded(office, pair)).toBe(true);
});
