import { toWord, type Viewer } from "@/model/viewer";
import { Text } from "@/ui/text";
import { LoginsPart } from "./logins-part";
import { Part } from "./part";
import { PasswordForm } from "./password-form";

/** One's own account: who one is, the password, the logins. */
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
      <LoginsPart />
    </>
  );
}
