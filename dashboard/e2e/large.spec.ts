import { expect, test } from "./fixtures";
import { Recorder, type WireRecord } from "./records";
import type { TestServer } from "./server";

const BATCH = 5_000;

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
