import { describe, expect, it } from "vitest";
import type { Run } from "./run";
import { NO_RUN_FILTER } from "./run-filter";
import { compareRuns, RunList, type RunListQuery } from "./run-list";
import { aRun } from "./testing";

const ALL: RunListQuery = {
  ...NO_RUN_FILTER,
  order: { field: "START_TIME", direction: "DESC" },
};

function page(runs: readonly Run[], hasNextPage = false) {
  return { runs, endCursor: hasNextPage ? "c" : null, hasNextPage };
}

const at = (n: number, part: Partial<Run> = {}) =>
  aRun({ id: String(n).padStart(32, "0"), startMs: n, ...part });
const changes = (...runs: Run[]) => runs.map((run) => ({ runId: run.id, run, matches: true }));
const ids = (list: RunList) => list.rows.map(({ startMs }) => startMs);

describe("RunList", () => {
  it("puts a new run in its place and updates a known one where it is", () => {
    const list = new RunList(ALL);
    list.append(page([at(5), at(3)]));
    list.change(changes(at(9, { status: "STARTED", durationMs: null }), at(4)));
    expect(ids(list)).toEqual([9, 5, 4, 3]);
    list.change(changes(at(9, { status: "COMPLETED" })));
    expect(list.rows[0]).toMatchObject({ startMs: 9, status: "COMPLETED" });
  });

  it("takes no late snapshot for news", () => {
    const list = new RunList(ALL);
    list.append(page([at(1, { status: "COMPLETED" })]));
    list.change(changes(at(1, { status: "STARTED", durationMs: null })));
    expect(list.rows[0]?.status).toBe("COMPLETED");
  });

  it("hears of records that were dropped since, whichever snapshot comes first", () => {
    const none = at(1, { status: "STARTED", durationMs: null });
    const some = { ...none, dropped: [{ reason: "queue_full", count: 9 }] };
    const more = { ...none, dropped: [{ reason: "queue_full", count: 12 }] };
    for (const order of [
      [none, some, more],
      [more, none, some],
      [some, more, some],
    ]) {
      const list = new RunList(ALL);
      list.append(page([none]));
      for (const run of order) list.change(changes(run));
      expect(list.rows[0]?.dropped).toEqual(more.dropped);
    }
  });

  it("lets a run go that no longer matches", () => {
    const list = new RunList({ ...ALL, statuses: ["STARTED"] });
    list.append(page([at(1, { status: "STARTED", durationMs: null })]));
    const run = at(1, { status: "ERROR" });
    list.change([{ runId: run.id, run, matches: false }]);
    expect(list.rows).toEqual([]);
  });

  it("lets a run go that was deleted", () => {
    const list = new RunList(ALL);
    list.append(page([at(2), at(1)]));
    list.change([{ runId: at(1).id, run: null, matches: false }]);
    expect(ids(list)).toEqual([2]);
  });

  it("leaves a run that belongs to a page not loaded yet for that page", () => {
    const list = new RunList(ALL);
    list.append(page([at(9), at(8)], true));
    list.change(changes(at(2), at(10)));
    expect(ids(list)).toEqual([10, 9, 8]);
    list.append(page([at(7), at(2)]));
    expect(ids(list)).toEqual([10, 9, 8, 7, 2]);
    expect(list.hasNextPage).toBe(false);
  });
});

describe("compareRuns", () => {
  it("puts unknown figures lowest, as the server does", () => {
    const runs = [at(1, { durationMs: null }), at(2, { durationMs: 5 }), at(3, { durationMs: 9 })];
    const sorted = (direction: "ASC" | "DESC") =>
      [...runs].sort(compareRuns({ field: "DURATION", direction })).map(({ startMs }) => startMs);
    expect(sorted("DESC")).toEqual([3, 2, 1]);
    expect(sorted("ASC")).toEqual([1, 2, 3]);
  });
});
