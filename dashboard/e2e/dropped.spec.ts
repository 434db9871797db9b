import { expect, test } from "./fixtures";
import { Recorder } from "./records";

test("says of a run what its recorder dropped, in the list and above it, while it runs and after", async ({
  page,
  server,
}) => {
  const recorder = new Recorder("lossy_agent");
  const span = recorder.span({ name: "kept", atMs: 1 });
  await server.ingest([recorder.start(), span.end]);
  await page.goto(`/runs/${recorder.runId}`);
  await expect(page.locator("[data-span]").first()).toBeVisible();
  await expect(page.getByTestId("dropped")).toHaveCount(0);
  await server.ingest([{ ...recorder.start(), rev: 12, dropped: { queue_full: 12 } }]);
  const banner = page.getByTestId("dropped");
  await expect(banner).toContainText(
    "12 records of this run were dropped by its recorder: queue_full 12.",
  );
  await expect(banner).toContainText("AGENTTRACE_QUEUE_MAX_RECORDS");
  await server.ingest([
    recorder.end(40, "COMPLETED", { rev: 14, complete: false, dropped: { queue_full: 13 } }),
  ]);
  await expect(banner).toContainText("13 records of this run");
  await page.screenshot({ path: "test-results/dropped-run.png" });
  await page.goto("/");
  const row = page.locator(`[data-run="${recorder.runId}"]`);
  await expect(row.getByTestId("dropped")).toHaveText("13 dropped");
  await page.screenshot({ path: "test-results/dropped-list.png" });
});
