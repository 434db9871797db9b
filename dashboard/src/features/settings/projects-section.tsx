import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { type Problem, useCreateProject, useRenameProject } from "@/graphql/accounts";
import { formatDay } from "@/model/format";
import { toSentence } from "@/model/refusal";
import { may, type Project, suggestSlug, type Viewer } from "@/model/viewer";
import { Button } from "@/ui/button";
import { Form, FormProblem, InputField } from "@/ui/form";
import { Cell, Row, Table } from "@/ui/table";
import { Text } from "@/ui/text";
import { useKnownAnswer } from "../session/known";
import { Nothing, Part, Tag } from "./part";

/** The projects that one may enter; admins rename theirs, operators make new ones. */
export function ProjectsSection({ viewer }: { readonly viewer: Viewer }) {
  const { again } = useKnownAnswer();
  return (
    <>
      <Part
        about={<p>Runs, keys and members are of one project; nobody sees anything of another.</p>}
      >
        {viewer.projects.length === 0 ? (
          <Nothing>You are in no project yet.</Nothing>
        ) : (
          <Table label="Projects" heads={["Name", "Slug", "Created", ""]}>
            {viewer.projects.map(({ id, name, slug, createdMs }) => (
              <Row key={id}>
                <Cell className="w-full">
                  <Text value={name} className="font-medium" />
                  {id === viewer.project?.id && <Tag>Shown now</Tag>}
                </Cell>
                <Cell className="whitespace-nowrap font-mono text-sm">{slug}</Cell>
                <Cell className="whitespace-nowrap">
                  {/* The first project came with the store: nobody made it. */}
                  {createdMs === 0 ? "–" : formatDay(createdMs).slice(0, 10)}
                </Cell>
                <Cell className="text-right">
                  {id !== viewer.project?.id && (
                    <Link
                      to="."
                      search={{ project: slug }}
                      aria-label={`Switch to ${name}`}
                      className="text-accent hover:underline"
                    >
                      Switch
                    </Link>
                  )}
                </Cell>
              </Row>
            ))}
          </Table>
        )}
      </Part>
      {viewer.project !== null && may(viewer, "MANAGE") && (
        <RenameProject key={viewer.project.id} project={viewer.project} onRenamed={again} />
      )}
      {may(viewer, "OPERATE") && <CreateProject onCreated={again} />}
    </>
  );
}

function RenameProject({
  project,
  onRenamed,
}: {
  readonly project: Project;
  readonly onRenamed: () => void;
}) {
  const rename = useRenameProject();
  const [name, setName] = useState(project.name);
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [given, setGiven] = useState<string | null>(null);
  const wanted = name.trim();
  const isNew = wanted !== "" && wanted !== project.name;
  const give = async () => {
    setBusy(true);
    const found = await rename({ name: wanted });
    setBusy(false);
    setProblem(found);
    setGiven(found === null ? wanted : null);
    if (found === null) onRenamed();
  };
  const isOfName = problem?.field === "name";
  return (
    <Part
      title="Rename this project"
      about={
        <p>
          Its slug, <code className="font-mono text-ink text-sm">{project.slug}</code>, stays: links
          and programs have it.
        </p>
      }
    >
      <Form
        label="Rename this project"
        isBusy={isBusy}
        onGive={() => isNew && void give()}
        className="flex max-w-sm flex-col gap-4"
      >
        <InputField
          label="New name"
          maxLength={128}
          autoComplete="off"
          value={name}
          problem={isOfName ? toSentence(problem.message) : null}
          onChange={({ target }) => setName(target.value)}
        />
        {problem !== null && !isOfName && <FormProblem>{toSentence(problem.message)}</FormProblem>}
        {given !== null && (
          <p role="status" className="text-good text-sm">
            The project is called <Text value={given} /> now.
          </p>
        )}
        <div>
          <Button type="submit" disabled={!isNew || isBusy}>
            Rename the project
          </Button>
        </div>
      </Form>
    </Part>
  );
}

function CreateProject({ onCreated }: { readonly onCreated: () => void }) {
  const create = useCreateProject();
  const [name, setName] = useState("");
  const [ownSlug, setOwnSlug] = useState<string | null>(null);
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const slug = ownSlug ?? suggestSlug(name);
  const isWhole = name.trim() !== "" && slug !== "";
  const give = async () => {
    setBusy(true);
    const found = await create({ name: name.trim(), slug });
    setBusy(false);
    setProblem(found);
    if (found !== null) return;
    setName("");
    setOwnSlug(null);
    onCreated();
  };
  const of = (field: string) => (problem?.field === field ? toSentence(problem.message) : null);
  return (
    <Part title="Create a project" about={<p>You are its first admin. Its slug is for ever.</p>}>
      <Form
        label="Create a project"
        isBusy={isBusy}
        onGive={() => isWhole && void give()}
        className="flex max-w-sm flex-col gap-4"
      >
        <InputField
          label="Name"
          maxLength={128}
          autoComplete="off"
          value={name}
          problem={of("name")}
          onChange={({ target }) => setName(target.value)}
        />
        <InputField
          label="Slug"
          hint="In addresses and in X-AgentTrace-Project: 1 to 64 of a to z, 0 to 9 and -."
          maxLength={64}
          autoComplete="off"
          spellCheck={false}
          value={slug}
          problem={of("slug")}
          onChange={({ target }) => setOwnSlug(target.value)}
        />
        {problem !== null && of("name") === null && of("slug") === null && (
          <FormProblem>{toSentence(problem.message)}</FormProblem>
        )}
        <div>
          <Button type="submit" disabled={!isWhole || isBusy}>
            Create the project
          </Button>
        </div>
      </Form>
    </Part>
  );
}
