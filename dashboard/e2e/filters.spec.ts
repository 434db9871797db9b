import type { Page } from "@playwright/test";
import { expect, test } from "./fixtures";
import { Recorder } from "./records";
import { recordResearchRun } from "./research-run";

function listedNames(page: Page) {
  return page.locator('[data-run] [data-column="name"]');
}

function panelOf(page: Page) {
  return page.getByRole("region", { name: "Filters" });
}

test.describe("the list's filters", () => {
  test.use({ timezoneId: "America/New_York" });

  test("take runs that started in a time, by the clock here, and hold in a link", async ({
    page,
    server,
  }) => {
    const started = (name: string, at: string) =>
      new Recorder(name, { correlation_id: "workflow-time" }, Date.parse(at));
    const runs = [
      started("at_eight", "2026-11-20T13:00:00Z"),
      started("at_nine", "2026-11-20T14:00:00Z"),
      started("at_ten", "2026-11-20T15:00:00Z"),
    ];
    await server.ingest(runs.flatMap((run) => [run.start(), run.end(5)]));
    await page.goto("/?correlation=workflow-time");
    const names = listedNames(page);
    await expect(names).toHaveText(["at_ten", "at_nine", "at_eight"]);
    await page.keyboard.press("f");
    const panel = panelOf(page);
    await panel.getByLabel("From", { exact: true }).fill("2026-11-20T09:00");
    await page.keyboard.press("Enter");
    await expect(names).toHaveText(["at_ten", "at_nine"]);
    // The end is not in it.
    await panel.getByLabel("Before", { exact: true }).fill("2026-11-20T10:00");
    await page.keyboard.press("Enter");
    await expect(names).toHaveText(["at_nine"]);
    await expect(page).toHaveURL(/started=2026-11-20T14%3A00Z\.\.2026-11-20T15%3A00Z/);
    const chip = page.getByRole("button", { name: /Clear the started filter/ });
    await expect(chip).toHaveAccessibleName(/2026-11-20 09:00 to 2026-11-20 10:00/);
    await page.reload();
    await expect(names).toHaveText(["at_nine"]);
    await chip.click();
    await expect(names).toHaveCount(3);
    await page.keyboard.press("f");
    await expect(panel.getByLabel("From", { exact: true })).toHaveValue("");
    // "Since" and "from" are two words for one thing: the later choice holds.
    await panel.getByLabel("From", { exact: true }).fill("2026-11-20T09:00");
    await page.keyboard.press("Enter");
    await expect(names).toHaveCount(2);
    await panel.getByRole("combobox", { name: "Started" }).selectOption("Last 30 days");
    await expect(panel.getByLabel("From", { exact: true })).toHaveValue("");
    await expect(page).not.toHaveURL(/started=/);
  });

  test("take runs by scores and labels that people and programs gave them", async ({
    page,
    server,
  }) => {
    const [good, fair, bad] = ["good", "fair", "bad"].map(
      (name) => new Recorder(`scored_${name}`, { correlation_id: "workflow-scores" }),
    ) as [Recorder, Recorder, Recorder];
    await server.ingest([good, fair, bad].flatMap((run) => [run.start(), run.end(5)]));
    await server.annotate(good.runId, { name: "tone", score: 0.9, label: "kind" });
    await server.annotate(fair.runId, { name: "tone", score: 0.4, label: "kind" });
    await server.annotate(bad.runId, { name: "tone", score: -0.5, label: "rude, curt" });
    await page.goto("/?correlation=workflow-scores&order=name");
    const names = listedNames(page);
    await page.keyboard.press("f");
    const form = panelOf(page).getByRole("form", { name: "Add a score" });
    await expect(form.getByRole("button", { name: "Add" })).toBeDisabled();
    await form.getByLabel("Annotation", { exact: true }).fill("tone");
    await form.getByLabel("Score, from").fill("a lot");
    await expect(form.getByText("A number, such as -0.5")).toBeVisible();
    await expect(form.getByRole("button", { name: "Add" })).toBeDisabled();
    await form.getByLabel("Score, from").fill("-0.5");
    await form.getByLabel("Score, to").fill("0.4");
    await page.keyboard.press("Enter");
    await expect(names).toHaveText(["scored_bad", "scored_fair"]);
    await form.getByLabel("Annotation", { exact: true }).fill("tone");
    await form.getByLabel("Annotation's label").fill("rude, curt");
    await form.getByRole("button", { name: "Add" }).click();
    await expect(names).toHaveText(["scored_bad"]);
    await page.reload();
    await expect(names).toHaveText(["scored_bad"]);
    await page.getByRole("button", { name: "Clear the score filter tone = rude, curt" }).click();
    await expect(names).toHaveText(["scored_bad", "scored_fair"]);
    await page.getByRole("button", { name: "Clear the score filter tone -0.5 to 0.4" }).click();
    await expect(names).toHaveCount(3);
  });

  test("are set and cleared by keyboard alone", async ({ page, server }) => {
    const recorder = new Recorder("keyed_agent", { correlation_id: "workflow-keys" });
    await server.ingest([recorder.start(), recorder.end(5)]);
    await page.goto("/?correlation=workflow-keys");
    await expect(listedNames(page)).toHaveCount(1);
    await page.keyboard.press("f");
    await expect(panelOf(page).getByRole("combobox", { name: "Started" })).toBeFocused();
    const model = panelOf(page).getByLabel("Model");
    // Each part of a date is a stop of its own.
    for (let stop = 0; stop < 20; stop += 1) {
      if (await model.evaluate((field) => field === document.activeElement)) break;
      await page.keyboard.press("Tab");
    }
    await expect(model).toBeFocused();
    await page.keyboard.type("gpt-x");
    await page.keyboard.press("Enter");
    await expect(page.getByText("No run matches")).toBeVisible();
    await page.keyboard.press("Escape");
    await expect(panelOf(page)).toHaveCount(0);
    const toggle = page.getByRole("button", { name: "Filters", exact: true });
    await expect(toggle).toBeFocused();
    await page.keyboard.press("Tab");
    await expect(page.getByRole("button", { name: "Clear the model filter gpt-x" })).toBeFocused();
    await page.keyboard.press("Enter");
    await expect(listedNames(page)).toHaveCount(1);
    const rest = page.getByRole("button", { name: "Clear the correlation filter workflow-keys" });
    await expect(rest).toBeFocused();
    await page.keyboard.press("Enter");
    await expect(toggle).toBeFocused();
  });
});

