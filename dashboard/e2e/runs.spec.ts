import { expect, test } from "./fixtures";
import { Recorder } from "./records";
import { recordResearchRun } from "./research-run";
import { TestServer } from "./server";

test("shows the recorded runs with their figures", async ({ page, server }) => {
  const run = recordResearchRun("workflow-list");
  await server.ingest(run.records);
  await page.goto("/?correlation=workflow-list");
  const row = page.locator(`[data-run="${run.runId}"]`);
  const cell = (name: string) => row.locator(`[data-column="${name}"]`);
  await expect(cell("name")).toHaveText("research_agent");
  await expect(cell("status")).toHaveText("Completed");
  await expect(cell("duration")).toHaveText("4.20 s");
  await expect(cell("spans")).toHaveText("9");
  await expect(cell("errors")).toHaveText("1");
  await expect(cell("tokens")).toHaveText("~1,530");
  await expect(cell("cost")).toHaveText("~$0.0153");
  await expect(cell("correlation")).toHaveText("workflow-list");
  await expect(cell("tags")).toHaveText("nightlydocs");
  await expect(page).toHaveTitle("Runs · AgentTrace");
});

test("shows a run while it runs, its figures as they grow, and its end, without a reload", async ({
  page,
  server,
}) => {
  await page.emulateMedia({ reducedMotion: "no-preference" });
  await page.goto("/?correlation=workflow-growing");
  await expect(page.getByText("No run matches")).toBeVisible();
  const recorder = new Recorder("growing_agent", { correlation_id: "workflow-growing" });
  const call = recorder.span({
    name: "answer",
    type: "LLM_CALL",
    atMs: 5,
    fields: {
      usage: { prompt_tokens: 7, completion_tokens: 3, total_tokens: 10, source: "reported" },
    },
  });
  await server.ingest([recorder.start()]);
  const row = page.locator(`[data-run="${recorder.runId}"]`);
  const cell = (name: string) => row.locator(`[data-column="${name}"]`);
  await expect(cell("status")).toHaveText("Running");
  await expect(cell("spans")).toHaveText("0");
  const before = await cell("duration").textContent();
  await expect(cell("duration")).not.toHaveText(before ?? "");
  await server.ingest([call.start]);
  await expect(cell("spans")).toHaveText("1");
  await server.ingest([call.end]);
  await expect(cell("tokens")).toHaveText("10");
  await server.ingest([recorder.end(1250)]);
  await expect(cell("status")).toHaveText("Completed");
  await expect(cell("duration")).toHaveText("1.25 s");
  await expect(page.getByTestId("run-count")).toHaveText("1 run");
});

test("tells of a run that it heard nothing of for a minute", async ({ page, server }) => {
  await page.clock.install();
  const recorder = new Recorder("hushed_agent", { correlation_id: "workflow-hushed" });
  await server.ingest([recorder.start()]);
  await page.goto("/?correlation=workflow-hushed");
  const row = page.locator(`[data-run="${recorder.runId}"]`);
  await expect(row.locator(".live-mark").first()).toBeVisible();
  await page.clock.fastForward(125_000);
  await expect(row.getByTestId("quiet")).toHaveText("no news for 2 min");
  await expect(row.locator(".live-mark")).toHaveCount(0);
  await server.ingest([recorder.span({ name: "step", atMs: 5 }).start]);
  await expect(row.getByTestId("quiet")).toHaveCount(0);
});

test("counts the tags that have no room", async ({ page, server }) => {
  const tags = ["nightly", "docs", "third", "fourth"];
  const recorder = new Recorder("tagged_agent", { correlation_id: "workflow-tags", tags });
  await server.ingest([recorder.start()]);
  await page.goto("/?correlation=workflow-tags");
  const cell = page.locator('[data-run] [data-column="tags"]');
  await expect(cell).toHaveText("nightlydocs+2");
  await expect(cell.getByTitle("third, fourth")).toBeInViewport({ ratio: 1 });
});

