import type { Page } from "@playwright/test";
import { Office, signIn } from "./accounts";
import { expect, testAccounts as test } from "./fixtures";
import { watch } from "./watch";

test("the first account is asked for and made with the setup token, others by themselves", async ({
  page,
  browser,
}) => {
  const office = await Office.open({ REGISTRATION: "open" });
  try {
    const findings = await watch(page, office.server.url);
    await page.goto(office.server.url);
    await expect(page.getByRole("heading", { level: 1 })).toHaveText("Create the first account");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("button", { name: "Create the first" }).click();
    const form = page.getByRole("form", { name: "Create an account" });
    const create = form.getByRole("button", { name: "Create the account" });
    await form.getByLabel("E-mail address").fill(office.operator.email);
    await form.getByLabel("Password").fill("too short");
    await expect(create).toBeDisabled();
    await form.getByLabel("Setup token").fill(office.server.setupToken);
    await create.click();
    await expect(form.getByRole("alert")).toContainText("at least 15 characters");
    await form.getByLabel("Password").fill(office.operator.password);
    await create.click();
    await expect(page.getByRole("heading", { name: "No runs yet" })).toBeVisible();
    await expect(page).toHaveURL(`${office.server.url}/?project=default`);
    await page.getByRole("button", { name: "Account" }).click();
    await expect(page.getByText("Admin of")).toContainText("operator");
    expect(await findings()).toEqual([]);
    const context = await browser.newContext({ baseURL: office.server.url });
    await registerStranger(await context.newPage());
    await context.close();
  } finally {
    await office.server.remove();
  }
});

/** Somebody who comes by themselves is in no project yet, and told so. */
async function registerStranger(page: Page): Promise<void> {
  await page.goto("/");
  await page.getByRole("button", { name: "Create an account" }).click();
  const form = page.getByRole("form", { name: "Create an account" });
  await expect(form.getByLabel("Setup token")).toHaveCount(0);
  await form.getByLabel("E-mail address").fill("nora@example.org");
  await form.getByLabel("Password").fill("four and twenty blackbirds");
  await form.getByRole("button", { name: "Create the account" }).click();
  await expect(page.getByRole("heading", { name: "You are in no project yet" })).toBeVisible();
  await page.getByRole("link", { name: "Settings" }).click();
  await expect(page.getByRole("navigation", { name: "Settings" }).getByRole("link")).toHaveText([
    "Account",
    "Projects",
  ]);
}

test("where registration is closed no account is offered, and the way to one is told", async ({
  page,
}) => {
  const isTold = page.waitForResponse((answer) => answer.url().endsWith("/api/auth/register"));
  await page.goto("/");
  expect(await (await isTold).json()).toEqual({ registration: "closed" });
  await page.evaluate(() => new Promise(requestAnimationFrame)); // the page knows it by now, too
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Sign in to AgentTrace");
  await expect(page.getByRole("button", { name: /account|register/i })).toHaveCount(0);
  await page.goto("/register");
  await expect(page.getByRole("status")).toContainText("An operator of this server makes");
  await expect(page.getByRole("form")).toHaveAccessibleName("Sign in");
  await expect(page.getByRole("button", { name: /account|register/i })).toHaveCount(0);
});

test("a wrong password, a closed door and too many tries are told in words", async ({
  page,
  office,
}) => {
  const { access } = await office.logIn(office.operator);
  const person = await office.hire("VIEWER", access);
  // As by a server of an earlier release, which does not say whether anybody may register.
  await page.route("**/api/auth/register", (route) =>
    route.request().method() === "GET" ? route.fulfill({ status: 405 }) : route.continue(),
  );
  await page.goto("/register");
  const register = page.getByRole("form", { name: "Create an account" });
  await register.getByLabel("E-mail address").fill("new@example.org");
  await register.getByLabel("Password").fill("four and twenty blackbirds");
  await register.getByRole("button", { name: "Create the account" }).click();
  await expect(register.getByRole("alert")).toHaveText(
    "Registration is closed; ask an operator of this server for an account.",
  );
  await page.getByRole("button", { name: "Sign in" }).click();
  const wrong = { ...person, password: "not the right one" };
  const alert = page.getByRole("form", { name: "Sign in" }).getByRole("alert");
  await signIn(page, wrong);
  await expect(alert).toHaveText("The e-mail address or the password is wrong.");
  for (let tries = 1; tries < 5; tries += 1) await office.post("token", wrong);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await expect(alert).toHaveText(/The next one is looked at in 1[45] min \d+ s/);
  await expect(page.getByRole("button", { name: "Sign in", exact: true })).toBeDisabled();
});

test("a link leads to its page after the login, and signing out ends the login on the server", async ({
  page,
  office,
}) => {
  const second = await page.context().newPage();
  await page.goto("/search?q=boats");
  await signIn(page, office.operator);
  await expect(page).toHaveURL("/search?q=boats&project=default");
  await expect(page.getByLabel("Search what was said")).toHaveValue("boats");
  await second.goto("/");
  await expect(second.getByTestId("connection")).toHaveText("Live");
  const kept = await page.evaluate(() => localStorage.getItem("agenttrace.session"));
  const { access, refresh } = JSON.parse(kept ?? "") as { access: string; refresh: string };
  await page.getByRole("button", { name: "Account" }).click();
  await page.getByRole("button", { name: "Sign out" }).click();
  for (const tab of [page, second])
    await expect(tab.getByText("You are signed out.", { exact: true })).toBeVisible();
  expect(await page.evaluate(() => localStorage.getItem("agenttrace.session"))).toBeNull();
  expect((await office.post("refresh", { refresh_token: refresh })).status).toBe(401);
  expect((await office.post("logout", {}, access)).status).toBe(401);
});

test("a server without accounts shows no login, and no settings of accounts", async ({
  page,
  server,
}) => {
  const asked: string[] = [];
  page.on("request", (request) => {
    if (request.headers().authorization !== undefined || request.url().includes("/api/auth/"))
      asked.push(request.url());
  });
  await page.goto(`${server.url}/login`);
  await expect(page).toHaveURL(`${server.url}/`);
  await expect(page.getByTestId("connection")).toHaveText("Live");
  await expect(page.getByRole("button", { name: "Account" })).toHaveCount(0);
  await page.getByRole("link", { name: "Settings" }).click();
  await expect(page.getByRole("heading", { name: "Retention" })).toBeVisible();
  await expect(page.getByRole("navigation", { name: "Settings" }).getByRole("link")).toHaveText([
    "Retention",
  ]);
  expect(asked).toEqual([]);
});
