import { readFile } from "node:fs/promises";
import type { Page } from "@playwright/test";
import { expect, test } from "./fixtures";
import { payload, Recorder } from "./records";
import { type ResearchRun, recordResearchRun } from "./research-run";
import type { TestServer } from "./server";

async function open(page: Page, server: TestServer, name: string, view = ""): Promise<ResearchRun> {
  const run = recordResearchRun(`workflow-inspect-${name}`);
  await server.ingest(run.records);
  await page.goto(`/runs/${run.runId}?span=${run.ids[name]}${view}`);
  return run;
}

test("shows a model call as a conversation, with tokens and the source of the cost", async ({
  page,
  server,
}) => {
  await open(page, server, "draft");
  await expect(page.getByTestId("turn")).toHaveText([
    "systemAnswer from the passages only.",
    "userThread or coroutine?",
    "assistantUse a thread when the work blocks; use a coroutine when it waits.",
  ]);
  await expect(page.getByTestId("call-line")).toHaveText("gpt-4o-mini1.24 s1,330 tokens$0.0133");
  await expect(page.getByTestId("call-line")).toBeInViewport();
  const pane = page.getByRole("tabpanel");
  await expect(pane).toContainText("· cached1,024");
  await expect(pane).toContainText("· reasoning64");
  await expect(pane).toContainText("$0.0133 from a price table");
  await expect(pane).toContainText("tokens reported by the provider");
  await page.getByRole("tab", { name: "Events" }).click();
  await expect(page.getByTestId("events").getByRole("listitem")).toHaveText([
    "2.70 schunkUse a thread ",
    "3.00 schunkwhen the work blocks; ",
    "3.30 schunkuse a coroutine when it waits.",
  ]);
  await page.getByRole("tab", { name: "Attributes" }).click();
  await expect(page.getByRole("tabpanel")).toContainText("gen_ai.systemopenai");
});

test("marks estimated tokens and says why", async ({ page, server }) => {
  await open(page, server, "judge");
  const pane = page.getByRole("tabpanel");
  await expect(pane).toContainText("tokens estimated by the recorder");
  await expect(pane).toContainText("Total~200");
  await expect(pane).toContainText("~$0.002 from the rates given at the call");
});

test("shows a decision with its options, the choice and the reason", async ({ page, server }) => {
  await open(page, server, "plan");
  const options = page.getByTestId("options").getByRole("listitem");
  await expect(options).toHaveCount(3);
  await expect(options.nth(0)).toHaveAttribute("data-chosen", "true");
  await expect(options.nth(0)).toContainText("search the documentation");
  await expect(options.nth(1)).toHaveAttribute("data-chosen", "false");
  await expect(
    page.getByText("The question names modules that the documentation covers."),
  ).toBeVisible();
});

test("marks every option of a decision that chose several, by value or by name", async ({
  page,
  server,
}) => {
  const recorder = new Recorder("choosing_agent");
  const pages = recorder.span({
    name: "choose_pages",
    type: "DECISION",
    atMs: 1,
    input: {
      options: [
        { page: "try", score: 14.4 },
        { page: "raise", score: 10.8 },
        { page: "types", score: 4.2 },
      ],
    },
    output: { chosen: ["raise", "try"], reason: "They score near the best." },
  });
  await server.ingest([recorder.start(), pages.start, pages.end, recorder.end(20)]);
  await page.goto(`/runs/${recorder.runId}?span=${pages.id}`);
  await expect(page.getByTestId("chosen").getByRole("listitem")).toHaveText(["raise", "try"]);
  const options = page.getByTestId("options").getByRole("listitem");
  await expect(options).toHaveText([
    '{"page": "try", "score": 14.4}chosen',
    '{"page": "raise", "score": 10.8}chosen',
    '{"page": "types", "score": 4.2}',
  ]);
  await expect(page.getByTestId("options").locator('[data-chosen="true"]')).toHaveCount(2);
  await expect(page.getByRole("tabpanel").getByRole("heading", { level: 3 })).toHaveText([
    "Chosen",
    "Reason",
    "Options",
    "Timing",
    "Record",
  ]);
});

test("shows what a retrieval found, best first, with scores", async ({ page, server }) => {
  await open(page, server, "retrieve");
  await expect(page.getByRole("tabpanel")).toContainText("thread or coroutine");
  const documents = page.getByTestId("document");
  await expect(documents).toHaveCount(3);
  await expect(documents.nth(0)).toContainText("asyncio-task.rst#3");
  await expect(documents.nth(0)).toContainText("14.21");
  await expect(documents.nth(2)).toContainText("2.05");
});

test("shows an error with its notes, traceback and cause", async ({ page, server }) => {
  await open(page, server, "fetch1");
  const error = page.getByTestId("error");
  await expect(error).toContainText("research_agent.FetchError");
  await expect(error).toContainText("Will be tried once more.");
  await expect(error).toContainText("caused by");
  await expect(error).toContainText("builtins.TimeoutError");
  await expect(error.getByText("raise FetchError(page) from error")).toBeHidden();
  await error.getByText("Traceback", { exact: true }).click();
  await expect(error.getByText("raise FetchError(page) from error")).toBeVisible();
});

test("shows what the steps inside a step add up to", async ({ page, server }) => {
  await open(page, server, "agent");
  const pane = page.getByRole("tabpanel");
  await expect(pane).toContainText("Steps8");
  await expect(pane).toContainText("Tokens~1,530");
  await expect(pane).toContainText("Cost~$0.0153");
});

