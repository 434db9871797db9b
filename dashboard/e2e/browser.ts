import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { chromium } from "@playwright/test";

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/**
 * The browser to test with: what PLAYWRIGHT_CHROMIUM names, else a Chromium on the PATH, else null for
 * Playwright's own. Throws, with the way out, when there is none of them.
 */
export function findChromium(): string | null {
  const named = process.env.PLAYWRIGHT_CHROMIUM;
  if (named !== undefined && named !== "") {
    const found = findOnPath(named);
    if (found !== null) return found;
    throw new Error(`PLAYWRIGHT_CHROMIUM is '${named}', which is no program that can be run.`);
  }
  for (const name of NAMES) {
    const found = findOnPath(name);
    if (found !== null) return found;
  }
  if (isProgram(chromium.executablePath())) return null;
  throw new Error(
    "The browser tests need a Chromium: install one, name it with PLAYWRIGHT_CHROMIUM=/path/to/chromium, " +
      "or run `npx playwright install chromium`.",
  );
}

function findOnPath(name: string): string | null {
  if (name.includes("/")) return isProgram(name) ? name : null;
  const folders = (process.env.PATH ?? "").split(delimiter);
  return folders.map((folder) => join(folder, name)).find(isProgram) ?? null;
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
