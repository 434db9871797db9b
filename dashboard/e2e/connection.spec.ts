import type { Page } from "@playwright/test";
import { expect, test } from "./fixtures";
import { Recorder } from "./records";
import { Relay } from "./relay";

test.describe("when the server goes and comes back", () => {
  test("a run goes on where it was, with nothing lost", async ({ page, server }) => {
    const recorder = new Recorder("patient_agent");
    const before = recorder.span({ name: "before", atMs: 1 });
    const during = recorder.span({ name: "during", atMs: 2 });
    const after = recorder.span({ name: "after", atMs: 3 });
    await server.ingest([recorder.start(), before.start, before.end]);
    await page.goto(`/runs/${recorder.runId}`);
    const connection = page.getByTestId("connection");
    await expect(connection).toHaveText("Live");
    await server.halt();
    await expect(connection).toContainText(/Reconnecting|Server unreachable/);
    // What was on screen stays there.
    await expect(page.locator(`[data-span="${before.id}"]`)).toBeVisible();
    await server.run();
    await server.ingest([during.start, during.end]);
    await expect(page.locator(`[data-span="${during.id}"]`)).toBeVisible({ timeout: 15_000 });
    await expect(connection).toHaveText("Live");
    await server.ingest([after.start]);
    await expect(page.locator(`[data-span="${after.id}"]`)).toBeVisible();
    await expect(page.locator("[data-span]")).toHaveCount(3);
  });

  test("the list shows what came meanwhile", async ({ page, server }) => {
    const workflow = { correlation_id: "workflow-meanwhile" };
    const first = new Recorder("seen_agent", workflow);
    await server.ingest([first.start()]);
    await page.goto("/?correlation=workflow-meanwhile");
    await expect(page.locator("[data-run]")).toHaveCount(1);
    await server.halt();
    await expect(page.getByRole("button", { name: "Retry now" })).toBeVisible();
    await server.run();
    const missed = new Recorder("missed_agent", workflow);
    await server.ingest([missed.start(), missed.end(5), first.end(9)]);
    await expect(page.locator("[data-run]")).toHaveCount(2);
    await expect(page.locator(`[data-run="${first.runId}"]`)).toContainText("Completed");
  });

  test("a page that cannot load says so, and loads when it can", async ({ page, server }) => {
    await page.goto("/");
    const recorder = new Recorder("unreachable_agent");
    await server.ingest([recorder.start()]);
    const link = page.locator(`[data-run="${recorder.runId}"] a`);
    await expect(link).toBeVisible();
    await server.halt();
    await link.click();
    await expect(page.getByRole("heading", { name: "The server does not answer" })).toBeVisible();
    await expect(page.getByRole("alert")).toContainText("is dropped and counted");
    await server.run();
    await expect(page.getByRole("heading", { level: 1 })).toHaveText("unreachable_agent");
  });
});

test.describe("when what is followed breaks off and the server stays", () => {
  const breaks = {
    "a socket that is cut": (relay: Relay) => relay.cut(),
    "an error of the server's own": async (relay: Relay) => relay.fail(),
  };
  for (const [what, happens] of Object.entries(breaks)) {
    test(`the run goes on from its last cursor after ${what}`, async ({ page, server }) => {
      const relay = await Relay.place(page);
      const snapshots = countSnapshots(page);
      const recorder = new Recorder("broken_off");
      const steps = [1, 2, 3, 4].map((atMs) => recorder.span({ name: `step_${atMs}`, atMs }));
      await server.ingest([recorder.start()]);
      await page.goto(`/runs/${recorder.runId}`);
      const mark = page.getByTestId("connection");
      for (const [index, step] of steps.entries()) {
        await expect(mark).toHaveText("Live");
        await server.ingest([step.start, step.end]);
        await expect(page.locator(`[data-span="${step.id}"]`)).toBeVisible();
        const last = relay.toldCursors.at(-1);
        await happens(relay);
        await expect.poll(() => relay.askedAfter.length).toBe(index + 2);
        expect(relay.askedAfter.at(-1)).toBe(last);
      }
      await expect(page.locator("[data-span]")).toHaveCount(steps.length);
      expect(snapshots.count).toBe(1);
    });
  }

  test("a server that fails every time is asked less and less, and the mark says what it said", async ({
    page,
    server,
  }) => {
    const relay = await Relay.place(page);
    const recorder = new Recorder("failing_agent", { correlation_id: "workflow-failing" });
    await page.goto("/?correlation=workflow-failing");
    const mark = page.getByTestId("connection");
    await expect(mark).toHaveText("Live");
    relay.isFailing = true;
    relay.fail();
    await expect(mark).toContainText("Server error");
    await expect(mark).toContainText(/in [2-4] s/);
    await expect(mark.getByTitle("The server said: Internal error 7f3a")).toBeVisible();
    await server.ingest([recorder.start()]);
    relay.isFailing = false;
    await mark.getByRole("button", { name: "Retry now" }).click();
    await expect(page.locator(`[data-run="${recorder.runId}"]`)).toBeVisible();
    await expect(mark).toHaveText("Live");
  });

  test("a cursor that the server does not take loads the run anew", async ({ page, server }) => {
    const relay = await Relay.place(page);
    const snapshots = countSnapshots(page);
    const recorder = new Recorder("spoilt_cursor");
    const step = recorder.span({ name: "step", atMs: 1 });
    await server.ingest([recorder.start()]);
    await page.goto(`/runs/${recorder.runId}`);
    await expect(page.getByTestId("connection")).toHaveText("Live");
    relay.spoilt = 2;
    await relay.cut();
    await server.ingest([step.start]);
    await expect(page.locator(`[data-span="${step.id}"]`)).toBeVisible();
    // Live it is for a moment after each load: until the cursor of that one is refused as well.
    await expect.poll(() => snapshots.count).toBe(3);
    expect(relay.spoilt).toBe(0);
    await expect(page.getByTestId("connection")).toHaveText("Live");
  });
});

/** Count how often the page loads a run from the beginning. */
function countSnapshots(page: Page): { count: number } {
  const snapshots = { count: 0 };
  page.on("request", (request) => {
    if (request.postData()?.includes("query RunSnapshot") === true) snapshots.count += 1;
  });
  return snapshots;
}

test("an answer that is refused is told with the server's words, and asked for again", async ({
  page,
}) => {
  await page.route("**/graphql", (route) =>
    route.fulfill({ json: { data: null, errors: [{ message: "Internal error 7f3a" }] } }),
  );
  await page.goto("/");
  await expect(page.getByRole("alert")).toContainText("Internal error 7f3a");
  await page.unroute("**/graphql");
  await expect(page.getByRole("alert")).toHaveCount(0);
});
