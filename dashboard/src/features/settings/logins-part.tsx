import { useState } from "react";
import { type Login, useEndLogins, useLogins } from "@/graphql/accounts";
import { formatAgo, formatDay, formatMoment } from "@/model/format";
import { parseInstant } from "@/model/instant";
import { toSentence } from "@/model/refusal";
import { useSession } from "@/session/context";
import { Button } from "@/ui/button";
import { useNow } from "@/ui/clock";
import { Confirm } from "@/ui/confirm";
import { Cell, Row, Table } from "@/ui/table";
import { Text } from "@/ui/text";
import { Answered, Part } from "./part";

/** What is to be ended: one login, or all. */
type Ending = Login | "all";

/** One's own logins, and the end of each. */
export function LoginsPart() {
  const answer = useLogins();
  const [ending, setEnding] = useState<Ending | null>(null);
  return (
    <Part
      title="Logins"
      about={
        <p>
          One holds for all tabs of a browser, and for 14 days after it was last used; while it is
          used it is renewed every hour. A change of the password ends all of them.
        </p>
      }
      action={
        <Button tone="danger" onClick={() => setEnding("all")}>
          End all logins
        </Button>
      }
    >
      <Answered answer={answer}>
        {(logins) => <LoginTable logins={logins} onEnd={setEnding} />}
      </Answered>
      <EndLogins ending={ending} onDone={answer.again} onClose={() => setEnding(null)} />
    </Part>
  );
}

function LoginTable({
  logins,
  onEnd,
}: {
  readonly logins: readonly Login[];
  readonly onEnd: (login: Login) => void;
}) {
  const session = useSession();
  const [isLeaving, setLeaving] = useState(false);
  const nowMs = useNow(true, 10_000);
  const leave = () => {
    setLeaving(true);
    void session.signOut();
  };
  return (
    <Table label="Logins" heads={["Login", "Last renewed", "Ends by itself", ""]}>
      {logins.map((login) => (
        <LoginRow key={login.id} login={login} nowMs={nowMs}>
          {login.isCurrent ? (
            <Button disabled={isLeaving} onClick={leave}>
              Sign out
            </Button>
          ) : (
            <Button
              tone="danger"
              onClick={() => onEnd(login)}
              aria-label={`End the login of ${formatMoment(parseInstant(login.refreshedAt))}`}
            >
              End
            </Button>
          )}
        </LoginRow>
      ))}
    </Table>
  );
}

function LoginRow({
  login: { isCurrent, refreshedAt, expiresAt, client, address },
  nowMs,
  children,
}: {
  readonly login: Login;
  readonly nowMs: number;
  readonly children: React.ReactNode;
}) {
  const refreshedMs = parseInstant(refreshedAt);
  const where = [client, address].filter((each) => each !== null).join(" · ");
  return (
    <Row>
      <Cell className={`w-full ${isCurrent ? "font-medium" : ""}`}>
        {isCurrent ? "This browser" : "Another browser, or a program"}
        {where === "" ? null : (
          <span className="block break-all font-normal text-dim">
            <Text value={where} />
          </span>
        )}
      </Cell>
      <Cell className="whitespace-nowrap" title={formatMoment(refreshedMs)}>
        {formatAgo(refreshedMs, nowMs)}
      </Cell>
      <Cell className="whitespace-nowrap">{formatDay(parseInstant(expiresAt)).slice(0, 10)}</Cell>
      <Cell className="text-right">{children}</Cell>
    </Row>
  );
}

function EndLogins({
  ending,
  onDone,
  onClose,
}: {
  readonly ending: Ending | null;
  readonly onDone: () => void;
  readonly onClose: () => void;
}) {
  const end = useEndLogins();
  const session = useSession();
  const isAll = ending === "all";
  const act = async () => {
    if (ending === null) return null;
    const problem = await end({ id: isAll ? null : ending.id });
    if (problem !== null) {
      if (problem.field === "id") onDone(); // it has ended already: the table should say so
      return toSentence(problem.message);
    }
    if (isAll) await session.signOut();
    else onDone();
    return null;
  };
  return (
    <Confirm
      title={isAll ? "End all your logins?" : "End this login?"}
      act={isAll ? "End all logins" : "End the login"}
      isOpen={ending !== null}
      onAct={act}
      onClose={onClose}
    >
      <p>
        {isAll
          ? "Every browser and program that is signed in as you is signed out, this one too. Keys go on."
          : "Whoever uses it is signed out at once, and what they follow ends within 5 seconds."}
      </p>
    </Confirm>
  );
}
