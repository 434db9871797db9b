import { useState } from "react";
import { toWord, type Viewer } from "@/model/viewer";
import { useSession } from "@/session/context";
import { Button } from "@/ui/button";
import { Text } from "@/ui/text";
import { Part } from "./part";
import { PasswordForm } from "./password-form";

/** One's own account: who one is, the password, the way out. */
export function AccountSection({ viewer }: { readonly viewer: Viewer }) {
  return (
    <>
      <Part>
        <dl className="grid max-w-xl grid-cols-[8rem_1fr] gap-y-2 rounded-lg border border-line bg-surface p-4">
          <dt className="text-dim">Signed in as</dt>
          <dd className="min-w-0">
            <Text value={viewer.name} />
          </dd>
          {viewer.project !== null && viewer.role !== null && (
            <>
              <dt className="text-dim">Role</dt>
              <dd>
                {toWord(viewer.role)} of <Text value={viewer.project.name} />
              </dd>
            </>
          )}
          {viewer.isOperator && (
            <>
              <dt className="text-dim">Server</dt>
              <dd>Operator: makes projects and accounts</dd>
            </>
          )}
        </dl>
      </Part>
      <PasswordForm email={viewer.name} />
      <SignOut />
    </>
  );
}

function SignOut() {
  const session = useSession();
  const [isBusy, setBusy] = useState(false);
  const signOut = () => {
    setBusy(true);
    void session.signOut();
  };
  return (
    <Part
      title="This login"
      about={
        <p>
          It holds for all tabs of this browser, and for 14 days after it was last used. Signing out
          ends it here and on the server. A change of the password ends every login, also those of
          other browsers.
        </p>
      }
      action={
        <Button disabled={isBusy} onClick={signOut}>
          Sign out
        </Button>
      }
    />
  );
}
