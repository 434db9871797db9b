import type { Refusal } from "@/model/refusal";
import { useSession } from "@/session/context";
import { InputField } from "@/ui/form";
import { EntryForm, type PasswordFieldProps } from "./entry-form";

/** Address and password. */
export function LoginForm() {
  const session = useSession();
  return (
    <EntryForm
      label="Sign in"
      act="Sign in"
      acting="Signing in…"
      Password={CurrentPassword}
      onGive={session.signIn}
      wordsOf={wordsOf}
    />
  );
}

function CurrentPassword({ label, value, onChange }: PasswordFieldProps) {
  return (
    <InputField
      label={label}
      type="password"
      name="password"
      autoComplete="current-password"
      value={value}
      onChange={({ target }) => onChange(target.value)}
    />
  );
}

function wordsOf({ kind }: Refusal): string | null {
  return kind === "wrong" ? "The e-mail address or the password is wrong." : null;
}
