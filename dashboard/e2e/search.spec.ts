import { test as base, expect } from "@playwright/test";
import { Recorder } from "./records";
import { TestServer } from "./server";

// The index follows the commits: a server of its own has no other test's steps to read first.
const test = base.extend<{ readonly ownServer: TestServer }>({
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the fixtures out of this pattern
  ownServer: async ({}, use) => {
    const server = await TestServer.start();
    await use(server);
    await server.remove();
  },
  baseURL: async ({ ownServer }, use) => {
    await use(ownServer.url);
  },
});

test("finds a step by what was said in it, and leads there", async ({
  page,
  ownServer: server,
}) => {
  const recorder = new Recorder("geographer", { correlation_id: "workflow-search" });
  const call = recorder.span({
    name: "answer",
    type: "LLM_CALL",
    atMs: 1,
    input: { question: "Where is the zanzibarine lighthouse?" },
    output: "It stands on the northern cape <img src=x>",
  });
  const other = recorder.span({ name: "other", atMs: 20, output: "nothing of it" });
  await server.ingest([
    ...[recorder.start(), call.start, call.end, other.start, other.end],
    recorder.end(50),
  ]);
  await page.goto("/");
  await page.keyboard.press("s");
  await expect(page.getByText("Search what was said").first()).toBeVisible();
  const hits = page.getByRole("list", { name: "Steps found" }).getByRole("listitem");
  await page.getByLabel("Search what was said").fill("NORTHERN cap*");
  await expect(page).toHaveURL(/\/search\?q=NORTHERN/);
  // Until the index has followed, the page says so and searches again on demand.
  await expect(async () => {
    await page.reload();
    await expect(hits).toHaveCount(1, { timeout: 2_000 });
  }).toPass();
  await expect(hits.first()).toContainText("geographer");
  await expect(hits.first().locator("mark")).toHaveText(["northern", "cape"]);
  // By keyboard: from the field to what was found.
  await page.keyboard.press("/");
  await expect(page.getByLabel("Search what was said")).toBeFocused();
  await page.keyboard.press("Enter");
  const link = hits.first().getByRole("link", { name: "answer" });
  for (let stop = 0; stop < 5; stop += 1) {
    if (await link.evaluate((one) => one === document.activeElement)) break;
    await page.keyboard.press("Tab");
  }
  await expect(link).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(new RegExp(`/runs/${recorder.runId}\\?span=${call.id}`));
  await page.goBack();
  await page.getByLabel("Search what was said").fill("zanzibarine nowhere");
  await expect(page.getByText("No step says that")).toBeVisible();
});
