import { expect, test } from "./fixtures";
import { Recorder } from "./records";
import { TestServer } from "./server";

test.describe("when the server goes and comes back", () => {
  test("a run goes on where it was, with nothing lost", async ({ page }) => {
    const server = await TestServer.start();
    try {
      const recorder = new Recorder("patient_agent");
      const before = recorder.span({ name: "before", atMs: 1 });
      const during = recorder.span({ name: "during", atMs: 2 });
      const after = recorder.span({ name: "after", atMs: 3 });
      await server.ingest([recorder.start(), before.start, before.end]);
      await page.goto(`${server.url}/runs/${recorder.runId}`);
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
    } finally {
      await server.remove();
    }
  });

  test("the list shows what came meanwhile", async ({ page }) => {
    const server = await TestServer.start();
    try {
      const first = new Recorder("seen_agent");
      await server.ingest([first.start()]);
      await page.goto(server.url);
      await expect(page.locator("[data-run]")).toHaveCount(1);
      await server.halt();
      await expect(page.getByRole("button", { name: "Retry now" })).toBeVisible();
      await server.run();
      const missed = new Recorder("missed_agent");
      await server.ingest([missed.start(), missed.end(5), first.end(9)]);
      await expect(page.locator("[data-run]")).toHaveCount(2);
      await expect(page.locator(`[data-run="${first.runId}"]`)).toContainText("Completed");
    } finally {
      await server.remove();
    }
  });

  test("a page that cannot load says so, and loads when it can", async ({ page }) => {
    const server = await TestServer.start();
    try {
      await page.goto(server.url);
      await expect(page.getByRole("heading", { name: "No runs yet" })).toBeVisible();
      const recorder = new Recorder("unreachable_agent");
      await server.ingest([recorder.start()]);
      await expect(page.locator("[data-run]")).toHaveCount(1);
      await server.halt();
      await page.locator("[data-run] a").click();
      await expect(page.getByRole("heading", { name: "The server does not answer" })).toBeVisible();
      await expect(page.getByRole("alert")).toContainText("is dropped and counted");
      await server.run();
      await expect(page.getByRole("heading", { level: 1 })).toHaveText("unreachable_agent");
    } finally {
      await server.remove();
    }
  });
});

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
