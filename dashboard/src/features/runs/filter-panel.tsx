import { type ReactNode, useId } from "react";
import { spanTypeLabel } from "@/model/format";
import {
  type RunFilter,
  SINCE_LABELS,
  SINCE_MS,
  type Since,
  type StepChoice,
  withValue,
} from "@/model/run-filter";
import type { RunListQuery } from "@/model/run-list";
import { SPAN_TYPES, type SpanType } from "@/model/span";
import { readPair } from "@/model/words";
import { Button } from "@/ui/button";
import { AddField, SelectField } from "@/ui/fields";
import { SpanTypeIcon } from "../parts/span-type";
import { RangeField } from "./range-field";

interface Props {
  readonly id: string;
  readonly query: RunListQuery;
  readonly onChange: (part: Partial<RunListQuery>) => void;
}

const NO_STEP: StepChoice = { type: null, isFailed: false, below: null };
const TYPE_CHOICES = SPAN_TYPES.map((type) => [type, spanTypeLabel(type)] as const);
const SINCE_CHOICES = (Object.keys(SINCE_MS) as Since[]).map(
  (since) => [since, SINCE_LABELS[since]] as const,
);

/** Every criterion of the list. A value is taken on Enter, or when its field is left. */
export function FilterPanel({ id, query, onChange }: Props) {
  return (
    <section
      id={id}
      aria-label="Filters"
      className="grid shrink-0 gap-x-8 gap-y-4 border-line border-b bg-surface px-4 py-3 sm:grid-cols-2 xl:grid-cols-4"
    >
      <TimeAndErrors query={query} onChange={onChange} />
      <Group title="What it used">
        <AddField
          label="Model"
          placeholder="gpt-4o"
          onAdd={(model) => onChange({ models: withValue(query.models, model) })}
        />
        <AddField
          label="Tag"
          placeholder="nightly"
          onAdd={(tag) => onChange({ tags: withValue(query.tags, tag) })}
        />
        <AddField
          label="Attribute"
          placeholder="key or key=value"
          onAdd={(text) => {
            const { name, value } = readPair(text);
            onChange({ attributes: [...query.attributes, { key: name.trim(), value }] });
          }}
        />
      </Group>
      <Group title="Figures">
        <RangeField
          label="Duration, seconds"
          range={query.duration}
          onChange={(duration) => onChange({ duration })}
        />
        <RangeField
          label="Tokens"
          range={query.tokens}
          onChange={(tokens) => onChange({ tokens })}
        />
        <RangeField label="Cost, USD" range={query.cost} onChange={(cost) => onChange({ cost })} />
      </Group>
      <Steps query={query} onChange={onChange} />
    </section>
  );
}

type PartProps = Pick<Props, "query" | "onChange">;

function TimeAndErrors({ query, onChange }: PartProps) {
  const toggle = (type: SpanType): Partial<RunFilter> => ({
    types: query.types.includes(type)
      ? query.types.filter((other) => other !== type)
      : [...query.types, type],
  });
  return (
    <Group title="When, and with what steps">
      <SelectField
        label="Started"
        none="Any time"
        value={query.since}
        choices={SINCE_CHOICES}
        onChange={(since) => onChange({ since })}
      />
      <fieldset className="flex flex-wrap gap-1">
        <legend className="sr-only">Kinds of steps</legend>
        {SPAN_TYPES.map((type) => (
          <Button
            key={type}
            pressed={query.types.includes(type)}
            onClick={() => onChange(toggle(type))}
          >
            <span aria-hidden="true" className="contents">
              <SpanTypeIcon type={type} />
            </span>
            {spanTypeLabel(type)}
          </Button>
        ))}
      </fieldset>
      <div>
        <Button pressed={query.hasErrors} onClick={() => onChange({ hasErrors: !query.hasErrors })}>
          With errors
        </Button>
      </div>
    </Group>
  );
}

/** "A failed tool call below a model call". */
function Steps({ query, onChange }: PartProps) {
  const step = query.step ?? NO_STEP;
  const change = (part: Partial<StepChoice>) => {
    const next = { ...step, ...part };
    const isEmpty = next.type === null && !next.isFailed && next.below === null;
    onChange({ step: isEmpty ? null : next });
  };
  return (
    <Group title="Has a step">
      <SelectField
        label="Of the kind"
        none="Any kind"
        value={step.type}
        choices={TYPE_CHOICES}
        onChange={(type) => change({ type })}
      />
      <SelectField
        label="Below a"
        none="Anywhere"
        value={step.below}
        choices={TYPE_CHOICES}
        onChange={(below) => change({ below })}
      />
      <div>
        <Button pressed={step.isFailed} onClick={() => change({ isFailed: !step.isFailed })}>
          That failed
        </Button>
      </div>
    </Group>
  );
}

function Group({ title, children }: { readonly title: string; readonly children: ReactNode }) {
  const id = useId();
  return (
    <div role="group" aria-labelledby={id} className="flex min-w-0 flex-col gap-2">
      <h2 id={id} className="text-faint text-xs">
        {title}
      </h2>
      {children}
    </div>
  );
}