test("filters by text and status, keeps the choice in the address, and lets a run go that ends", async ({
  page,
  server,
}) => {
  const ended = new Recorder("filter_ended", { correlation_id: "workflow-filter" });
  const open = new Recorder("filter_open", { correlation_id: "workflow-filter" });
  await server.ingest([ended.start(), ended.end(10), open.start()]);
  await page.goto("/?correlation=workflow-filter");
  const names = page.locator('[data-run] [data-column="name"]');
  await expect(names).toHaveCount(2);
  await page.getByRole("button", { name: "Running" }).click();
  await expect(names).toHaveText(["filter_open"]);
  await expect(page).toHaveURL(/status=started/);
  await server.ingest([open.end(20)]);
  await expect(page.getByText("No run matches")).toBeVisible();
  await page.getByRole("button", { name: "Clear the filters" }).click();
  await page.keyboard.press("/");
  await page.getByLabel("Search runs").fill("FILTER_E");
  await expect(names).toHaveText(["filter_ended"]);
  await expect(page).toHaveURL(/q=FILTER_E/);
  await page.reload();
  await expect(names).toHaveText(["filter_ended"]);
  await expect(page.getByLabel("Search runs")).toHaveValue("FILTER_E");
});

test("filters by models, figures, attributes and conditions on steps, in the address too", async ({
  page,
  server,
}) => {
  const [plain, broken] = ["panel_plain", "panel_broken"].map((name) => {
    const attributes = { "deploy.region": name === "panel_plain" ? "eu, north" : "us" };
    return new Recorder(name, { correlation_id: "workflow-panel", attributes });
  }) as [Recorder, Recorder];
  const usage = (total_tokens: number) => ({ total_tokens, source: "reported" });
  const small = plain.span({
    name: "ask",
    type: "LLM_CALL",
    atMs: 1,
    fields: { model: "small-1", usage: usage(40) },
  });
  const large = broken.span({
    name: "ask",
    type: "LLM_CALL",
    atMs: 1,
    fields: { model: "large-1", usage: usage(4000) },
  });
  const tool = broken.span({
    name: "fetch",
    type: "TOOL_CALL",
    parent: large.id,
    atMs: 2,
    status: "ERROR",
  });
  await server.ingest([
    ...[plain.start(), small.start, small.end, plain.end(900)],
    ...[broken.start(), large.start, tool.start, tool.end, large.end, broken.end(5000)],
  ]);
  await page.goto("/?correlation=workflow-panel");
  const names = page.locator('[data-run] [data-column="name"]');
  await expect(names).toHaveCount(2);
  await page.keyboard.press("f");
  const panel = page.getByRole("region", { name: "Filters" });
  const clear = (name: RegExp) => page.getByRole("button", { name }).click();

  await panel.getByLabel("Model").fill("small-1");
  await page.keyboard.press("Enter");
  await expect(names).toHaveText(["panel_plain"]);
  await expect(page).toHaveURL(/model=small-1/);
  await clear(/Clear the model filter/);

  await panel.getByLabel("Tokens, from").fill("100");
  await page.keyboard.press("Enter");
  await expect(names).toHaveText(["panel_broken"]);
  await clear(/Clear the tokens filter/);

  await panel.getByLabel("Duration, seconds, to").fill("1.5");
  await page.keyboard.press("Enter");
  await expect(names).toHaveText(["panel_plain"]);
  await panel.getByLabel("Duration, seconds, to").fill("soon");
  await expect(panel.getByText("A number from 0")).toBeVisible();
  await panel.getByLabel("Duration, seconds, to").fill("");
  await page.keyboard.press("Enter");

  await panel.getByLabel("Attribute").fill("deploy.region=eu, north");
  await page.keyboard.press("Enter");
  await expect(names).toHaveText(["panel_plain"]);
  await page.reload();
  await expect(names).toHaveText(["panel_plain"]);
  await clear(/Clear the attribute filter/);

  await page.getByRole("button", { name: "Filters" }).click();
  await panel.getByLabel("Of the kind").selectOption("Tool call");
  await panel.getByLabel("Below a").selectOption("LLM call");
  await panel.getByRole("button", { name: "That failed" }).click();
  await expect(names).toHaveText(["panel_broken"]);
  await expect(page).toHaveURL(/step=failed%2Ctool_call%2Cbelow%3Allm_call/);
  await expect(page.getByTestId("run-count")).toHaveText("1 run");
  await clear(/Clear the has filter/);
  await panel.getByRole("combobox", { name: "Started" }).selectOption("Last hour");
  await expect(names).toHaveCount(2);
});

test("orders by a column and back", async ({ page, server }) => {
  for (const [name, durationMs] of [
    ["order_b", 30],
    ["order_a", 900],
    ["order_c", 200],
  ] as const) {
    const recorder = new Recorder(name, { correlation_id: "workflow-order" });
    await server.ingest([recorder.start(), recorder.end(durationMs)]);
  }
  await page.goto("/?correlation=workflow-order");
  const names = page.locator('[data-run] [data-column="name"]');
  await expect(names).toHaveText(["order_c", "order_a", "order_b"]);
  await page.getByRole("button", { name: "Duration" }).click();
  await expect(names).toHaveText(["order_a", "order_c", "order_b"]);
  await page.getByRole("button", { name: "Duration" }).click();
  await expect(names).toHaveText(["order_b", "order_c", "order_a"]);
  await expect(page).toHaveURL(/order=duration/);
});

