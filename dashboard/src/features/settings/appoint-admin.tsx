import { useState } from "react";
import { type Problem, useAppointAdmin } from "@/graphql/accounts";
import { toSentence } from "@/model/refusal";
import { Button } from "@/ui/button";
import { Form, FormProblem, InputField } from "@/ui/form";
import { Text } from "@/ui/text";
import { Part } from "./part";

/** For a project that would be left, or is, without an admin: operators need not be in it. */
export function AppointAdmin() {
  const appoint = useAppointAdmin();
  const [project, setProject] = useState("");
  const [email, setEmail] = useState("");
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [made, setMade] = useState<{ readonly project: string; readonly email: string } | null>(
    null,
  );
  const wanted = { project: project.trim(), email: email.trim() };
  const isWhole = wanted.project !== "" && wanted.email !== "";
  const give = async () => {
    setBusy(true);
    const found = await appoint(wanted);
    setBusy(false);
    setProblem(found);
    setMade(found === null ? wanted : null);
    if (found !== null) return;
    setProject("");
    setEmail("");
  };
  const of = (field: string) => (problem?.field === field ? toSentence(problem.message) : null);
  return (
    <Part
      title="Appoint an admin"
      about={
        <p>
          Of any project, such as one whose only admin leaves: their account can be disabled once
          somebody else is one. The project's audit log has it.
        </p>
      }
    >
      <Form
        label="Appoint an admin"
        isBusy={isBusy}
        onGive={() => isWhole && void give()}
        className="flex max-w-sm flex-col gap-4"
      >
        <InputField
          label="Slug of the project"
          maxLength={64}
          autoComplete="off"
          spellCheck={false}
          value={project}
          problem={of("project")}
          onChange={({ target }) => setProject(target.value)}
        />
        <InputField
          label="E-mail address"
          type="email"
          autoComplete="off"
          value={email}
          problem={of("email")}
          onChange={({ target }) => setEmail(target.value)}
        />
        {problem !== null && of("project") === null && of("email") === null && (
          <FormProblem>{toSentence(problem.message)}</FormProblem>
        )}
        {made !== null && (
          <p role="status" className="text-good text-sm">
            <Text value={made.email} /> is an admin of <Text value={made.project} /> now.
          </p>
        )}
        <div>
          <Button type="submit" disabled={!isWhole || isBusy}>
            Appoint the admin
          </Button>
        </div>
      </Form>
    </Part>
  );
}
