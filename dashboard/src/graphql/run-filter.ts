import {
  type RunFilter as Choice,
  readEnd,
  SINCE_MS,
  type StepChoice,
  type TextRange,
} from "@/model/run-filter";
import type { RunFilter, SpanCondition } from "./generated/graphql";

const MS_PER_SECOND = 1000;

/** What the reader chose as the schema's filter; `nowMs` (epoch milliseconds) is where "the last hour" ends. */
export function toFilter(choice: Choice, nowMs: number): RunFilter {
  const { text, statuses, types, models, tags, attributes, correlationId, since, step } = choice;
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
    ...toRange("durationMs", choice.duration, (end) => Number(end) * MS_PER_SECOND),
    ...toRange("totalTokens", choice.tokens, (end) => Math.trunc(Number(end))),
    ...toRange("costUsd", choice.cost, (end) => end.replace(/\.$/, "")),
    ...(since === null ? {} : { startedAfter: new Date(nowMs - SINCE_MS[since]).toISOString() }),
    ...(step === null ? {} : { spans: [toCondition(step)] }),
  };
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
  convert: (end: string) => End,
): { [K in Key]?: { min?: End; max?: End } } {
  const ends = {
    ...(readEnd(min) === null ? {} : { min: convert(min.trim()) }),
    ...(readEnd(max) === null ? {} : { max: convert(max.trim()) }),
  };
  return (Object.keys(ends).length === 0 ? {} : { [key]: ends }) as {
    [K in Key]?: { min?: End; max?: End };
  };
}
