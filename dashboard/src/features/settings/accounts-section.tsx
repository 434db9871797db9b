import { useState } from "react";
import {
  type Account,
  type Problem,
  useAccounts,
  useCreateAccount,
  useSetAccountDisabled,
} from "@/graphql/accounts";
import { formatAgo, formatCount, formatDay } from "@/model/format";
import { parseInstant } from "@/model/instant";
import { toSentence } from "@/model/refusal";
import type { Viewer } from "@/model/viewer";
import { Button } from "@/ui/button";
import { useNow } from "@/ui/clock";
import { Confirm } from "@/ui/confirm";
import { Form, FormProblem, InputField } from "@/ui/form";
import { Cell, Row, Table } from "@/ui/table";
import { Text } from "@/ui/text";
import { NewPasswordField } from "../session/new-password-field";
import { AppointAdmin } from "./appoint-admin";
import { Answered, Part, Tag } from "./part";

/** Everybody who can sign in to the server, for its operators. */
export function AccountsSection({ viewer }: { readonly viewer: Viewer }) {
  const answer = useAccounts();
  const [closing, setClosing] = useState<Account | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const setDisabled = useSetAccountDisabled();
  const nowMs = useNow(true, 10_000);
  const open = async ({ email }: Account) => {
    setProblem(await setDisabled({ email, isDisabled: false }));
    answer.again();
  };
  return (
    <>
      <Part
        about={
          <p>Of the whole server. Which projects one is in, their admins say under Members.</p>
        }
      >
        {problem !== null && <FormProblem>{toSentence(problem.message)}</FormProblem>}
        <Answered answer={answer}>
          {(accounts) => (
            <Table label="Accounts" heads={["Account", "Created", "Last login", ""]}>
              {accounts.map((account) => (
                <AccountRow
                  key={account.id}
                  account={account}
                  isSelf={account.id === viewer.id}
                  nowMs={nowMs}
                  onClose={() => setClosing(account)}
                  onOpen={() => void open(account)}
                />
              ))}
            </Table>
          )}
        </Answered>
      </Part>
      <CreateAccount onCreated={answer.again} />
      <AppointAdmin />
      <CloseAccount account={closing} onDone={answer.again} onClose={() => setClosing(null)} />
    </>
  );
}

function AccountRow({
  account: { email, isOperator, isDisabled, createdAt, lastLoginAt },
  isSelf,
  nowMs,
  onClose,
  onOpen,
}: {
  readonly account: Account;
  readonly isSelf: boolean;
  readonly nowMs: number;
  readonly onClose: () => void;
  readonly onOpen: () => void;
}) {
  return (
    <Row isFaded={isDisabled}>
      <Cell className="w-full">
        <Text value={email} className="font-medium" />
        {isSelf && <Tag>You</Tag>}
        {isOperator && <Tag>Operator</Tag>}
        {isDisabled && <Tag tone="bad">Disabled</Tag>}
      </Cell>
      <Cell className="whitespace-nowrap">{formatDay(parseInstant(createdAt)).slice(0, 10)}</Cell>
      <Cell className="whitespace-nowrap">
        {typeof lastLoginAt === "string" ? formatAgo(parseInstant(lastLoginAt), nowMs) : "Never"}
      </Cell>
      <Cell className="text-right">
        {isDisabled ? (
          <Button onClick={onOpen} aria-label={`Enable ${email}`}>
            Enable
          </Button>
        ) : (
          <Button
            tone="danger"
            disabled={isSelf}
            title={isSelf ? "Another operator can do this" : undefined}
            onClick={onClose}
            aria-label={`Disable ${email}`}
          >
            Disable
          </Button>
        )}
      </Cell>
    </Row>
  );
}

function CreateAccount({ onCreated }: { readonly onCreated: () => void }) {
  const create = useCreateAccount();
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [made, setMade] = useState<string | null>(null);
  const isWhole = email.trim() !== "" && password !== "";
  const give = async () => {
    setBusy(true);
    const found = await create({ email: email.trim(), password });
    setBusy(false);
    setProblem(found);
    setMade(found === null ? email.trim() : null);
    if (found !== null) return;
    setEmail("");
    setPassword("");
    onCreated();
  };
  const of = (field: string) => (problem?.field === field ? toSentence(problem.message) : null);
  return (
    <Part
      title="Create an account"
      about={
        <p>
          Tell its owner the address and the password; they change it under Account. The account is
          in no project until it is added to one.
        </p>
      }
    >
      <Form
        label="Create an account"
        isBusy={isBusy}
        onGive={() => isWhole && void give()}
        className="flex max-w-sm flex-col gap-4"
      >
        <InputField
          label="E-mail address"
          type="email"
          autoComplete="off"
          value={email}
          problem={of("email")}
          onChange={({ target }) => setEmail(target.value)}
        />
        <NewPasswordField
          label="First password"
          value={password}
          problem={of("password")}
          onChange={setPassword}
        />
        {problem !== null && of("email") === null && of("password") === null && (
          <FormProblem>{toSentence(problem.message)}</FormProblem>
        )}
        {made !== null && (
          <p role="status" className="text-good text-sm">
            The account of <Text value={made} /> is made.
          </p>
        )}
        <div>
          <Button type="submit" disabled={!isWhole || isBusy}>
            Create the account
          </Button>
        </div>
      </Form>
    </Part>
  );
}

function CloseAccount({
  account,
  onDone,
  onClose,
}: {
  readonly account: Account | null;
  readonly onDone: () => void;
  readonly onClose: () => void;
}) {
  const setDisabled = useSetAccountDisabled();
  const act = async () => {
    if (account === null) return null;
    const problem = await setDisabled({ email: account.email, isDisabled: true });
    if (problem === null) onDone();
    return problem === null ? null : toSentence(problem.message);
  };
  return (
    <Confirm
      title="Disable this account?"
      act="Disable the account"
      isOpen={account !== null}
      onAct={act}
      onClose={onClose}
    >
      <p>
        All logins of <Text value={account?.email ?? ""} className="text-ink" /> end, and they can
        no longer sign in, until it is enabled again.
      </p>
      <LiveKeys keys={account?.liveKeys ?? []} />
    </Confirm>
  );
}

/** What closing an account does not end: programs go on with the keys that it made. */
function LiveKeys({ keys }: { readonly keys: Account["liveKeys"] }) {
  if (keys.length === 0) return null;
  return (
    <>
      <p>Keys that they made go on, until an admin of the project revokes them:</p>
      <ul className="list-disc pl-5">
        {keys.map(({ project, count }) => (
          <li key={project}>
            {formatCount(count)} in <code className="font-mono text-ink text-sm">{project}</code>
          </li>
        ))}
      </ul>
    </>
  );
}
