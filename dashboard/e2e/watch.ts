import type { Page } from "@playwright/test";

/** Everything that would show that recorded text was obeyed, or something was loaded from elsewhere. */
export async function watch(page: Page, origin: string) {
  const seen: string[] = [];
  page.on("dialog", (dialog) => {
    seen.push(`dialog ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on("pageerror", (error) => seen.push(`error ${error.message}`));
  page.on("request", (request) => {
    if (!request.url().startsWith(origin)) seen.push(`request ${request.url()}`);
  });
  await page.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => {
      const violations = window as unknown as { violations?: string[] };
      violations.violations = [...(violations.violations ?? []), event.violatedDirective];
    });
  });
  return async () => {
    const violations = await page.evaluate(
      () => (window as unknown as { violations?: string[] }).violations ?? [],
    );
    return [...seen, ...violations.map((one) => `policy ${one}`)];
  };
}
