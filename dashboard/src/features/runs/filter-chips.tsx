import { type Criterion, listCriteria } from "@/model/run-filter";
import type { RunListQuery } from "@/model/run-list";
import { Icon } from "@/ui/icons";
import { Text } from "@/ui/text";

/** What narrows the list, each with a button that takes it away. */
export function FilterChips({
  query,
  onChange,
}: {
  readonly query: RunListQuery;
  readonly onChange: (part: Partial<RunListQuery>) => void;
}) {
  return listCriteria(query).map((criterion) => (
    <FilterChip
      key={`${criterion.name}:${criterion.value}`}
      criterion={criterion}
      onClear={() => onChange(criterion.cleared)}
    />
  ));
}

function FilterChip({
  criterion: { name, value },
  onClear,
}: {
  readonly criterion: Criterion;
  readonly onClear: () => void;
}) {
  return (
    <span className="inline-flex h-7 max-w-72 items-center gap-1 rounded-md bg-accent-soft pl-2.5 text-sm">
      <span className="text-dim">{name}</span>
      <span className="truncate font-mono">
        <Text value={value} />
      </span>
      <button
        type="button"
        aria-label={`Clear the ${name} filter ${value}`}
        onClick={onClear}
        className="inline-flex size-7 items-center justify-center rounded-md text-dim hover:text-ink"
      >
        <Icon name="close" size={11} />
      </button>
    </span>
  );
}
