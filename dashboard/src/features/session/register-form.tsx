import { useState } from "react";
import type { Openness } from "@/model/openness";
import type { Refusal } from "@/model/refusal";
import { useSession } from "@/session/context";
import { InputField } from "@/ui/form";
import { EntryForm } from "./entry-form";
import { NewPasswordField } from "./new-password-field";

/** A new account: the first one with the setup token, others where the server lets anybody register. */
export function RegisterForm({ openness }: { readonly openness: Openness | null }) {
  const session = useSession();
  const [setupToken, setSetupToken] = useState("");
  const token = setupToken.trim();
  return (
    <EntryForm
      label="Create an account"
      act="Create the account"
      acting="Creating…"
      Password={NewPasswordField}
      isWhole={openness !== "setup" || token !== ""}
      onGive={(given) => session.register(given, token === "" ? null : token)}
      wordsOf={wordsOf}
    >
      {openness !== "open" && (
        <InputField
          label="Setup token"
          name="setup-token"
          autoComplete="off"
          spellCheck={false}
          hint={
            openness === "setup"
              ? "The server printed it as it started, in the line Setup."
              : "While the server has no account its start prints one. Leave it empty otherwise."
          }
          value={setupToken}
          onChange={({ target }) => setSetupToken(target.value)}
        />
      )}
    </EntryForm>
  );
}

/** An address that is taken is registered like a new one, as far as the server says: then its password is another. */
function wordsOf({ kind }: Refusal): string | null {
  if (kind !== "wrong") return null;
  return "You could not be signed in. If the address has an account already, sign in with its password.";
}
