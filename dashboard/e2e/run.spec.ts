import type { Locator, Page } from "@playwright/test";
import { expect, test } from "./fixtures";
import { Recorder } from "./records";
import { recordResearchRun } from "./research-run";

function rows(page: Page): Locator {
  return page.locator("[data-span]");
}

function selected(page: Page): Locator {
  return page.locator('[data-span][aria-selected="true"]');
}

test("shows the figures that were ingested, and every step in its place", async ({
  page,
  server,
}) => {
  const run = recordResearchRun("workflow-page");
  await server.ingest(run.records);
  await page.goto(`/runs/${run.runId}`);
  await expect(page).toHaveTitle("research_agent · AgentTrace");
  const totals = page.getByTestId("totals");
  for (const [name, value] of [
    ["Duration", "4.20 s"],
    ["Spans", "9"],
    ["LLM calls", "2"],
    ["Tool calls", "3"],
    ["Errors", "1"],
    ["Tokens", "~1,530"],
    ["Cost", "~$0.0153"],
  ]) {
    await expect(totals).toContainText(`${name}${value}`);
  }
  await expect(rows(page).locator('[role="rowheader"]')).toHaveText([
    "researcher",
    "plan",
    "search_docs",
    "fetch_page",
    "fetch_page (retry)",
    "draftgpt-4o-mini",
    "critic",
    "judgeextractive-summariser",
    "save_report",
  ]);
  expect(
    await rows(page).evaluateAll((all) => all.map((row) => row.getAttribute("aria-level"))),
  ).toEqual(["1", "2", "2", "2", "2", "2", "2", "3", "2"]);
  const usage = page.getByTestId("usage-by-model").getByRole("row");
  await expect(usage.nth(1)).toHaveText("gpt-4o-mini11,2001301,330$0.0133");
  await expect(usage.nth(2)).toHaveText("extractive-summariser1~180~20~200~$0.002");
  await page.getByRole("link", { name: "workflow-page" }).first().click();
  await expect(page).toHaveURL("/?correlation=workflow-page");
});

test("shows a step from its start, its growing time, and its end", async ({ page, server }) => {
  const recorder = new Recorder("live_agent");
  const agent = recorder.span({ name: "planner", type: "AGENT", atMs: 1 });
  const tool = recorder.span({
    name: "web_search",
    type: "TOOL_CALL",
    parent: agent.id,
    atMs: 2,
    forMs: 640,
  });
  await server.ingest([recorder.start()]);
  await page.goto(`/runs/${recorder.runId}`);
  await expect(page.getByTestId("status").first()).toHaveText("Running");
  await server.ingest([agent.start, tool.start]);
  const row = page.locator(`[data-span="${tool.id}"]`);
  await expect(row).toHaveAttribute("data-status", "STARTED");
  await expect(page.getByTestId("totals")).toContainText("Spans2");
  const time = row.locator('[role="gridcell"]');
  const before = await time.textContent();
  await expect(time).not.toHaveText(before ?? "");
  await server.ingest([tool.end]);
  await expect(row).toHaveAttribute("data-status", "COMPLETED");
  await expect(time).toHaveText("640 ms");
  await server.ingest([agent.end, recorder.end(700)]);
  await expect(page.getByTestId("status").first()).toHaveText("Completed");
  await expect(page.getByTestId("totals")).toContainText("Duration700 ms");
});

test("tells how long a run has been silent, and calls it live again when news comes", async ({
  page,
  server,
}) => {
  const recorder = new Recorder("silent_agent", {}, Date.now() - 300_000);
  const agent = recorder.span({ name: "planner", type: "AGENT", atMs: 150_000 });
  await server.ingest([recorder.start(), agent.start]);
  await page.goto(`/runs/${recorder.runId}`);
  const quiet = page.getByTestId("quiet");
  await expect(quiet).toHaveText("no news for 2 min");
  await expect(page.getByTestId("status").first()).toHaveText("Running");
  await expect(page.locator("main :is(.live-mark, .bar-running)")).toHaveCount(0);
  const tool = recorder.span({ name: "web_search", parent: agent.id, atMs: 299_000 });
  await server.ingest([tool.start]);
  await expect(quiet).toHaveCount(0);
  await expect(page.locator("main .live-mark").first()).toBeVisible();
});

