import { useState } from "react";
import type { Refusal } from "@/model/refusal";
import { useSession } from "@/session/context";
import { Button } from "@/ui/button";
import { Form, InputField } from "@/ui/form";
import { NewPasswordField } from "./new-password-field";
import { RefusalText, useRefusal } from "./refusal-text";

/** A new account: the first one with the setup token, others where the server lets anybody register. */
export function RegisterForm() {
  const session = useSession();
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const [setupToken, setSetupToken] = useState("");
  const attempt = useRefusal();
  const isWhole = email.trim() !== "" && password !== "";
  const register = () => {
    const token = setupToken.trim();
    if (isWhole)
      attempt.run(() => session.register({ email, password }, token === "" ? null : token));
  };
  return (
    <Form label="Register" isBusy={attempt.isBusy} onGive={register}>
      <InputField
        label="E-mail address"
        type="email"
        name="username"
        autoComplete="username"
        autoFocus
        value={email}
        onChange={({ target }) => setEmail(target.value)}
      />
      <NewPasswordField label="Password" value={password} onChange={setPassword} />
      <InputField
        label="Setup token"
        name="setup-token"
        autoComplete="off"
        spellCheck={false}
        placeholder="Only for the first account"
        hint="While the server has no account its start prints one. Leave it empty otherwise."
        value={setupToken}
        onChange={({ target }) => setSetupToken(target.value)}
      />
      {attempt.refusal !== null && (
        <RefusalText refusal={attempt.refusal} waitS={attempt.waitS} wordsOf={wordsOf} />
      )}
      <Button
        type="submit"
        tone="primary"
        disabled={!isWhole || attempt.isBusy || attempt.waitS > 0}
        className="h-8 justify-center"
      >
        {attempt.isBusy ? "Registering…" : "Register"}
      </Button>
    </Form>
  );
}

/** An address that is taken is registered like a new one, as far as the server says: then its password is another. */
function wordsOf({ kind }: Refusal): string | null {
  if (kind !== "wrong") return null;
  return "You could not be signed in. If the address has an account already, sign in with its password.";
}
