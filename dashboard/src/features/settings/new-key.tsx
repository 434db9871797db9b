import { useEffect, useState } from "react";
import { type Problem, useCreateApiKey } from "@/graphql/accounts";
import { toSentence } from "@/model/refusal";
import { endOf, type Lifetime, type Project, type Scope } from "@/model/viewer";
import { Button } from "@/ui/button";
import { CopyButton } from "@/ui/copy-button";
import { Dialog } from "@/ui/dialog";
import { ChoiceField, Form, FormProblem, InputField } from "@/ui/form";
import { Text } from "@/ui/text";

const SCOPE_CHOICES: readonly (readonly [Scope, string])[] = [
  ["INGEST", "Ingest: records runs, and reads nothing"],
  ["READ", "Read: reads everything, and changes nothing"],
  ["WRITE", "Write: reads and records, annotates, tags and deletes"],
];
const LIFETIME_CHOICES: readonly (readonly [Lifetime, string])[] = [
  ["30d", "In 30 days"],
  ["90d", "In 90 days"],
  ["1y", "In a year"],
  ["never", "Not by itself"],
];

interface Props {
  readonly project: Project;
  readonly isOpen: boolean;
  readonly onMade: () => void;
  readonly onClose: () => void;
}

/** Makes a key, and shows it the one time that it can be shown. */
export function NewKey({ project, isOpen, onMade, onClose }: Props) {
  const [made, setMade] = useState<string | null>(null);
  useEffect(() => {
    // What was shown once is not kept in the page.
    if (!isOpen) setMade(null);
  }, [isOpen]);
  const take = (key: string) => {
    setMade(key);
    onMade();
  };
  return (
    <Dialog
      title={made === null ? "Create an API key" : "Your new API key"}
      isOpen={isOpen}
      onClose={onClose}
    >
      {isOpen && made === null && <KeyForm project={project} onMade={take} onClose={onClose} />}
      {made !== null && <MadeKey text={made} onClose={onClose} />}
    </Dialog>
  );
}

function KeyForm({
  project,
  onMade,
  onClose,
}: {
  readonly project: Project;
  readonly onMade: (key: string) => void;
  readonly onClose: () => void;
}) {
  const create = useCreateApiKey();
  const [name, setName] = useState("");
  const [scope, setScope] = useState<Scope>("INGEST");
  const [lifetime, setLifetime] = useState<Lifetime>("90d");
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const give = async () => {
    setBusy(true);
    const expiresAt = endOf(lifetime, Date.now());
    const result = await create({ name: name.trim(), scope, project: project.slug, expiresAt });
    setBusy(false);
    setProblem(result.problem);
    if (result.key !== null) onMade(result.key);
  };
  const isOfName = problem?.field === "name";
  return (
    <Form
      label="Create an API key"
      isBusy={isBusy}
      onGive={() => name.trim() !== "" && void give()}
    >
      <p className="text-dim">
        It is of the project <Text value={project.name} className="text-ink" />, and works in no
        other.
      </p>
      <InputField
        label="Name"
        placeholder="What it is for: nightly evaluation"
        maxLength={128}
        autoFocus
        autoComplete="off"
        value={name}
        problem={isOfName ? toSentence(problem.message) : null}
        onChange={({ target }) => setName(target.value)}
      />
      <ChoiceField label="Scope" value={scope} choices={SCOPE_CHOICES} onChoose={setScope} />
      <ChoiceField
        label="Ends"
        value={lifetime}
        choices={LIFETIME_CHOICES}
        onChoose={setLifetime}
      />
      {problem !== null && !isOfName && <FormProblem>{toSentence(problem.message)}</FormProblem>}
      <div className="flex justify-end gap-2">
        <Button onClick={onClose}>Cancel</Button>
        <Button type="submit" tone="primary" disabled={isBusy || name.trim() === ""}>
          Create the key
        </Button>
      </div>
    </Form>
  );
}

function MadeKey({ text, onClose }: { readonly text: string; readonly onClose: () => void }) {
  return (
    <div className="flex flex-col gap-4">
      <p className="rounded-md bg-warn-soft px-3 py-2 text-warn">
        Copy it now: it is shown this once, and the server keeps only a hash of it.
      </p>
      <div className="flex items-center gap-2 rounded-md border border-line-strong bg-sunken px-3 py-2">
        <code data-testid="new-key" className="min-w-0 flex-1 break-all font-mono text-sm">
          {text}
        </code>
        <CopyButton text={text} label="Copy the key" showLabel />
      </div>
      <div className="flex flex-col gap-1.5 text-dim">
        <p>An agent records with it when this is in its environment:</p>
        <pre className="whitespace-pre-wrap break-all rounded-md bg-sunken px-3 py-2 font-mono text-ink text-sm">
          export AGENTTRACE_API_KEY={text.slice(0, 16)}…
        </pre>
      </div>
      <div className="flex justify-end">
        <Button tone="primary" onClick={onClose}>
          I have copied it
        </Button>
      </div>
    </div>
  );
}
