/** Who may make themselves an account: `setup`: who has the setup token, as there is no account yet. */
const OPENNESS = ["setup", "open", "closed"] as const;
export type Openness = (typeof OPENNESS)[number];

/** Read what `GET /api/auth/register` answers; null for anything else, also of another release. */
export function readOpenness(body: string): Openness | null {
  try {
    const { registration } = JSON.parse(body) as { registration?: unknown };
    return OPENNESS.find((one) => one === registration) ?? null;
  } catch {
    return null;
  }
}
