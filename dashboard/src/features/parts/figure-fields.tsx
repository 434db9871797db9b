import type { TextRange } from "@/model/range";
import { FilterGroup } from "./filter-group";
import { RangeField } from "./range-field";

interface Figures {
  /** Seconds. */
  readonly duration: TextRange;
  readonly tokens: TextRange;
  /** US dollars. */
  readonly cost: TextRange;
}

/** How long it took, how many tokens it used and what it cost: of runs, and of steps. */
export function FigureFields({
  duration,
  tokens,
  cost,
  onChange,
}: Figures & { readonly onChange: (part: Partial<Figures>) => void }) {
  return (
    <FilterGroup title="Figures">
      <RangeField
        label="Duration, seconds"
        range={duration}
        onChange={(range) => onChange({ duration: range })}
      />
      <RangeField label="Tokens" range={tokens} onChange={(range) => onChange({ tokens: range })} />
      <RangeField label="Cost, USD" range={cost} onChange={(range) => onChange({ cost: range })} />
    </FilterGroup>
  );
}
