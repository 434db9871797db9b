import { test as base } from "@playwright/test";
import { Office } from "./accounts";
import { TestServer } from "./server";

interface Servers {
  /** Without accounts. */
  readonly server: TestServer;
  /** With accounts, and its first one. */
  readonly office: Office;
}

/**
 * Tests of the built dashboard on the real server. A worker starts each of the two when a test first asks for it, and
 * has it for all its spec files: a start costs some seconds. Each test brings its own runs and people.
 */
export const test = base.extend<object, Servers>({
  server: [
    // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the fixtures out of this pattern
    async ({}, use) => {
      const server = await TestServer.start();
      await use(server);
      await server.remove();
    },
    { scope: "worker" },
  ],
  office: [
    // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the fixtures out of this pattern
    async ({}, use) => {
      const office = await Office.openWithOperator();
      await use(office);
      await office.server.remove();
    },
    { scope: "worker" },
  ],
  baseURL: async ({ server }, use) => {
    await use(server.url);
  },
});

/** The same, with pages of the server that has accounts. */
export const testAccounts = test.extend({
  baseURL: async ({ office }, use) => {
    await use(office.server.url);
  },
});

export { expect } from "@playwright/test";
