import { isOpen } from "@/model/merge";
import type { Run } from "@/model/run";
import { Timeline, type TimelineEvent } from "@/model/timeline";
import type { Transport } from "./client";
import { RunEventsDocument, RunSnapshotDocument } from "./documents";
import { type Failure, failureOf, reasonOf } from "./failure";
import { follow } from "./follow";
import type { RunEventsSubscription } from "./generated/graphql";
import { toRun, toSpan } from "./mapping";
import { Store } from "./store";

/** From this many spans on the tree takes tens of milliseconds to build, so it is built less often. */
const LARGE_RUN = 5_000;
const LARGE_RUN_PAUSE_MS = 250;

type Batch = RunEventsSubscription["runEvents"];

/** `absent`: the server knows no such run yet; the feed waits for it. `deleted`: it will not come back. */
export type RunPhase = "loading" | "absent" | "ready" | "failed" | "deleted";

/** One run, loaded once and then followed by cursor for as long as it is open. */
export class RunFeed extends Store {
  timeline = new Timeline<Run>();
  phase: RunPhase = "loading";
  failure: Failure | null = null;
  /**
   * When the run was last heard of (epoch milliseconds): when the latest event came, or the latest moment
   * that the steps told of when the page was loaded.
   */
  newsAtMs = 0;
  readonly #transport: Transport;
  readonly #runId: string;
  #stopFollowing: (() => void) | null = null;
  #generation = 0;

  constructor(transport: Transport, runId: string) {
    super();
    this.#transport = transport;
    this.#runId = runId;
  }

  /** Load and follow. Returns what stops it. */
  readonly open = (): (() => void) => {
    this.#load();
    return () => {
      this.#generation += 1;
      this.#stop();
      this.#transport.connection.cancelRetry();
    };
  };

  #stop(): void {
    this.#stopFollowing?.();
    this.#stopFollowing = null;
  }

  readonly #load = (): void => {
    this.#stop();
    this.#generation += 1;
    const generation = this.#generation;
    const { client, connection } = this.#transport;
    void client
      .query(RunSnapshotDocument, { id: this.#runId })
      .toPromise()
      .then(({ data, error }) => {
        if (generation !== this.#generation) return;
        if (error !== undefined) {
          this.#fail(failureOf(error));
          return;
        }
        connection.markLive();
        this.#take(data?.run ?? null);
      });
  };

  #take(row: (NonNullable<Parameters<typeof toRun>[0]> & SnapshotRest) | null): void {
    this.failure = null;
    if (row === null) {
      this.phase = "absent";
      this.#follow(null);
    } else {
      const timeline = new Timeline<Run>();
      timeline.apply([{ kind: "run", run: toRun(row) }]);
      timeline.apply(row.spanTree.map((span) => ({ kind: "span", span: toSpan(span) })));
      // The structure must differ from the one before, or the page would keep the old tree.
      timeline.structure += this.timeline.structure + 1;
      this.timeline = timeline;
      this.phase = "ready";
      this.#follow(row.cursor);
      // By the recorder's clock, which may go before ours.
      const toldMs = toRun(row).startMs + timeline.knownEndMs;
      this.newsAtMs = Math.max(this.newsAtMs, Math.min(Date.now(), toldMs));
    }
    this.changed();
  }

  #fail(failure: Failure): void {
    this.failure = failure;
    // What is on screen stays there: it is still true, only no longer live.
    if (this.timeline.run === null) this.phase = "failed";
    this.#transport.connection.scheduleRetry(this.#load, reasonOf(failure));
    this.changed();
  }

  #follow(after: string | null): void {
    this.#stopFollowing = follow(this.#transport, {
      document: RunEventsDocument,
      after,
      variables: (cursor) => ({ runId: this.#runId, after: cursor }),
      cursorOf: ({ runEvents }) => runEvents.cursor,
      onData: ({ runEvents }) => this.#receive(runEvents),
      onRefused: (failure) => this.#fail(failure),
      isNews: ({ runEvents }) =>
        runEvents.events.some(({ __typename }) => __typename !== "RunEnded"),
      isDone: () => this.timeline.run !== null && !isOpen(this.timeline.run),
    });
  }

  #receive(batch: Batch): void {
    if (batch.events.length === 0) return;
    if (batch.events.some((event) => event.__typename === "RunDeleted")) {
      this.#stop();
      this.#transport.connection.markIdle();
      this.phase = "deleted";
      this.changed();
      return;
    }
    const isGap = batch.events.some((event) => event.__typename === "Gap");
    if (isGap || this.timeline.run === null) {
      this.#load();
      return;
    }
    this.newsAtMs = Date.now();
    if (this.timeline.apply(batch.events.flatMap(toTimelineEvent))) {
      this.changed(this.timeline.spans.size > LARGE_RUN ? LARGE_RUN_PAUSE_MS : 0);
    }
  }
}

type SnapshotRest = {
  readonly cursor: string;
  readonly spanTree: readonly Parameters<typeof toSpan>[0][];
};

function toTimelineEvent(event: Batch["events"][number]): TimelineEvent<Run>[] {
  switch (event.__typename) {
    case "SpanUpdated": {
      const span = toSpan(event.span);
      const { chunk = null } = event;
      const { spanId } = span;
      return chunk === null
        ? [{ kind: "span", span }]
        : [
            { kind: "span", span },
            { kind: "happening", spanId, seq: chunk.seq },
          ];
    }
    case "SpanStarted":
    case "SpanEnded":
      return [{ kind: "span", span: toSpan(event.span) }];
    case "RunUpdated":
    case "RunEnded":
      return [{ kind: "run", run: toRun(event.run) }];
    default:
      return [];
  }
}
