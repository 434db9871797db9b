import { readInstant } from "@/model/instant";
import { readEnd, readSignedEnd, type TextRange } from "@/model/range";
import {
  type RunFilter as Choice,
  type ScoreChoice,
  SINCE_MS,
  type StepChoice,
} from "@/model/run-filter";
import type { RunFilter, ScoreFilter, SpanCondition } from "./generated/graphql";

/** What the reader chose as the schema's filter; `nowMs` (epoch milliseconds) is where "the last hour" ends. */
export function toFilter(choice: Choice, nowMs: number): RunFilter {
  const { text, statuses, types, models, tags, attributes, correlationId, step } = choice;
  return {
    ...(text.trim() === "" ? {} : { text: text.trim() }),
    ...(statuses.length === 0 ? {} : { status: [...statuses] }),
    ...(types.length === 0 ? {} : { type: [...types] }),
    ...(models.length === 0 ? {} : { model: [...models] }),
    ...(tags.length === 0 ? {} : { tags: [...tags] }),
    ...(attributes.length === 0
      ? {}
      : {
          attributes: attributes.map(({ key, value }) =>
            value === null ? { key, exists: true } : { key, value: [value] },
          ),
        }),
    ...(correlationId === null ? {} : { correlationId: [correlationId] }),
    ...(choice.hasErrors ? { hasError: true } : {}),
    ...toRange("durationMs", choice.duration, toMs),
    // Counts are whole: from 1.5 on begins with 2, up to 1.5 ends with 1.
    ...toRange("totalTokens", choice.tokens, (end, side) =>
      (side === "min" ? Math.ceil : Math.floor)(Number(end)),
    ),
    ...toRange("costUsd", choice.cost, (end) => end.replace(/\.$/, "")),
    ...toStarted(choice, nowMs),
    ...(choice.scores.length === 0 ? {} : { scores: choice.scores.map(toScore) }),
    ...(step === null ? {} : { spans: [toCondition(step)] }),
  };
}

/** Of two beginnings the later holds. */
function toStarted(
  { since, started }: Choice,
  nowMs: number,
): Pick<RunFilter, "startedAfter" | "startedBefore"> {
  const fromMs = readInstant(started.min);
  const sinceMs = since === null ? null : nowMs - SINCE_MS[since];
  const beforeMs = readInstant(started.max);
  const afterMs = Math.max(fromMs ?? Number.NEGATIVE_INFINITY, sinceMs ?? Number.NEGATIVE_INFINITY);
  return {
    ...(Number.isFinite(afterMs) ? { startedAfter: new Date(afterMs).toISOString() } : {}),
    ...(beforeMs === null ? {} : { startedBefore: new Date(beforeMs).toISOString() }),
  };
}

function toScore({ name, score, label }: ScoreChoice): ScoreFilter {
  const ends = toRange("score", score, (end) => Number(end), readSignedEnd);
  return { name, ...ends, ...(label === null ? {} : { label: [label] }) };
}

function toCondition({ type, isFailed, below }: StepChoice): SpanCondition {
  return {
    ...(type === null ? {} : { type: [type] }),
    ...(isFailed ? { hasError: true } : {}),
    ...(below === null ? {} : { below: { type: [below] } }),
  };
}

function toRange<Key extends string, End>(
  key: Key,
  { min, max }: TextRange,
  convert: (end: string, side: "min" | "max") => End,
  read = readEnd,
): { [K in Key]?: { min?: End; max?: End } } {
  const ends = {
    ...(read(min) === null ? {} : { min: convert(min.trim(), "min") }),
    ...(read(max) === null ? {} : { max: convert(max.trim(), "max") }),
  };
  return (Object.keys(ends).length === 0 ? {} : { [key]: ends }) as {
    [K in Key]?: { min?: End; max?: End };
  };
}

/** Seconds in milliseconds, exactly as they are written: 0.0041 times 1000 would be 4.1000000000000005. */
function toMs(seconds: string): number {
  return Number(`${seconds}e3`);
}
