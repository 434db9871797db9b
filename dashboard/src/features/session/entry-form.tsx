import { type ComponentType, type ReactNode, useState } from "react";
import type { Refusal } from "@/model/refusal";
import type { Credentials } from "@/session/doors";
import { Button } from "@/ui/button";
import { Form, InputField } from "@/ui/form";
import { RefusalText, useRefusal } from "./refusal-text";

export interface PasswordFieldProps {
  readonly label: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
}

/** Address and password, and what else it takes to be let in. Why one was not is told below them. */
export function EntryForm({
  label,
  act,
  acting,
  Password,
  isWhole = true,
  onGive,
  wordsOf,
  children,
}: {
  readonly label: string;
  /** What the button says. */
  readonly act: string;
  /** What it says until the server has answered. */
  readonly acting: string;
  readonly Password: ComponentType<PasswordFieldProps>;
  /** Whether what `children` ask for is there. */
  readonly isWhole?: boolean;
  readonly onGive: (given: Credentials) => Promise<Refusal | null>;
  /** The form's own words for some refusals; null: the server's. */
  readonly wordsOf: (refusal: Refusal) => string | null;
  readonly children?: ReactNode;
}) {
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const { refusal, waitS, isBusy, run } = useRefusal();
  const mayGive = isWhole && email.trim() !== "" && password !== "";
  return (
    <Form
      label={label}
      isBusy={isBusy}
      onGive={() => mayGive && run(() => onGive({ email, password }))}
    >
      <InputField
        label="E-mail address"
        type="email"
        name="username"
        autoComplete="username"
        autoFocus
        value={email}
        onChange={({ target }) => setEmail(target.value)}
      />
      <Password label="Password" value={password} onChange={setPassword} />
      {children}
      {refusal !== null && <RefusalText refusal={refusal} waitS={waitS} wordsOf={wordsOf} />}
      <Button
        type="submit"
        tone="primary"
        disabled={!mayGive || isBusy || waitS > 0}
        className="h-8 justify-center"
      >
        {isBusy ? acting : act}
      </Button>
    </Form>
  );
}
