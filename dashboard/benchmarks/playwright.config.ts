import { defineConfig } from "@playwright/test";
import base from "../playwright.config";

/** The benchmarks: programs that print a table and assert no time. `npm run bench` */
export default defineConfig({
  ...base,
  testDir: ".",
  testMatch: "*.bench.ts",
  workers: 1,
  timeout: 300_000,
  reporter: [["line"]],
});
