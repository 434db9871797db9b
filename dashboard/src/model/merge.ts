import { countDropped } from "./dropped";
import type { Run } from "./run";
import type { RunStatus, Span, SpanStatus } from "./span";

// Snapshots of one id form a join-semilattice: of two, the later in a total order holds. So a batch that
// comes twice, or in another order, changes nothing; a late STARTED never takes an ended span back.

const RANK: Record<SpanStatus | RunStatus, number> = {
  STARTED: 0,
  INTERRUPTED: 1,
  CANCELLED: 2,
  COMPLETED: 3,
  ERROR: 4,
};

function compareKeys(left: readonly number[], right: readonly number[]): number {
  for (let index = 0; index < left.length; index += 1) {
    const difference = (left[index] ?? 0) - (right[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

function compareText(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

function spanKey(span: Span): number[] {
  return [
    RANK[span.status],
    span.durationMs ?? -1,
    span.totalTokens ?? -1,
    span.completionTokens ?? -1,
    Number(span.costUsd ?? -1),
  ];
}

function runKey(run: Run): number[] {
  return [
    RANK[run.status],
    run.totals.spans,
    run.totals.errors,
    run.totals.totalTokens ?? -1,
    Number(run.totals.costUsd ?? -1),
    run.durationMs ?? -1,
    countDropped(run.dropped),
  ];
}

/** The snapshot that holds of two of one span; the same whatever their order. */
export function newerSpan(left: Span, right: Span): Span {
  const order = compareKeys(spanKey(left), spanKey(right));
  if (order !== 0) return order > 0 ? left : right;
  return compareText(JSON.stringify(left), JSON.stringify(right)) >= 0 ? left : right;
}

/** The snapshot that holds of two of one run; the same whatever their order. */
export function newerRun<R extends Run>(left: R, right: R): R {
  const order = compareKeys(runKey(left), runKey(right));
  if (order !== 0) return order > 0 ? left : right;
  return compareText(JSON.stringify(left), JSON.stringify(right)) >= 0 ? left : right;
}

/**
 * Whether it has not ended: it runs, or its run was given up, which its next record takes back. What was recorded
 * as interrupted has an end, and so a duration.
 */
export function isOpen({ status, durationMs }: Pick<Span, "status" | "durationMs">): boolean {
  return status === "STARTED" || (status === "INTERRUPTED" && durationMs === null);
}

/**
 * The snapshot that holds when one more of a span is told. That a run was given up is no record, and has no place
 * in the order of records: of what is open, the status that was told last holds.
 */
export function latestSpan(before: Span, told: Span): Span {
  if (before.status === told.status || !isOpen(before) || !isOpen(told)) {
    return newerSpan(before, told);
  }
  const newer = newerSpan({ ...before, status: "STARTED" }, { ...told, status: "STARTED" });
  return { ...newer, status: told.status };
}

/** The same of a run. */
export function latestRun<R extends Run>(before: R, told: R): R {
  if (before.status === told.status || !isOpen(before) || !isOpen(told)) {
    return newerRun(before, told);
  }
  const newer = newerRun({ ...before, status: "STARTED" }, { ...told, status: "STARTED" });
  return { ...newer, status: told.status };
}