test("keeps the digits of numbers and the bytes of the text", async ({ page, server }) => {
  const recorder = new Recorder("exact_agent");
  const step = recorder.span({ name: "big", type: "TOOL_CALL", atMs: 0, output: "OUTPUT" });
  const text = '{"id": 123456789012345678901234567890,  "price": 0.10, "twice": 1e2}';
  const lines = [recorder.start(), step.end, recorder.end(9)].map((one) => JSON.stringify(one));
  const answer = await fetch(`${server.url}/api/ingest`, {
    method: "POST",
    headers: { "content-type": "application/x-ndjson" },
    body: lines.join("\n").replace('"OUTPUT"', text),
  });
  expect(await answer.json()).toMatchObject({ accepted: 3 });
  await page.goto(`/runs/${recorder.runId}?span=${step.id}&view=output`);
  const shown = page.getByTestId("payload-output");
  await expect(shown).toContainText("id:123456789012345678901234567890");
  await expect(shown).toContainText("price:0.10");
  await shown.getByRole("button", { name: "Raw" }).click();
  await expect(shown.getByText(text, { exact: true })).toBeVisible();
});

test("marks a value that is not whole, and fetches a larger one only when asked", async ({
  page,
  server,
}) => {
  const recorder = new Recorder("large_value_agent");
  const step = recorder.span({
    name: "dump",
    atMs: 0,
    fields: {
      output: payload({ lines: Array.from({ length: 30_000 }, (_, n) => `line ${n} of the dump`) }),
      input: {
        ...payload("the beginning of", "truncated"),
        bytes: 5_242_880,
        sha256: "0".repeat(64),
      },
    },
  });
  await server.ingest([recorder.start(), step.end, recorder.end(9)]);
  const asked: string[] = [];
  page.on("request", (request) => asked.push(request.postData() ?? ""));
  await page.goto(`/runs/${recorder.runId}?span=${step.id}&view=output`);
  const load = page.getByRole("button", { name: "Show it here" });
  await expect(load).toBeVisible();
  await expect(page.getByTestId("payload-output")).toContainText("line 0 of the dump");
  expect(asked.filter((body) => body.includes('"output":true'))).toEqual([]);
  await load.click();
  await expect(page.getByTestId("json")).toContainText("line 0 of the dump");
  await expect(page.getByRole("button", { name: "29,800 more…" })).toBeVisible();
  await page.getByRole("tab", { name: "Input" }).click();
  await expect(page.getByRole("tabpanel")).toContainText("truncated");
  await expect(page.getByRole("tabpanel")).toContainText("The whole had 5.0 MiB.");
});

test("shows the beginning of a huge value, and gives the whole as a file", async ({
  page,
  server,
}) => {
  const recorder = new Recorder("huge_value_agent");
  // More than the page fetches even when asked, and less than the wire takes at once.
  const value = `the beginning ${"x".repeat(7 * 1024 * 1024)}`;
  const step = recorder.span({
    name: "dump",
    atMs: 0,
    fields: { input: payload("asked"), output: payload(value) },
  });
  await server.ingest([recorder.start(), step.end, recorder.end(9)]);
  const asked: string[] = [];
  page.on("request", (request) => asked.push(request.postData() ?? ""));
  await page.goto(`/runs/${recorder.runId}?span=${step.id}&view=output`);
  const shown = page.getByTestId("payload-output");
  await expect(shown).toContainText("the beginning");
  await expect(page.getByRole("button", { name: "Show it here" })).toHaveCount(0);
  const link = page.getByRole("link", { name: "Download the output (7.0 MiB)" });
  await link.focus();
  const [download] = await Promise.all([page.waitForEvent("download"), link.press("Enter")]);
  expect(download.suggestedFilename()).toBe(`${recorder.runId}-${step.id}-output.json`);
  expect(await readFile(await download.path(), "utf8")).toBe(JSON.stringify(value));
  expect(asked.filter((body) => body.includes('"output":true'))).toEqual([]);
  await page.screenshot({ path: test.info().outputPath("huge.png") });
});

test("follows the step that is open: its output comes when it ends", async ({ page, server }) => {
  const recorder = new Recorder("open_step_agent");
  const step = recorder.span({
    name: "slow",
    type: "TOOL_CALL",
    atMs: 0,
    input: { q: 1 },
    output: "done at last",
  });
  await server.ingest([recorder.start(), step.start]);
  await page.goto(`/runs/${recorder.runId}?span=${step.id}`);
  await expect(page.getByRole("heading", { name: "Arguments" })).toBeVisible();
  await expect(page.getByText("done at last")).toHaveCount(0);
  await server.ingest([step.end]);
  await expect(page.getByText("done at last")).toBeVisible();
});

test("shows what happens within a step as it happens", async ({ page, server }) => {
  const recorder = new Recorder("streaming_agent");
  const step = recorder.span({ name: "stream", type: "LLM_CALL", atMs: 0 });
  await server.ingest([recorder.start(), step.start, recorder.event(step.id, "chunk", "Once", 10)]);
  await page.goto(`/runs/${recorder.runId}?span=${step.id}&view=events`);
  const events = page.getByTestId("events").getByRole("listitem");
  await expect(events).toHaveText(["10.0 mschunkOnce"]);
  await server.ingest([recorder.event(step.id, "chunk", " upon a time", 25)]);
  await expect(events).toHaveText(["10.0 mschunkOnce", "25.0 mschunk upon a time"]);
});
