import { fromLocalTime, toLocalTime } from "@/model/instant";
import type { TextRange } from "@/model/range";
import { TimeField } from "@/ui/fields";

const HINT = "A date and a time, whole";

/** When runs started: from a moment to before another, by the clock here; either of them open. */
export function StartedField({
  range,
  onChange,
}: {
  readonly range: TextRange;
  readonly onChange: (range: TextRange) => void;
}) {
  return (
    <>
      <TimeField
        label="From"
        hint={HINT}
        value={toLocalTime(range.min)}
        onChange={(text) => onChange({ ...range, min: fromLocalTime(text) })}
      />
      <TimeField
        label="Before"
        hint={HINT}
        value={toLocalTime(range.max)}
        onChange={(text) => onChange({ ...range, max: fromLocalTime(text) })}
      />
    </>
  );
}
