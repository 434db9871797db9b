import { defineConfig, devices } from "@playwright/test";
import { findChromium } from "./e2e/browser";

const executablePath = findChromium();

export default defineConfig({
  testDir: "e2e",
  outputDir: "test-results",
  timeout: 60_000,
  expect: { timeout: 15_000 },
  workers: 2,
  forbidOnly: process.env.CI !== undefined,
  reporter: [["list"]],
  use: {
    ...devices["Desktop Chrome"],
    viewport: { width: 1440, height: 900 },
    // A picture of every frame of every test costs more than most tests do; the page's content is kept.
    trace: { mode: "retain-on-failure", screenshots: false },
    // Drawn without a graphics card, what moves keeps a processor busy, and all else waits for it.
    contextOptions: { reducedMotion: "reduce" },
    launchOptions: {
      ...(executablePath === null ? {} : { executablePath }),
      args: [
        // The browser's own errands: nothing but the server under test is to be contacted.
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-first-run",
        "--no-default-browser-check",
        // Chromium cannot make its sandbox as root, as in a container.
        ...(process.getuid?.() === 0 ? ["--no-sandbox"] : []),
      ],
    },
  },
});
