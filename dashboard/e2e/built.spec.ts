import { readdirSync, readFileSync } from "node:fs";
import { extname, join, resolve } from "node:path";
import { expect, test } from "./fixtures";

const FOLDER = resolve(import.meta.dirname, "../../packages/server/src/agenttrace_server/static");
const NAMESPACES =
  /^http:\/\/www\.w3\.org\/(?:1998\/Math\/MathML|1999\/xlink|1999\/xhtml|2000\/svg|XML\/)/;
/** Addresses that a library has in a text for people, which nothing ever loads. */
const TEXTS = [
  "https://react.dev/errors/",
  "https://tailwindcss.com",
  "http://localhost",
  "https://yarnpkg.com/en/docs/",
  "https://en.wikipedia.org/wiki/",
  "https://commonmark.org/",
];
const TEXT_FILES = [".js", ".css", ".html", ".svg", ".json"];

function findAddresses(): { readonly file: string; readonly address: string }[] {
  return readdirSync(FOLDER, { recursive: true, encoding: "utf-8" })
    .filter((file) => TEXT_FILES.includes(extname(file)))
    .flatMap((file) =>
      [
        ...readFileSync(join(FOLDER, file), "utf-8").matchAll(
          /(?:https?|wss?):\/\/[\w.-]+[^\s"'`)<>\\]*/g,
        ),
      ].map(([address]) => ({ file, address })),
    );
}

test("C23: the built dashboard names no host that it could load from", () => {
  const found = findAddresses();
  expect(found.length).toBeGreaterThan(0);
  const unknown = found.filter(
    ({ address }) => !NAMESPACES.test(address) && !TEXTS.some((text) => address.startsWith(text)),
  );
  expect(unknown).toEqual([]);
});

test("C23: no text becomes markup, not even by a mistake of ours", async ({ page }) => {
  await page.goto("/");
  await expect(page.getByRole("heading", { level: 1 }).or(page.getByRole("main"))).not.toHaveCount(
    0,
  );
  const caught = await page.evaluate(() => {
    const tried: Record<string, () => unknown> = {
      innerHTML: () => {
        document.createElement("div").innerHTML = "<b>x</b>";
      },
      "a frame": () => {
        document.createElement("iframe").srcdoc = "<b>x</b>";
      },
      "a script": () => {
        document.createElement("script").src = "data:text/javascript,1";
      },
      "a policy": () => {
        const { trustedTypes } = window as unknown as {
          trustedTypes: { createPolicy(name: string, rules: object): unknown };
        };
        trustedTypes.createPolicy("x", {});
      },
    };
    return Object.entries(tried).map(([name, act]) => {
      try {
        act();
        return `${name} went through`;
      } catch (error) {
        return error instanceof TypeError ? name : `${name}: ${error}`;
      }
    });
  });
  expect(caught).toEqual(["innerHTML", "a frame", "a script", "a policy"]);
});
