import { readEnd, type TextRange } from "@/model/range";
import { CheckedField, LABEL } from "@/ui/fields";

/** From a number to a number, either of them open. */
export function RangeField({
  label,
  range,
  onChange,
}: {
  readonly label: string;
  readonly range: TextRange;
  readonly onChange: (range: TextRange) => void;
}) {
  const end = (name: "min" | "max", word: string) => (
    <CheckedField
      label={`${label}, ${word}`}
      placeholder={word}
      hint="A number from 0, such as 1.5"
      value={range[name]}
      isValid={(text) => readEnd(text) !== null}
      onChange={(text) => onChange({ ...range, [name]: text })}
    />
  );
  return (
    <fieldset className="flex items-center gap-2">
      <legend className={`float-left ${LABEL}`}>{label}</legend>
      {end("min", "from")}
      <span aria-hidden="true" className="text-faint">
        –
      </span>
      {end("max", "to")}
    </fieldset>
  );
}
