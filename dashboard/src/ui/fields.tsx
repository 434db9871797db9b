import { type ComponentProps, type KeyboardEvent, useEffect, useId, useRef, useState } from "react";
import { plainMarks } from "./marks";

export const LABEL = "w-28 shrink-0 text-dim text-sm";
const FIELD =
  "h-7 min-w-0 rounded-md border border-line bg-surface px-2 text-sm placeholder:text-faint";

/** A field that gives each text it is given on Enter, or when it is left, and is empty again. */
export function AddField({
  label,
  placeholder,
  isFull = false,
  onAdd,
}: {
  readonly label: string;
  readonly placeholder: string;
  /** No more can be added. */
  readonly isFull?: boolean;
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
        placeholder={isFull ? "No more at once" : placeholder}
        disabled={isFull}
        maxLength={256}
        spellCheck={false}
        autoComplete="off"
        onChange={(event) => setDraft(event.target.value)}
        onBlur={add}
        onKeyDown={onKeys({ Enter: add, ...(draft === "" ? {} : { Escape: () => setDraft("") }) })}
        className={`${FIELD} flex-1 disabled:opacity-45`}
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

/** Gives each of a few values that is picked, and stands on none again. */
export function PickField({
  label,
  placeholder,
  choices,
  onPick,
}: {
  readonly label: string;
  readonly placeholder: string;
  readonly choices: readonly string[];
  readonly onPick: (value: string) => void;
}) {
  return (
    <label className="flex items-center gap-2">
      <span className={LABEL}>{label}</span>
      <select
        value=""
        disabled={choices.length === 0}
        onChange={({ target }) => {
          const picked = choices[Number(target.value)];
          if (target.value !== "" && picked !== undefined) onPick(picked);
        }}
        className={`${FIELD} flex-1 disabled:opacity-45`}
      >
        <option value="">{placeholder}</option>
        {choices.map((choice, index) => (
          <option key={choice} value={index}>
            {plainMarks(choice)}
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
  useEffect(() => setDraft(value), [value]);
  const isWrong = draft.trim() !== "" && !isValid(draft.trim());
  const tell = () => {
    if (!isWrong && draft.trim() !== value) onChange(draft.trim());
  };
  return (
    <HintedInput
      hint={isWrong ? hint : null}
      aria-label={label}
      inputMode="decimal"
      placeholder={placeholder}
      value={draft}
      maxLength={28}
      autoComplete="off"
      onChange={(event) => setDraft(event.target.value)}
      onBlur={tell}
      onKeyDown={onKeys({
        Enter: tell,
        ...(draft === value ? {} : { Escape: () => setDraft(value) }),
      })}
    />
  );
}

/** A field that tells each change; a hint says what is wrong with its text. */
export function TextField({
  label,
  placeholder,
  hint = null,
  value,
  onChange,
}: {
  readonly label: string;
  readonly placeholder: string;
  readonly hint?: string | null;
  readonly value: string;
  readonly onChange: (text: string) => void;
}) {
  return (
    <HintedInput
      hint={hint}
      aria-label={label}
      placeholder={placeholder}
      value={value}
      maxLength={256}
      spellCheck={false}
      autoComplete="off"
      onChange={(event) => onChange(event.target.value)}
    />
  );
}

/** A date and time by the clock here, told on Enter, or when it is left, once it is whole or empty. */
export function TimeField({
  label,
  hint,
  value,
  onChange,
}: {
  readonly label: string;
  /** What is missing while it is in part. */
  readonly hint: string;
  /** As `<input type="datetime-local">` has it; "" for none. */
  readonly value: string;
  readonly onChange: (value: string) => void;
}) {
  const ref = useRef<HTMLInputElement>(null);
  const id = useId();
  const [isWrong, setWrong] = useState(false);
  // Not a controlled field: while one part of it is being typed it has no value, and must not be emptied.
  useEffect(() => {
    if (ref.current !== null && ref.current.value !== value) ref.current.value = value;
    setWrong(false);
  }, [value]);
  const tell = () => {
    const field = ref.current;
    if (field === null) return;
    setWrong(!field.validity.valid);
    if (field.validity.valid && field.value !== value) onChange(field.value);
  };
  const restore = () => {
    if (ref.current !== null) ref.current.value = value;
    setWrong(false);
  };
  return (
    <label htmlFor={id} className="flex items-center gap-2">
      <span className={LABEL}>{label}</span>
      <HintedInput
        hint={isWrong ? hint : null}
        id={id}
        ref={ref}
        type="datetime-local"
        defaultValue={value}
        min="1970-01-02T00:00"
        max="9999-12-30T23:59"
        step="any"
        onBlur={tell}
        onKeyDown={(event) =>
          onKeys({
            Enter: tell,
            ...(ref.current?.value === value && !ref.current.validity.badInput
              ? {}
              : { Escape: restore }),
          })(event)
        }
      />
    </label>
  );
}

/** An input with what is wrong with its text below it; `hint` is null when nothing is. */
function HintedInput({
  hint,
  ...input
}: ComponentProps<"input"> & { readonly hint: string | null }) {
  const hintId = useId();
  const isWrong = hint !== null;
  return (
    <span className="min-w-0 flex-1">
      <input
        {...input}
        aria-invalid={isWrong}
        aria-describedby={isWrong ? hintId : undefined}
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
