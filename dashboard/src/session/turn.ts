/** Does its work when no other tab of the browser does its own. */
export type TakeTurn = <Result>(work: () => Promise<Result>) => Promise<Result>;

const NAME = "agenttrace.session.turn";
/** A claim is of a tab that has gone after this; no work takes so long. */
const CLAIM_MS = 15_000;
/** Until a claim is seen by every other tab. */
const SETTLE_MS = 60;

/** Web Locks, where the page has them: browsers keep them from plain HTTP of another machine. */
export const takeTurn: TakeTurn = (work) => {
  const locks = navigator.locks as LockManager | undefined;
  return locks === undefined ? takeByClaim(work) : locks.request(NAME, work);
};

/** The same by a note in the storage that the tabs share: who still finds their own after a moment has it. */
export async function takeByClaim<Result>(work: () => Promise<Result>): Promise<Result> {
  const id = Math.random().toString(36).slice(2);
  while (!(await claim(id))) await pause(SETTLE_MS * (1 + Math.random()));
  try {
    return await work();
  } finally {
    if (readClaim()?.id === id) localStorage.removeItem(NAME);
  }
}

async function claim(id: string): Promise<boolean> {
  const held = readClaim();
  if (held !== null && held.untilMs > Date.now()) return false;
  try {
    localStorage.setItem(NAME, `${id} ${Date.now() + CLAIM_MS}`);
  } catch {
    // Blocked storage: then the tabs do not share a login either.
    return true;
  }
  await pause(SETTLE_MS);
  return readClaim()?.id === id;
}

function readClaim(): { readonly id: string; readonly untilMs: number } | null {
  try {
    const [id, untilMs] = localStorage.getItem(NAME)?.split(" ") ?? [];
    return id === undefined ? null : { id, untilMs: Number(untilMs) };
  } catch {
    return null;
  }
}

function pause(forMs: number): Promise<void> {
  return new Promise((done) => setTimeout(done, forMs));
}
