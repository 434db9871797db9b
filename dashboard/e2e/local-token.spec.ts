import { expect, test } from "@playwright/test";
import { TestServer } from "./server";

test("L: the link lets this browser in, live too, and no other", async ({ page, browser }) => {
  const server = await TestServer.start("--local-token");
  try {
    expect((await page.goto(server.url))?.status()).toBe(401);
    await page.goto(server.link);
    await expect(page).toHaveURL(`${server.url}/`);
    await expect(page.getByTestId("connection")).toHaveText("Live");
    expect(await page.evaluate(() => document.cookie)).toBe("");
    const other = await browser.newContext();
    const seen = await (await other.newPage()).goto(server.link);
    expect(seen?.status()).toBe(401);
    await other.close();
  } finally {
    await server.remove();
  }
});
