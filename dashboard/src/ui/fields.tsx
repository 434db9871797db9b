import { type KeyboardEvent, useEffect, useId, useState } from "react";

export const LABEL = "w-28 shrink-0 text-dim text-sm";
const FIELD =
  "h-7 min-w-0 rounded-md border border-line bg-surface px-2 text-sm placeholder:text-faint";

/** A field that gives each text it is given on Enter, or when it is left, and is empty again. */
export function AddField({
  label,
  placeholder,
  onAdd,
}: {
  readonly label: string;
  readonly placeholder: string;
  readonly onAdd: (text: string) => void;
}) {
  const [draft, setDraft] = useState("");
  const add = () => {
    const text = draft.trim();
    setDraft("");
    if (text !== "") onAdd(text);
  };
  return (
    <label className="flex items-center gap-2">
      <span className={LABEL}>{label}</span>
      <input
        value={draft}
        placeholder={placeholder}
        maxLength={256}
        spellCheck={false}
        autoComplete="off"
        onChange={(event) => setDraft(event.target.value)}
        onBlur={add}
        onKeyDown={onKeys({ Enter: add, Escape: () => setDraft("") })}
        className={`${FIELD} flex-1`}
      />
    </label>
  );
}

/** One of a few values, or none. */
export function SelectField<Value extends string>({
  label,
  none,
  value,
  choices,
  onChange,
}: {
  readonly label: string;
  readonly none: string;
  readonly value: Value | null;
  readonly choices: readonly (readonly [Value, string])[];
  readonly onChange: (value: Value | null) => void;
}) {
  return (
    <label className="flex items-center gap-2">
      <span className={LABEL}>{label}</span>
      <select
        value={value ?? ""}
        onChange={({ target }) =>
          onChange(choices.find(([choice]) => choice === target.value)?.[0] ?? null)
        }
        className={`${FIELD} flex-1`}
      >
        <option value="">{none}</option>
        {choices.map(([choice, text]) => (
          <option key={choice} value={choice}>
            {text}
          </option>
        ))}
      </select>
    </label>
  );
}

/** A field whose text is told on Enter, or when it is left, if it is empty or valid. */
export function CheckedField({
  label,
  placeholder,
  hint,
  value,
  isValid,
  onChange,
}: {
  readonly label: string;
  readonly placeholder: string;
  /** What a valid text is. */
  readonly hint: string;
  readonly value: string;
  readonly isValid: (text: string) => boolean;
  readonly onChange: (text: string) => void;
}) {
  const [draft, setDraft] = useState(value);
  const hintId = useId();
  useEffect(() => setDraft(value), [value]);
  const isWrong = draft.trim() !== "" && !isValid(draft.trim());
  const tell = () => {
    if (!isWrong && draft.trim() !== value) onChange(draft.trim());
  };
  return (
    <span className="min-w-0 flex-1">
      <input
        aria-label={label}
        aria-invalid={isWrong}
        aria-describedby={isWrong ? hintId : undefined}
        inputMode="decimal"
        placeholder={placeholder}
        value={draft}
        maxLength={28}
        autoComplete="off"
        onChange={(event) => setDraft(event.target.value)}
        onBlur={tell}
        onKeyDown={onKeys({ Enter: tell, Escape: () => setDraft(value) })}
        className={`${FIELD} w-full ${isWrong ? "border-bad" : ""}`}
      />
      {isWrong && (
        <span id={hintId} className="block text-bad text-xs">
          {hint}
        </span>
      )}
    </span>
  );
}

function onKeys(keys: Readonly<Record<string, () => void>>) {
  return (event: KeyboardEvent<HTMLInputElement>) => {
    const act = keys[event.key];
    if (act === undefined) return;
    event.preventDefault();
    act();
  };
}
