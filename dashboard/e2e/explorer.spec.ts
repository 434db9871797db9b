import { expect, test } from "./fixtures";
import { Recorder } from "./records";
import { watch } from "./watch";

test("C23: the schema is explored and asked, with nothing loaded from elsewhere", async ({
  page,
  server,
}) => {
  const recorder = new Recorder("explored", {});
  await server.ingest([recorder.start(), recorder.end(1)]);
  const findings = await watch(page, server.url);
  await page.goto("/docs");
  const schema = page.getByRole("region", { name: "Schema" });
  await expect(schema.getByRole("article", { name: "Query" })).toContainText("runs");
  await schema.getByRole("searchbox").fill("spanTree");
  const types = schema.getByRole("navigation", { name: "Types" });
  await types.getByRole("button", { name: "Run", exact: true }).click();
  const run = schema.getByRole("article", { name: "Run" });
  await expect(run).toContainText("spanTree");
  await run.getByRole("button", { name: "Totals" }).first().click();
  await expect(schema.getByRole("article", { name: "Totals" })).toContainText("costUsd");
  await page.getByRole("button", { name: "Run" }).last().click();
  await expect(page.getByLabel("Answer")).toContainText('"name": "explored"');
  expect(await findings()).toEqual([]);
});

test("the editor completes and marks names by the schema", async ({ page, server }) => {
  const findings = await watch(page, server.url);
  await page.goto("/docs");
  const editor = page.getByRole("textbox", { name: "Operation" });
  await editor.click();
  await page.keyboard.press("Control+a");
  await page.keyboard.type("{ serv");
  await page.keyboard.press("Control+Space");
  await expect(page.getByRole("option", { name: /server/ }).first()).toBeVisible();
  await page.keyboard.press("Escape");
  await page.keyboard.type("x }");
  await expect(page.locator(".cm-lintRange-error").first()).toBeAttached();
  await page.keyboard.press("Control+Enter");
  await expect(page.getByLabel("Answer")).toContainText("Cannot query field 'servx'");
  expect(await findings()).toEqual([]);
});
