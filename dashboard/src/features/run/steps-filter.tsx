import { useMemo } from "react";
import { toggled, withValue } from "@/model/criterion";
import { listWords, SPAN_STATES, type SpanFilter } from "@/model/filter";
import type { Run } from "@/model/run";
import type { Timeline } from "@/model/timeline";
import { Button } from "@/ui/button";
import { AddField, PickField } from "@/ui/fields";
import { FigureFields } from "../parts/figure-fields";
import { FilterGroup } from "../parts/filter-group";
import { FilterPanel } from "../parts/filter-panel";
import { StatusMark, statusLabel } from "../parts/status";

/** More names than these are not picked from a list but written. */
const MAX_PICKED = 200;

interface Props {
  readonly id: string;
  readonly timeline: Timeline<Run>;
  readonly filter: SpanFilter;
  readonly onFilter: (part: Partial<SpanFilter>) => void;
  readonly onClose: () => void;
}

/** The criteria of a run's steps that have no place in the toolbar. */
export function StepsFilter({ id, timeline, filter, onFilter, onClose }: Props) {
  const { names, models } = useWords(timeline);
  return (
    <FilterPanel id={id} onClose={onClose}>
      <div className="grid gap-x-8 gap-y-4 sm:grid-cols-2 lg:grid-cols-3">
        <FilterGroup title="Status">
          <fieldset className="flex flex-wrap gap-1">
            <legend className="sr-only">Status of the steps</legend>
            {SPAN_STATES.map((state) => (
              <Button
                key={state}
                pressed={filter.statuses.includes(state)}
                onClick={() => onFilter({ statuses: toggled(filter.statuses, state) })}
              >
                <span aria-hidden="true" className="contents">
                  <StatusMark status={state} />
                </span>
                {statusLabel(state)}
              </Button>
            ))}
          </fieldset>
        </FilterGroup>
        <FilterGroup title="What it was">
          <WordField
            label="Name"
            words={names}
            chosen={filter.names}
            onChoose={(list) => onFilter({ names: list })}
          />
          <WordField
            label="Model"
            words={models}
            chosen={filter.models}
            onChoose={(list) => onFilter({ models: list })}
          />
        </FilterGroup>
        <FigureFields
          duration={filter.duration}
          tokens={filter.tokens}
          cost={filter.cost}
          onChange={onFilter}
        />
      </div>
    </FilterPanel>
  );
}

/** Whole words to filter by: picked from those of the run, or written where these are too many. */
function WordField({
  label,
  words,
  chosen,
  onChoose,
}: {
  readonly label: string;
  readonly words: readonly string[];
  readonly chosen: readonly string[];
  readonly onChoose: (chosen: readonly string[]) => void;
}) {
  const add = (word: string) => onChoose(withValue(chosen, word));
  if (words.length > MAX_PICKED)
    return <AddField label={label} placeholder="The whole name" onAdd={add} />;
  const free = words.filter((word) => !chosen.includes(word));
  const none = words.length === 0 ? "None in this run" : "All are chosen";
  return (
    <PickField
      label={label}
      placeholder={free.length === 0 ? none : chosen.length === 0 ? "Any" : "One more"}
      choices={free}
      onPick={add}
    />
  );
}

function useWords({ spans, version }: Timeline<Run>) {
  // biome-ignore lint/correctness/useExhaustiveDependencies: the spans change in place; the version says when
  return useMemo(() => listWords(spans.values()), [spans, version]);
}
