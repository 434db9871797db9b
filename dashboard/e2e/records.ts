import { randomBytes } from "node:crypto";

// Records as recorders write them (docs/wire-format.md).

export type WireRecord = Readonly<Record<string, unknown>>;

const NS_PER_MS = 1_000_000;

/** A number of nanoseconds as JSON holds it; beyond 2^53 the last digits do not matter to a test. */
function toNs(ms: number): number {
  return Math.round(ms) * NS_PER_MS;
}

export function payload(value: unknown, fidelity = "exact"): WireRecord {
  return { value, codec: "json", fidelity };
}

export interface SpanPart {
  readonly name: string;
  readonly type?: string;
  readonly parent?: string;
  readonly atMs: number;
  readonly forMs?: number;
  readonly status?: string;
  readonly lane?: number;
  readonly input?: unknown;
  readonly output?: unknown;
  readonly fields?: WireRecord;
}

/** One run's recorder: it counts the events and knows the ids. */
export class Recorder {
  readonly runId: string;
  readonly startMs: number;
  readonly #head: WireRecord;
  #seq = 0;

  constructor(name: string, fields: WireRecord = {}, startMs = Date.now()) {
    // The layout of UUIDv7: the time first, so that ids sort by it.
    const time = Math.floor(startMs).toString(16).padStart(12, "0");
    this.runId = `${time}7${randomBytes(2).toString("hex").slice(1)}8${randomBytes(8).toString("hex").slice(1)}`;
    this.startMs = startMs;
    this.#head = {
      v: 1,
      type: "run",
      run_id: this.runId,
      name,
      start_ns: toNs(startMs),
      ...fields,
    };
  }

  start(): WireRecord {
    return { ...this.#head, rev: 0, status: "STARTED" };
  }

  end(durationMs: number, status = "COMPLETED", fields: WireRecord = {}): WireRecord {
    return {
      ...this.#head,
      rev: 1,
      status,
      end_ns: toNs(this.startMs + durationMs),
      duration_ns: toNs(durationMs),
      ...fields,
    };
  }

  /** A step: its START line, its END line, and its id. */
  span(part: SpanPart): {
    readonly id: string;
    readonly start: WireRecord;
    readonly end: WireRecord;
  } {
    const id = randomBytes(8).toString("hex");
    const seq = this.#seq;
    this.#seq += 2;
    const forMs = part.forMs ?? 10;
    const base = {
      v: 1,
      type: "span",
      run_id: this.runId,
      span_id: id,
      ...(part.parent === undefined ? {} : { parent_span_id: part.parent }),
      name: part.name,
      span_type: part.type ?? "CUSTOM",
      start_ns: toNs(this.startMs + part.atMs),
      seq,
      lane: part.lane ?? 0,
      effect: "none",
      ...(part.input === undefined ? {} : { input: payload(part.input) }),
    };
    const status = part.status ?? "COMPLETED";
    return {
      id,
      start: { ...base, rev: 0, status: "STARTED" },
      end: {
        ...base,
        rev: 1,
        status,
        end_ns: toNs(this.startMs + part.atMs + forMs),
        duration_ns: toNs(forMs),
        end_seq: seq + 1,
        outcome: status === "ERROR" ? "error" : "ok",
        ...(part.output === undefined ? {} : { output: payload(part.output) }),
        ...part.fields,
      },
    };
  }

  event(spanId: string, name: string, body: unknown, atMs: number): WireRecord {
    const seq = this.#seq;
    this.#seq += 1;
    return {
      v: 1,
      type: "event",
      run_id: this.runId,
      span_id: spanId,
      seq,
      t_ns: toNs(this.startMs + atMs),
      name,
      body: payload(body),
    };
  }
}