test("shows a step without an end in a run that is over as unfinished, not as running", async ({
  page,
  server,
}) => {
  const recorder = new Recorder("cut_agent", {}, Date.now() - 60_000);
  const lost = recorder.span({
    name: "lost_end",
    type: "LLM_CALL",
    atMs: 10,
    input: { messages: [{ role: "user", content: "Why?" }] },
  });
  await server.ingest([recorder.start(), lost.start, recorder.end(500)]);
  await page.goto(`/runs/${recorder.runId}?span=${lost.id}`);
  const row = page.locator(`[data-span="${lost.id}"]`);
  await expect(row.getByRole("img", { name: "Unfinished" })).toBeVisible();
  await expect(row.locator('[role="gridcell"]')).toHaveText("unfinished");
  const inspector = page.getByRole("region", { name: "Inspector" });
  await expect(inspector.getByTestId("status")).toHaveText("Unfinished");
  await expect(inspector).toContainText("Durationunfinished");
  await expect(inspector).not.toContainText("The model is answering");
  await expect(page.locator("main :is(.live-mark, .bar-running)")).toHaveCount(0);
});

test("takes a step that arrives after the run has ended", async ({ page, server }) => {
  const recorder = new Recorder("late_agent");
  const late = recorder.span({ name: "straggler", atMs: 4 });
  await server.ingest([recorder.start()]);
  await page.goto(`/runs/${recorder.runId}`);
  await expect(page.getByText("No step has been recorded yet.")).toBeVisible();
  await server.ingest([recorder.end(50)]);
  await expect(page.getByTestId("status").first()).toHaveText("Completed");
  await server.ingest([late.start, late.end]);
  await expect(page.locator(`[data-span="${late.id}"]`)).toContainText("straggler");
});

test("waits for a run that has not started, and fills when it does", async ({ page, server }) => {
  const recorder = new Recorder("expected_agent");
  await page.goto(`/runs/${recorder.runId}`);
  await expect(page.getByRole("heading", { name: "Waiting for this run" })).toBeVisible();
  const step = recorder.span({ name: "first_step", atMs: 0 });
  await server.ingest([recorder.start(), step.start]);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("expected_agent");
  await expect(page.locator(`[data-span="${step.id}"]`)).toBeVisible();
});

test("says so when the address holds no run id, or no page", async ({ page, server }) => {
  await page.goto(`${server.url}/runs/nonsense`);
  await expect(page.getByRole("heading", { name: "There is no such run" })).toBeVisible();
  await page.goto(`${server.url}/somewhere/else`);
  await expect(
    page.getByRole("heading", { name: "There is no page at this address" }),
  ).toBeVisible();
  await page.getByRole("link", { name: "Back to the runs" }).click();
  await expect(page).toHaveURL("/");
});

test("opens a link to a step with that step chosen", async ({ page, server }) => {
  const run = recordResearchRun("workflow-link");
  await server.ingest(run.records);
  await page.goto(`/runs/${run.runId}?span=${run.ids.judge}&view=input`);
  await expect(selected(page)).toContainText("judge");
  await expect(page.getByRole("tab", { name: "Input" })).toHaveAttribute("aria-selected", "true");
  await expect(page.getByTestId("payload-input")).toContainText("Is the answer grounded?");
});

test("is walked by keyboard: steps, folding, errors, inspector", async ({ page, server }) => {
  const run = recordResearchRun("workflow-keys");
  await server.ingest(run.records);
  await page.goto(`/runs/${run.runId}`);
  await expect(rows(page)).toHaveCount(9);
  await page.keyboard.press("ArrowDown");
  await expect(selected(page)).toContainText("researcher");
  await page.keyboard.press("ArrowLeft");
  await expect(rows(page)).toHaveCount(1);
  await expect(selected(page)).toHaveAttribute("aria-expanded", "false");
  await page.keyboard.press("ArrowRight");
  await expect(rows(page)).toHaveCount(9);
  await page.keyboard.press("ArrowRight");
  await expect(selected(page)).toContainText("plan");
  await page.keyboard.press("End");
  await expect(selected(page)).toContainText("save_report");
  await page.keyboard.press("e");
  await expect(selected(page)).toContainText("fetch_page");
  await expect(page).toHaveURL(new RegExp(`span=${run.ids.fetch1}`));
  await page.keyboard.press("Enter");
  await expect(page.getByRole("tabpanel")).toBeFocused();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("treegrid")).toBeFocused();
  await page.keyboard.press("ArrowLeft");
  await expect(selected(page)).toContainText("researcher");
  await page.keyboard.press("Escape");
  await expect(selected(page)).toHaveCount(0);
  await page.keyboard.press("?");
  await expect(page.getByRole("dialog", { name: "Keyboard shortcuts" })).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toHaveCount(0);
});

