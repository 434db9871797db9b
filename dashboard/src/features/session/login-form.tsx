import { useState } from "react";
import type { Refusal } from "@/model/refusal";
import { useSession } from "@/session/context";
import { Button } from "@/ui/button";
import { Form, InputField } from "@/ui/form";
import { RefusalText, useRefusal } from "./refusal-text";

/** Address and password. */
export function LoginForm() {
  const session = useSession();
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const attempt = useRefusal();
  const isWhole = email.trim() !== "" && password !== "";
  const signIn = () => {
    if (isWhole) attempt.run(() => session.signIn({ email, password }));
  };
  return (
    <Form label="Sign in" isBusy={attempt.isBusy} onGive={signIn}>
      <InputField
        label="E-mail address"
        type="email"
        name="username"
        autoComplete="username"
        autoFocus
        value={email}
        onChange={({ target }) => setEmail(target.value)}
      />
      <InputField
        label="Password"
        type="password"
        name="password"
        autoComplete="current-password"
        value={password}
        onChange={({ target }) => setPassword(target.value)}
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
        {attempt.isBusy ? "Signing in…" : "Sign in"}
      </Button>
    </Form>
  );
}

function wordsOf({ kind }: Refusal): string | null {
  return kind === "wrong" ? "The e-mail address or the password is wrong." : null;
}
