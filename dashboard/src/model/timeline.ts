import { latestRun, latestSpan } from "./merge";
import type { Run } from "./run";
import { type Span, spanEndMs } from "./span";

export type TimelineEvent<R extends Run> =
  | { readonly kind: "span"; readonly span: Span }
  | { readonly kind: "run"; readonly run: R }
  /** Something happened within a span: a piece of a stream, a log line. What it was is fetched when looked at. */
  | { readonly kind: "happening"; readonly spanId: string; readonly seq: number };

/**
 * One run and its spans, kept by id. It is changed in place, since a copy of 50,000 spans an event would
 * stop the page; `version` grows with every change, `structure` only when the tree changes.
 */
export class Timeline<R extends Run> {
  readonly spans = new Map<string, Span>();
  /** The `seq` of the latest happening within each span that has had one since the page was loaded. */
  readonly happenings = new Map<string, number>();
  run: R | null = null;
  version = 0;
  structure = 0;
  /** The latest moment that any span tells of, in milliseconds from the run's start. */
  knownEndMs = 0;
  /** The earliest; below 0 when a clock went back between the run's start and a step's. */
  knownStartMs = 0;
  /** The span that started last, by `seq`. */
  newest: Span | null = null;

  /**
   * Apply events in any order, any number of times; but that a run was given up or came back, as it is told.
   * True when something changed.
   */
  apply(events: Iterable<TimelineEvent<R>>): boolean {
    let changed = false;
    for (const event of events) {
      changed = this.#take(event) || changed;
    }
    if (changed) this.version += 1;
    return changed;
  }

  #take(event: TimelineEvent<R>): boolean {
    switch (event.kind) {
      case "span":
        return this.#takeSpan(event.span);
      case "run":
        return this.#takeRun(event.run);
      case "happening": {
        const isNews = event.seq > (this.happenings.get(event.spanId) ?? -1);
        if (isNews) this.happenings.set(event.spanId, event.seq);
        return isNews;
      }
    }
  }

  #takeSpan(span: Span): boolean {
    const before = this.spans.get(span.spanId);
    const after = before === undefined ? span : latestSpan(before, span);
    if (after === before) return false;
    this.spans.set(span.spanId, after);
    this.knownEndMs = Math.max(this.knownEndMs, spanEndMs(after, after.offsetMs));
    this.knownStartMs = Math.min(this.knownStartMs, after.offsetMs);
    if (this.newest === null || after.seq >= this.newest.seq) this.newest = after;
    if (
      before === undefined ||
      before.parentSpanId !== after.parentSpanId ||
      before.seq !== after.seq
    ) {
      this.structure += 1;
    }
    return true;
  }

  #takeRun(run: R): boolean {
    const after = this.run === null ? run : latestRun(this.run, run);
    if (after === this.run) return false;
    this.run = after;
    return true;
  }
}