test("finds steps by name, kind and error, each with the way to it", async ({ page, server }) => {
  const run = recordResearchRun("workflow-find");
  await server.ingest(run.records);
  await page.goto(`/runs/${run.runId}`);
  const names = rows(page).locator('[role="rowheader"]');
  await page.getByLabel("Search steps").fill("JUDGE");
  await expect(names).toHaveText(["researcher", "critic", "judgeextractive-summariser"]);
  await expect(page.getByTestId("match-count")).toHaveText("1 match");
  await page.getByLabel("Search steps").fill("");
  await page.getByRole("button", { name: "Errors" }).click();
  await expect(names).toHaveText(["researcher", "fetch_page"]);
  await page.getByRole("button", { name: "Errors" }).click();
  await page.getByRole("button", { name: "Retrieval" }).click();
  await expect(names).toHaveText(["researcher", "search_docs"]);
  await expect(page).toHaveURL(/type=retrieval/);
  await page.reload();
  await expect(names).toHaveText(["researcher", "search_docs"]);
});

test("tells the level of steps that are too deep to be set in", async ({ page, server }) => {
  const recorder = new Recorder("deep_agent");
  const spans: ReturnType<Recorder["span"]>[] = [];
  for (let level = 1; level <= 20; level += 1) {
    const parent = spans.at(-1)?.id;
    spans.push(
      recorder.span({
        name: `level ${level}`,
        atMs: level,
        ...(parent === undefined ? {} : { parent }),
      }),
    );
  }
  await server.ingest([recorder.start(), ...spans.map(({ end }) => end), recorder.end(40)]);
  await page.goto(`/runs/${recorder.runId}`);
  await expect(rows(page)).toHaveCount(20);
  await expect(rows(page).getByTestId("depth")).toHaveText(["18", "19", "20"]);
});

test("the whole run is drawn on the axis of the bars below it", async ({ page, server }) => {
  const run = recordResearchRun("workflow-minimap");
  await server.ingest(run.records);
  await page.goto(`/runs/${run.runId}`);
  await expect(rows(page)).toHaveCount(9);
  const axis = await page.getByRole("columnheader", { name: "Time" }).boundingBox();
  const minimap = await page.getByTestId("minimap").boundingBox();
  expect(minimap?.x).toBeCloseTo(axis?.x ?? -1, 0);
  expect(minimap?.width).toBeCloseTo(axis?.width ?? -1, 0);
});

test("zooms the time axis and shows all of it again", async ({ page, server }) => {
  const run = recordResearchRun("workflow-zoom");
  await server.ingest(run.records);
  await page.goto(`/runs/${run.runId}`);
  const axis = page.getByRole("columnheader", { name: "Time" });
  await expect(axis).toContainText("4 s");
  await page.keyboard.press("+");
  await page.keyboard.press("+");
  await expect(axis).not.toContainText("4 s");
  await page.keyboard.press("0");
  await expect(axis).toContainText("4 s");
});

test("flags steps whose parents are missing or go in a circle, and shows them all", async ({
  page,
  server,
}) => {
  const recorder = new Recorder("tangled_agent");
  const orphan = recorder.span({ name: "orphan", parent: "00000000000000ff", atMs: 1 });
  const a = recorder.span({ name: "ring_a", atMs: 2 });
  const b = recorder.span({ name: "ring_b", parent: a.id, atMs: 3 });
  const ring = { ...a.end, parent_span_id: b.id };
  await server.ingest([recorder.start(), orphan.end, ring, b.end, recorder.end(20)]);
  await page.goto(`/runs/${recorder.runId}`);
  await expect(rows(page)).toHaveCount(3);
  await expect(page.locator(`[data-span="${orphan.id}"]`)).toContainText("parent missing");
  await expect(page.locator(`[data-span="${a.id}"]`)).toContainText("parent cycle");
});
