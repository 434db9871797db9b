import { useState } from "react";
import { type Problem, useChangePassword } from "@/graphql/accounts";
import { toSentence } from "@/model/refusal";
import { useSession } from "@/session/context";
import { Button } from "@/ui/button";
import { Form, FormProblem, InputField } from "@/ui/form";
import { NewPasswordField } from "../session/new-password-field";
import { Part } from "./part";

/** Changes one's own password. The server then ends every login, so this browser signs in anew. */
export function PasswordForm({ email }: { readonly email: string }) {
  const session = useSession();
  const change = useChangePassword();
  const [currentPassword, setCurrent] = useState("");
  const [newPassword, setNew] = useState("");
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const isWhole = currentPassword !== "" && newPassword !== "";
  const give = async () => {
    setBusy(true);
    const found = await change({ currentPassword, newPassword });
    // What fails here, the page for signing in tells: the login of before is gone in any case.
    if (found === null) await session.signIn({ email, password: newPassword });
    setBusy(false);
    setProblem(found);
  };
  const of = (field: string) => (problem?.field === field ? toSentence(problem.message) : null);
  const isOfField = of("currentPassword") !== null || of("newPassword") !== null;
  return (
    <Part title="Password">
      <Form
        label="Change the password"
        isBusy={isBusy}
        onGive={() => isWhole && void give()}
        className="flex max-w-sm flex-col gap-4"
      >
        <input
          name="username"
          autoComplete="username"
          value={email}
          readOnly
          hidden
          aria-label="Account"
        />
        <InputField
          label="Current password"
          type="password"
          name="current-password"
          autoComplete="current-password"
          value={currentPassword}
          problem={of("currentPassword")}
          onChange={({ target }) => setCurrent(target.value)}
        />
        <NewPasswordField
          label="New password"
          value={newPassword}
          problem={of("newPassword") ?? of("password")}
          onChange={setNew}
        />
        {problem !== null && !isOfField && of("password") === null && (
          <FormProblem>{toSentence(problem.message)}</FormProblem>
        )}
        <div>
          <Button type="submit" disabled={!isWhole || isBusy}>
            {isBusy ? "Changing…" : "Change the password"}
          </Button>
        </div>
      </Form>
    </Part>
  );
}
