import { type ComponentProps, type ReactNode, useId } from "react";

const CONTROL =
  "h-8 w-full min-w-0 rounded-md border bg-surface px-2.5 text-base placeholder:text-faint disabled:opacity-45";

interface Around {
  readonly label: string;
  /** What may be typed, or what comes of it. */
  readonly hint?: string | undefined;
  /** What is wrong with it; null: nothing. */
  readonly problem?: string | null;
  /** Stands at the other end of the line of its name. */
  readonly aside?: ReactNode;
}

/** A text to be typed, with its name above it and what is wrong with it below. */
export function InputField({
  label,
  hint,
  problem = null,
  aside,
  ...input
}: Around & Omit<ComponentProps<"input">, "className" | "id">) {
  const id = useId();
  return (
    <Field id={id} label={label} hint={hint} problem={problem} aside={aside}>
      <input
        {...input}
        id={id}
        aria-invalid={problem !== null}
        aria-describedby={`${id}-hint`}
        className={`${CONTROL} ${problem === null ? "border-line-strong" : "border-bad"}`}
      />
    </Field>
  );
}

/** One of a few values. */
export function ChoiceField<Value extends string>({
  label,
  hint,
  problem = null,
  value,
  choices,
  onChoose,
}: Around & {
  readonly value: Value;
  readonly choices: readonly (readonly [Value, string])[];
  readonly onChoose: (value: Value) => void;
}) {
  const id = useId();
  return (
    <Field id={id} label={label} hint={hint} problem={problem}>
      <select
        id={id}
        value={value}
        aria-describedby={`${id}-hint`}
        onChange={({ target }) => {
          const chosen = choices.find(([choice]) => choice === target.value);
          if (chosen !== undefined) onChoose(chosen[0]);
        }}
        className={`${CONTROL} border-line-strong`}
      >
        {choices.map(([choice, text]) => (
          <option key={choice} value={choice}>
            {text}
          </option>
        ))}
      </select>
    </Field>
  );
}

function Field({
  id,
  label,
  hint,
  problem,
  aside,
  children,
}: Around & { readonly id: string; readonly children: ReactNode }) {
  return (
    <div className="flex min-w-0 flex-col gap-1">
      <div className="flex items-baseline justify-between gap-2">
        <label htmlFor={id} className="font-medium text-sm">
          {label}
        </label>
        {aside}
      </div>
      {children}
      <span id={`${id}-hint`} className="text-sm empty:hidden">
        {problem === null || problem === undefined ? (
          hint !== undefined && <span className="text-dim">{hint}</span>
        ) : (
          <span className="text-bad">{problem}</span>
        )}
      </span>
    </div>
  );
}

/** What is wrong with the whole of what was asked for, told as soon as it is known. */
export function FormProblem({ children }: { readonly children: ReactNode }) {
  return (
    <p role="alert" className="rounded-md bg-bad-soft px-3 py-2 text-bad text-sm">
      {children}
    </p>
  );
}

/** Fields that are given together. While it `isBusy` they are not given again. */
export function Form({
  label,
  isBusy = false,
  onGive,
  className = "flex flex-col gap-4",
  children,
}: {
  readonly label: string;
  readonly isBusy?: boolean;
  readonly onGive: () => void;
  readonly className?: string;
  readonly children: ReactNode;
}) {
  return (
    <form
      aria-label={label}
      aria-busy={isBusy}
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        if (!isBusy) onGive();
      }}
      className={className}
    >
      {children}
    </form>
  );
}
