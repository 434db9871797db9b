import type { Page } from "@playwright/test";
import { findBarriers } from "./barriers";
import { expect, test } from "./fixtures";
import { Recorder } from "./records";
import { recordResearchRun } from "./research-run";

function themeOf(page: Page): Promise<string | undefined> {
  return page.evaluate(() => document.documentElement.dataset.theme);
}

test("follows the system's theme until the reader chooses one, and remembers the choice", async ({
  page,
}) => {
  await page.emulateMedia({ colorScheme: "dark" });
  await page.goto("/");
  expect(await themeOf(page)).toBe("dark");
  await page.emulateMedia({ colorScheme: "light" });
  await expect.poll(() => themeOf(page)).toBe("light");
  await page.getByRole("button", { name: "Theme: system. Switch to light" }).click();
  await page.getByRole("button", { name: "Theme: light. Switch to dark" }).click();
  await expect.poll(() => themeOf(page)).toBe("dark");
  await page.reload();
  expect(await themeOf(page)).toBe("dark");
});

test("the theme stands before the first paint", async ({ page }) => {
  await page.emulateMedia({ colorScheme: "dark" });
  await page.route("**/assets/*.js", (route) => route.abort());
  await page.goto("/");
  expect(await themeOf(page)).toBe("dark");
});

for (const colorScheme of ["light", "dark"] as const) {
  test(`has no barrier that axe finds, ${colorScheme}`, async ({ page, server }) => {
    test.slow();
    const run = recordResearchRun(`workflow-axe-${colorScheme}`);
    await server.ingest(run.records);
    await page.emulateMedia({ colorScheme });
    const addresses = [
      "/",
      `/runs/${run.runId}`,
      ...["fetch1", "draft", "plan", "retrieve"].map(
        (name) => `/runs/${run.runId}?span=${run.ids[name]}`,
      ),
      `/runs/${run.runId}?span=${run.ids.draft}&view=output`,
      `/runs/${"0".repeat(32)}`,
      "/search",
      "/search?q=research",
    ];
    for (const address of addresses) {
      await page.goto(address);
      await expect(page.locator("main :is(h1, h2)").first()).toBeVisible();
      await expect(page.getByText("Loading…")).toHaveCount(0);
      expect(await findBarriers(page, colorScheme)).toEqual([]);
    }
    for (const address of [
      "/?score=tone%3D0.1..&started=2026-11-20T14:00Z..",
      `/runs/${run.runId}?status=completed&cost=0.001..`,
    ]) {
      await page.goto(address);
      await page.getByRole("button", { name: "Filters", exact: true }).click();
      await expect(page.getByRole("region", { name: "Filters" })).toBeVisible();
      expect(await findBarriers(page, colorScheme)).toEqual([]);
    }
  });
}

for (const width of [1280, 900, 600, 390]) {
  test(`nothing stands out of the window at ${width} px`, async ({ page, server }) => {
    const run = recordResearchRun(`workflow-width-${width}`);
    await server.ingest(run.records);
    await page.setViewportSize({ width, height: 800 });
    for (const address of ["/", `/runs/${run.runId}?span=${run.ids.draft}`]) {
      await page.goto(address);
      await expect(page.getByText("research_agent").first()).toBeVisible();
      await page.getByRole("button", { name: "Filters", exact: true }).click();
      await expect(page.getByRole("region", { name: "Filters" })).toBeVisible();
      const excess = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      expect(excess).toBeLessThanOrEqual(0);
      await expect(page.getByRole("button", { name: /^Theme/ })).toBeInViewport();
    }
    await page.goto(`/runs/${run.runId}`);
    const table = page.getByTestId("usage-by-model");
    await expect(table).toContainText("extractive-summariser");
    const beyond = await table.evaluate(
      (one) => one.scrollWidth - (one.parentElement?.clientWidth ?? 0),
    );
    expect(beyond).toBeLessThanOrEqual(0);
  });
}

test("a small cost stands whole on a narrow window, and a long name ends in an ellipsis", async ({
  page,
  server,
}) => {
  const recorder = new Recorder(`long_${"name_".repeat(20)}`, {
    correlation_id: "workflow-narrow",
  });
  const call = recorder.span({
    name: "call",
    type: "LLM_CALL",
    atMs: 1,
    fields: {
      usage: { total_tokens: 706, source: "estimated" },
      cost: { usd: "0.000232", source: "rates" },
    },
  });
  await server.ingest([recorder.start(), call.start, call.end, recorder.end(20)]);
  await page.setViewportSize({ width: 600, height: 800 });
  await page.goto("/?correlation=workflow-narrow");
  const cost = page.locator('[data-run] [data-column="cost"]');
  await expect(cost).toHaveText("~$0.000232");
  expect(await cost.evaluate((cell) => cell.scrollWidth - cell.clientWidth)).toBe(0);
  await page.goto(`/runs/${recorder.runId}`);
  const title = page.getByRole("heading", { level: 1 });
  await expect(title).toBeVisible();
  const box = await title.getByRole("button").boundingBox();
  const outer = await title.boundingBox();
  expect((box?.x ?? 0) + (box?.width ?? 0)).toBeLessThanOrEqual(
    (outer?.x ?? 0) + (outer?.width ?? 0) + 1,
  );
});

test("a run is inspected in a pane below on a narrow window, beside on a wide one", async ({
  page,
  server,
}) => {
  const run = recordResearchRun("workflow-panes");
  await server.ingest(run.records);
  await page.goto(`/runs/${run.runId}?span=${run.ids.draft}`);
  const split = page.getByRole("separator", { name: "Size of the inspector" });
  await expect(split).toHaveAttribute("aria-orientation", "vertical");
  await page.setViewportSize({ width: 900, height: 800 });
  await expect(split).toHaveAttribute("aria-orientation", "horizontal");
  const before = await split.getAttribute("aria-valuenow");
  await split.focus();
  await page.keyboard.press("ArrowUp");
  await expect(split).toHaveAttribute("aria-valuenow", String(Number(before) - 2));
});
