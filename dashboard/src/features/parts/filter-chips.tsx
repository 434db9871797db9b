import type { MouseEvent } from "react";
import type { Criterion } from "@/model/criterion";
import { Button } from "@/ui/button";
import { Icon } from "@/ui/icons";
import { plainMarks } from "@/ui/marks";
import { Text } from "@/ui/text";
import { findToggle } from "./filter-panel";

/** What narrows a list, each with a button that takes it away. */
export function FilterChips<Filter>({
  criteria,
  panelId,
  onChange,
}: {
  readonly criteria: readonly Criterion<Filter>[];
  /** The panel that these come from: the keyboard goes to its button when no chip is left. */
  readonly panelId: string;
  readonly onChange: (part: Partial<Filter>) => void;
}) {
  return criteria.map((criterion) => (
    <FilterChip
      key={`${criterion.name}:${criterion.value}`}
      criterion={criterion}
      onClear={(event) => {
        keepFocus(event.currentTarget, panelId);
        onChange(criterion.cleared);
      }}
    />
  ));
}

/** Takes every criterion away at once. */
export function ClearFilters({
  panelId,
  onClear,
}: {
  readonly panelId: string;
  readonly onClear: () => void;
}) {
  const clear = () => {
    findToggle(panelId)?.focus();
    onClear();
  };
  return <Button onClick={clear}>Clear</Button>;
}

/** The chip's button is about to go: the keyboard stays among the chips, or goes to the panel's button. */
function keepFocus(button: HTMLElement, panelId: string): void {
  const all = [...document.querySelectorAll<HTMLElement>("[data-clear-filter]")];
  const at = all.indexOf(button);
  const next = all[at + 1] ?? all[at - 1];
  (next ?? findToggle(panelId))?.focus();
}

function FilterChip({
  criterion: { name, value },
  onClear,
}: {
  readonly criterion: Pick<Criterion<unknown>, "name" | "value">;
  readonly onClear: (event: MouseEvent<HTMLElement>) => void;
}) {
  return (
    <span className="inline-flex h-7 max-w-72 items-center gap-1 rounded-md bg-accent-soft pl-2.5 text-sm">
      <span className="text-dim">{name}</span>
      <span className="truncate font-mono" title={plainMarks(value)}>
        <Text value={value} />
      </span>
      <button
        type="button"
        data-clear-filter
        aria-label={`Clear the ${name} filter ${plainMarks(value)}`}
        onClick={onClear}
        className="inline-flex size-7 shrink-0 items-center justify-center rounded-md text-dim hover:text-ink"
      >
        <Icon name="close" size={11} />
      </button>
    </span>
  );
}