test.describe("a run's filters", () => {
  const names = (page: Page) => page.locator('[data-span] [role="rowheader"]');

  test("take steps by status, name, model and figures, and hold in a link", async ({
    page,
    server,
  }) => {
    const run = recordResearchRun("workflow-steps");
    await server.ingest(run.records);
    await page.goto(`/runs/${run.runId}`);
    await expect(names(page)).toHaveCount(9);
    await page.keyboard.press("F");
    const panel = panelOf(page);
    const count = page.getByTestId("match-count");

    await panel.getByLabel("Name").selectOption("fetch_page");
    await panel.getByLabel("Name").selectOption("fetch_page (retry)");
    await expect(names(page)).toHaveText(["researcher", "fetch_page", "fetch_page (retry)"]);
    await panel.getByRole("button", { name: "Completed" }).click();
    await expect(names(page)).toHaveText(["researcher", "fetch_page (retry)"]);
    await expect(count).toHaveText("1 match");
    await page.getByRole("button", { name: "Clear", exact: true }).click();
    await expect(names(page)).toHaveCount(9);

    await panel.getByLabel("Model").selectOption("gpt-4o-mini");
    await expect(names(page)).toHaveText(["researcher", "draftgpt-4o-mini"]);
    await page.getByRole("button", { name: "Clear the model filter" }).click();

    await panel.getByLabel("Tokens, to").fill("200");
    await page.keyboard.press("Enter");
    await expect(names(page)).toHaveText(["researcher", "critic", "judgeextractive-summariser"]);
    await panel.getByLabel("Tokens, to").fill("");
    await panel.getByLabel("Cost, USD, from").fill("0.0133");
    await page.keyboard.press("Enter");
    await expect(names(page)).toHaveText(["researcher", "draftgpt-4o-mini"]);
    await expect(page).toHaveURL(/cost=0\.0133\.\./);
    await page.reload();
    await expect(names(page)).toHaveText(["researcher", "draftgpt-4o-mini"]);
    await page.getByRole("button", { name: "Clear the cost filter ≥ 0.0133 USD" }).click();
    await expect(names(page)).toHaveCount(9);
  });

  test("tell running steps from those that were left unfinished", async ({ page, server }) => {
    const recorder = new Recorder("left_agent", {}, Date.now() - 60_000);
    const done = recorder.span({ name: "done", atMs: 1 });
    const left = recorder.span({ name: "left", atMs: 2 });
    await server.ingest([recorder.start(), done.start, done.end, left.start]);
    await page.goto(`/runs/${recorder.runId}?status=started`);
    await expect(names(page)).toHaveText(["left"]);
    await server.ingest([recorder.end(500)]);
    await expect(page.getByText("No step matches the filter.")).toBeVisible();
    await page.keyboard.press("F");
    await panelOf(page).getByRole("button", { name: "Unfinished" }).click();
    await expect(names(page)).toHaveText(["left"]);
  });

  test("are set and left by keyboard alone", async ({ page, server }) => {
    const run = recordResearchRun("workflow-step-keys");
    await server.ingest(run.records);
    await page.goto(`/runs/${run.runId}`);
    await expect(names(page)).toHaveCount(9);
    await page.keyboard.press("F");
    await expect(panelOf(page).getByRole("button", { name: "Running" })).toBeFocused();
    await page.keyboard.press("Tab");
    await page.keyboard.press("Space");
    await expect(panelOf(page).getByRole("button", { name: "Completed" })).toHaveAttribute(
      "aria-pressed",
      "true",
    );
    await expect(page.getByTestId("match-count")).toHaveText("8 matches");
    await page.keyboard.press("Escape");
    const toggle = page.getByRole("button", { name: "Filters", exact: true });
    await expect(toggle).toBeFocused();
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await expect(page.getByTestId("match-count")).toHaveCount(0);
    await expect(toggle).toBeFocused();
  });
});
