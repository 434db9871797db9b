import type { Locator, Page } from "@playwright/test";
import { expect, test } from "./fixtures";
import { Recorder, type WireRecord } from "./records";
import type { TestServer } from "./server";

const BATCH = 5_000;
const FAILED_AT = 2_345;

async function ingestLarge(
  server: TestServer,
  count: number,
): Promise<{ runId: string; lastId: string }> {
  const recorder = new Recorder(`large_${count}`);
  const records: WireRecord[] = [recorder.start()];
  let parent = "";
  let lastId = "";
  for (let index = 0; index < count; index += 1) {
    const isParent = index % 50 === 0;
    const span = recorder.span({
      name: `step_${index}`,
      type: isParent ? "AGENT" : "TOOL_CALL",
      ...(isParent ? {} : { parent }),
      atMs: index,
      forMs: isParent ? 50 : 2,
      ...(index === FAILED_AT ? { status: "ERROR" } : {}),
    });
    if (isParent) parent = span.id;
    lastId = span.id;
    records.push(span.end);
  }
  records.push(recorder.end(count));
  for (let at = 0; at < records.length; at += BATCH)
    await server.ingest(records.slice(at, at + BATCH));
  return { runId: recorder.runId, lastId };
}

test("a run of 10,000 steps keeps few rows in the page, from the first to the last", async ({
  page,
  server,
}) => {
  const { runId, lastId } = await ingestLarge(server, 10_000);
  await page.goto(`/runs/${runId}`);
  await expect(page.getByTestId("totals")).toContainText("Spans10,000");
  const rows = page.locator("[data-span]");
  await expect(rows.first()).toBeVisible();
  expect(await rows.count()).toBeLessThan(80);
  await page.keyboard.press("End");
  await page.keyboard.press("End");
  await expect(page.locator(`[data-span="${lastId}"]`)).toBeVisible();
  expect(await rows.count()).toBeLessThan(80);
  await page.getByRole("button", { name: "Collapse all" }).click();
  await expect(page.getByRole("treegrid")).toHaveAttribute("aria-rowcount", "200");
  await page.getByLabel("Search steps").fill("step_9999");
  await expect(page.getByTestId("match-count")).toHaveText("1 match");
  await expect(rows).toHaveCount(2);
});

test("a link to a step deep in a large run scrolls to it", async ({ page, server }) => {
  const { runId, lastId } = await ingestLarge(server, 3_000);
  await page.goto(`/runs/${runId}?span=${lastId}`);
  await expect(page.locator(`[data-span="${lastId}"]`)).toBeInViewport();
});

/** All of the row is to be seen: below what sticks to the top, and above the end of the window. */
async function expectInSight(page: Page, row: Locator, heads: Locator): Promise<void> {
  await expect(async () => {
    const top = await heads.evaluate((element) => element.getBoundingClientRect().bottom);
    const box = await row.boundingBox();
    expect(box).not.toBeNull();
    expect(box?.y ?? -1).toBeGreaterThanOrEqual(top - 1);
    expect((box?.y ?? 0) + (box?.height ?? 0)).toBeLessThanOrEqual(
      await page.evaluate(() => innerHeight),
    );
  }).toPass({ timeout: 5_000 });
}

test("the step that the keyboard chooses is wholly in sight", async ({ page, server }) => {
  const { runId } = await ingestLarge(server, 3_000);
  await page.goto(`/runs/${runId}`);
  await expect(page.locator("[data-span]").first()).toBeVisible();
  const chosen = page.locator('[data-span][aria-selected="true"]');
  const axis = page.getByRole("columnheader", { name: "Time" });
  const press = async (key: string, times: number) => {
    for (let count = 0; count < times; count += 1) await page.keyboard.press(key);
  };
  await press("ArrowDown", 60);
  await expect(chosen).toContainText("step_59");
  await expectInSight(page, chosen, axis);
  await press("ArrowUp", 45);
  await expect(chosen).toContainText("step_14");
  await expectInSight(page, chosen, axis);
  await press("ArrowUp", 20);
  await expect(chosen).toContainText("step_0");
  await expectInSight(page, chosen, axis);
  await press("e", 1);
  await expect(chosen).toContainText(`step_${FAILED_AT}`);
  await expectInSight(page, chosen, axis);
  await press("Home", 1);
  await page.getByRole("button", { name: "Collapse all" }).click();
  await press("e", 1);
  await expect(chosen).toContainText(`step_${FAILED_AT}`);
  await expectInSight(page, chosen, axis);
});
