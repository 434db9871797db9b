import { useState } from "react";
import {
  type Member,
  type Problem,
  useMembers,
  usePutMember,
  useRemoveMember,
} from "@/graphql/accounts";
import { toSentence } from "@/model/refusal";
import { ROLES, type Role, toWord, type Viewer } from "@/model/viewer";
import { Button } from "@/ui/button";
import { Confirm } from "@/ui/confirm";
import { ChoiceField, Form, FormProblem, InputField } from "@/ui/form";
import { Cell, Row, Table } from "@/ui/table";
import { Text } from "@/ui/text";
import { Answered, Part, Tag } from "./part";

const ROLE_CHOICES: readonly (readonly [Role, string])[] = [
  ["VIEWER", "Viewer: reads everything"],
  ["MEMBER", "Member: records, annotates, tags and deletes, too"],
  ["ADMIN", "Admin: manages members, keys and the audit log, too"],
];

/** A change that takes something away from somebody: it is asked about first. */
interface Loss {
  readonly member: Member;
  /** The role that is left; null: none, they leave the project. */
  readonly role: Role | null;
}

/** Who is in the project, and with which role. */
export function MembersSection({ viewer }: { readonly viewer: Viewer }) {
  const answer = useMembers();
  const put = usePutMember();
  const [loss, setLoss] = useState<Loss | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const change = async (member: Member, role: Role) => {
    if (ROLES.indexOf(role) < ROLES.indexOf(member.role)) {
      setLoss({ member, role });
      return;
    }
    setProblem(await put({ email: member.email, role }));
    answer.again();
  };
  return (
    <>
      <Part
        about={
          <p>
            Of the project <Text value={viewer.project?.name ?? ""} className="text-ink" />. Who has
            a role in another one sees nothing of this one.
          </p>
        }
      >
        {problem !== null && <FormProblem>{toSentence(problem.message)}</FormProblem>}
        <Answered answer={answer}>
          {(members) => (
            <Table label="Members" heads={["Account", "Role", ""]}>
              {members.map((member) => (
                <MemberRow
                  key={member.id}
                  member={member}
                  isSelf={member.id === viewer.id}
                  onRole={(role) => void change(member, role)}
                  onRemove={() => setLoss({ member, role: null })}
                />
              ))}
            </Table>
          )}
        </Answered>
      </Part>
      <AddMember viewer={viewer} onAdded={answer.again} />
      <ConfirmLoss
        loss={loss}
        isSelf={loss?.member.id === viewer.id}
        onDone={answer.again}
        onClose={() => setLoss(null)}
      />
    </>
  );
}

function MemberRow({
  member: { email, role, isDisabled },
  isSelf,
  onRole,
  onRemove,
}: {
  readonly member: Member;
  readonly isSelf: boolean;
  readonly onRole: (role: Role) => void;
  readonly onRemove: () => void;
}) {
  return (
    <Row isFaded={isDisabled}>
      <Cell className="w-full">
        <Text value={email} className="font-medium" />
        {isSelf && <Tag>You</Tag>}
        {isDisabled && <Tag tone="bad">Disabled</Tag>}
      </Cell>
      <Cell>
        <select
          aria-label={`Role of ${email}`}
          value={role}
          onChange={({ target }) => {
            const chosen = ROLES.find((one) => one === target.value);
            if (chosen !== undefined) onRole(chosen);
          }}
          className="h-7 rounded-md border border-line bg-surface px-1.5 text-ink text-sm"
        >
          {ROLES.map((one) => (
            <option key={one} value={one}>
              {toWord(one)}
            </option>
          ))}
        </select>
      </Cell>
      <Cell className="text-right">
        <Button tone="danger" onClick={onRemove} aria-label={`Remove ${email}`}>
          Remove
        </Button>
      </Cell>
    </Row>
  );
}

function AddMember({ viewer, onAdded }: { readonly viewer: Viewer; readonly onAdded: () => void }) {
  const put = usePutMember();
  const [email, setEmail] = useState("");
  const [role, setRole] = useState<Role>("MEMBER");
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const give = async () => {
    setBusy(true);
    const found = await put({ email: email.trim(), role });
    setBusy(false);
    setProblem(found);
    if (found !== null) return;
    setEmail("");
    onAdded();
  };
  const who = viewer.isOperator
    ? "They need an account first: make one under Accounts."
    : "They need an account first: an operator of the server makes it.";
  return (
    <Part title="Add a member" about={<p>{who}</p>}>
      <Form
        label="Add a member"
        isBusy={isBusy}
        onGive={() => email.trim() !== "" && void give()}
        className="flex max-w-xl flex-col gap-4"
      >
        <InputField
          label="E-mail address"
          type="email"
          autoComplete="off"
          placeholder="of their account"
          value={email}
          problem={problem === null ? null : toSentence(problem.message)}
          onChange={({ target }) => setEmail(target.value)}
        />
        <ChoiceField label="Role" value={role} choices={ROLE_CHOICES} onChoose={setRole} />
        <div>
          <Button type="submit" disabled={isBusy || email.trim() === ""}>
            Add to the project
          </Button>
        </div>
      </Form>
    </Part>
  );
}

function ConfirmLoss({
  loss,
  isSelf,
  onDone,
  onClose,
}: {
  readonly loss: Loss | null;
  readonly isSelf: boolean;
  readonly onDone: () => void;
  readonly onClose: () => void;
}) {
  const put = usePutMember();
  const remove = useRemoveMember();
  const act = async () => {
    if (loss === null) return null;
    const { email } = loss.member;
    const problem = await (loss.role === null
      ? remove({ email })
      : put({ email, role: loss.role }));
    if (problem === null) onDone();
    return problem === null ? null : toSentence(problem.message);
  };
  const isRemoval = loss?.role === null;
  const role = toWord(loss?.role ?? "VIEWER").toLowerCase();
  const who = <Text value={loss?.member.email ?? ""} className="text-ink" />;
  return (
    <Confirm
      title={isRemoval ? "Remove from the project?" : "Take rights away?"}
      act={isRemoval ? "Remove" : `Make ${isSelf ? "me" : "them"} ${role}`}
      isOpen={loss !== null}
      onAct={act}
      onClose={onClose}
    >
      <p>
        {isRemoval ? (
          <>{who} will see nothing of this project any more. What they recorded stays.</>
        ) : (
          <>
            {who} will be {role}, at once.
          </>
        )}
      </p>
      {isSelf && <p className="text-warn">This is you: only another admin can give it back.</p>}
    </Confirm>
  );
}