test("walks by keyboard and opens a run", async ({ page, server }) => {
  const runs = ["first", "second", "third"].map(
    (name, index) =>
      new Recorder(`walk_${name}`, { correlation_id: "workflow-walk" }, Date.now() - index * 1000),
  );
  await server.ingest(runs.flatMap((run) => [run.start(), run.end(5)]));
  await page.goto("/?correlation=workflow-walk");
  await expect(page.locator("[data-run]")).toHaveCount(3);
  await page.keyboard.press("j");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("j");
  await page.keyboard.press("k");
  await expect(page.locator('[data-run][aria-selected="true"]')).toContainText("walk_second");
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(`/runs/${runs[1]?.runId}`);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("walk_second");
});

test("the run that the keyboard chooses is wholly in sight", async ({ page, server }) => {
  const correlation = "workflow-sight";
  const names = Array.from({ length: 30 }, (_, index) => `sight_${index}`);
  const now = Date.now();
  await server.ingest(
    names.map((name, index) =>
      new Recorder(name, { correlation_id: correlation }, now - index * 1000).start(),
    ),
  );
  await page.setViewportSize({ width: 1200, height: 600 });
  await page.goto(`/?correlation=${correlation}`);
  await expect(page.locator("[data-run]").first()).toBeVisible();
  const chosen = page.locator('[data-run][aria-selected="true"]');
  const heads = await page.getByRole("columnheader", { name: "Name" }).locator("..").boundingBox();
  const inSight = async (name: string) => {
    await expect(chosen).toContainText(name);
    await expect(async () => {
      const box = await chosen.boundingBox();
      expect(box?.y ?? -1).toBeGreaterThanOrEqual((heads?.y ?? 0) + (heads?.height ?? 0) - 1);
      expect((box?.y ?? 0) + (box?.height ?? 600)).toBeLessThanOrEqual(600);
    }).toPass({ timeout: 5_000 });
  };
  for (let count = 0; count < 25; count += 1) await page.keyboard.press("j");
  await inSight("sight_24");
  for (let count = 0; count < 20; count += 1) await page.keyboard.press("k");
  await inSight("sight_4");
});

test("pages through many runs with few rows in the page, and new ones move nothing below the top", async ({
  page,
  server,
}) => {
  const base = Date.now() - 3_600_000;
  const workflow = { correlation_id: "workflow-many" };
  const runs = Array.from(
    { length: 450 },
    (_, index) =>
      new Recorder(`run_${String(index).padStart(3, "0")}`, workflow, base + index * 1000),
  );
  await server.ingest(runs.flatMap((run) => [run.start(), run.end(5)]));
  await page.goto("/?correlation=workflow-many");
  await expect(page.getByTestId("run-count")).toHaveText("450 runs");
  const grid = page.getByRole("grid", { name: "Runs" });
  await expect(async () => {
    await grid.evaluate((element) => element.scrollTo(0, element.scrollHeight));
    await expect(page.getByText("run_000", { exact: true })).toBeVisible({ timeout: 250 });
  }).toPass();
  expect(await page.locator("[data-run]").count()).toBeLessThan(80);

  await grid.evaluate((element) => element.scrollTo(0, 3600));
  const seen = page.getByText("run_340", { exact: true });
  await expect(seen).toBeVisible();
  const before = await seen.boundingBox();
  const fresh = new Recorder("run_fresh", workflow);
  await server.ingest([fresh.start()]);
  const notice = page.getByRole("button", { name: "1 new run" });
  await expect(notice).toBeVisible();
  expect(await seen.boundingBox()).toEqual(before);
  await notice.click();
  await expect(page.getByText("run_fresh", { exact: true })).toBeVisible();
});

test("teaches how the first run gets here, and shows it when it comes", async ({ page }) => {
  const server = await TestServer.start();
  try {
    await page.goto(server.url);
    await expect(page.getByRole("heading", { name: "No runs yet" })).toBeVisible();
    await expect(page.getByText(`APIExporter(endpoint="${server.url}/api")`)).toBeVisible();
    const recorder = new Recorder("first_agent");
    await server.ingest([recorder.start()]);
    await expect(page.locator(`[data-run="${recorder.runId}"]`)).toContainText("first_agent");
  } finally {
    await server.remove();
  }
});
