import { useState } from "react";
import { InputField } from "@/ui/form";

const MIN_CHARACTERS = 15;
const MAX_CHARACTERS = 128;

/** A password to be: how long it may be, and how long it is. */
export function NewPasswordField({
  label,
  value,
  problem = null,
  onChange,
}: {
  readonly label: string;
  readonly value: string;
  readonly problem?: string | null;
  readonly onChange: (value: string) => void;
}) {
  const [isShown, setShown] = useState(false);
  const length = [...value].length;
  const isDue = length > 0 && (length < MIN_CHARACTERS || length > MAX_CHARACTERS);
  return (
    <InputField
      label={label}
      type={isShown ? "text" : "password"}
      spellCheck={false}
      aside={
        <button
          type="button"
          aria-pressed={isShown}
          onClick={() => setShown(!isShown)}
          className="text-accent text-sm hover:underline"
        >
          {isShown ? "Hide" : "Show"}
        </button>
      }
      name="new-password"
      autoComplete="new-password"
      hint={`${MIN_CHARACTERS} to ${MAX_CHARACTERS} characters, such as four or five words${isDue ? `; these are ${length}` : ""}.`}
      problem={problem}
      value={value}
      onChange={({ target }) => onChange(target.value)}
    />
  );
}
