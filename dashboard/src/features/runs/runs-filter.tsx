import { toggled, withValue } from "@/model/criterion";
import { spanTypeLabel } from "@/model/format";
import { OPEN_RANGE } from "@/model/range";
import {
  MAX_CONDITIONS,
  SINCE_LABELS,
  SINCE_MS,
  type Since,
  type StepChoice,
} from "@/model/run-filter";
import type { RunListQuery } from "@/model/run-list";
import { SPAN_TYPES } from "@/model/span";
import { readPair } from "@/model/words";
import { Button } from "@/ui/button";
import { AddField, SelectField } from "@/ui/fields";
import { FigureFields } from "../parts/figure-fields";
import { FilterGroup } from "../parts/filter-group";
import { FilterPanel } from "../parts/filter-panel";
import { SpanTypeIcon } from "../parts/span-type";
import { ScoreField } from "./score-field";
import { StartedField } from "./started-field";

interface Props {
  readonly id: string;
  readonly query: RunListQuery;
  readonly onChange: (part: Partial<RunListQuery>) => void;
  readonly onClose: () => void;
}

const NO_STEP: StepChoice = { type: null, isFailed: false, below: null };
const TYPE_CHOICES = SPAN_TYPES.map((type) => [type, spanTypeLabel(type)] as const);
const SINCE_CHOICES = (Object.keys(SINCE_MS) as Since[]).map(
  (since) => [since, SINCE_LABELS[since]] as const,
);

/** Every criterion of the list. A value is taken on Enter, or when its field is left. */
export function RunsFilter({ id, query, onChange, onClose }: Props) {
  return (
    <FilterPanel id={id} onClose={onClose}>
      <div className="grid gap-x-8 gap-y-4 sm:grid-cols-2 lg:grid-cols-3">
        <When query={query} onChange={onChange} />
        <Used query={query} onChange={onChange} />
        <FigureFields
          duration={query.duration}
          tokens={query.tokens}
          cost={query.cost}
          onChange={onChange}
        />
        <FilterGroup title="Has an annotation">
          <ScoreField
            count={query.scores.length}
            onAdd={(choice) => onChange({ scores: [...query.scores, choice] })}
          />
        </FilterGroup>
        <Steps query={query} onChange={onChange} />
        <Kinds query={query} onChange={onChange} />
      </div>
    </FilterPanel>
  );
}

type PartProps = Pick<Props, "query" | "onChange">;

function When({ query, onChange }: PartProps) {
  return (
    <FilterGroup title="When">
      <SelectField
        label="Started"
        none="Any time"
        value={query.since}
        choices={SINCE_CHOICES}
        onChange={(since) => onChange({ since, started: OPEN_RANGE })}
      />
      <StartedField
        range={query.started}
        onChange={(started) => onChange({ started, since: null })}
      />
    </FilterGroup>
  );
}

function Used({ query, onChange }: PartProps) {
  const { attributes } = query;
  return (
    <FilterGroup title="What it used">
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
        isFull={attributes.length >= MAX_CONDITIONS}
        onAdd={(text) => {
          const { name, value } = readPair(text);
          onChange({ attributes: [...attributes, { key: name.trim(), value }] });
        }}
      />
    </FilterGroup>
  );
}

/** What the runs have steps of. */
function Kinds({ query, onChange }: PartProps) {
  return (
    <FilterGroup title="With steps of these kinds">
      <fieldset className="flex flex-wrap gap-1">
        <legend className="sr-only">Kinds of steps</legend>
        {SPAN_TYPES.map((type) => (
          <Button
            key={type}
            pressed={query.types.includes(type)}
            onClick={() => onChange({ types: toggled(query.types, type) })}
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
    </FilterGroup>
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
    <FilterGroup title="Has a step">
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
    </FilterGroup>
  );
}
