import { formatCount } from "./format";
import type { DroppedRecords } from "./run";

const ADVICE = new Map(
  Object.entries({
    queue_full:
      "More was recorded than could be sent: raise AGENTTRACE_QUEUE_MAX_RECORDS or AGENTTRACE_QUEUE_MAX_BYTES where the agent runs, or record less.",
    rejected: "The server refused them: the agent's log says why.",
    export_failed: "The exporter raised an error: the agent's log says which.",
    encode_failed:
      "They could not be written down: tracer.stats().errors says of what kind the error was.",
    worker_died: "A thread of the recorder died: the agent's log says of what.",
    shutdown:
      "The program ended first: give it more time with AGENTTRACE_SHUTDOWN_TIMEOUT_S, or leave AGENTTRACE_SPOOL on.",
  }),
);
const OTHER_ADVICE = "The agent's log and tracer.stats() say more.";

/** How many records were dropped, for whatever reason. */
export function countDropped(dropped: readonly DroppedRecords[]): number {
  return dropped.reduce((sum, { count }) => sum + count, 0);
}

/** "12 records of this run were dropped by its recorder: queue_full 12". */
export function describeDropped(dropped: readonly DroppedRecords[]): string {
  const count = countDropped(dropped);
  const what =
    count === 1 ? "1 record of this run was" : `${formatCount(count)} records of this run were`;
  const reasons = dropped.map(({ reason, count }) => `${reason} ${formatCount(count)}`);
  return `${what} dropped by its recorder: ${reasons.join(", ")}`;
}

/** What can be done about it, a sentence for each reason. */
export function adviseOnDropped(dropped: readonly DroppedRecords[]): readonly string[] {
  return [...new Set(dropped.map(({ reason }) => ADVICE.get(reason) ?? OTHER_ADVICE))];
}
