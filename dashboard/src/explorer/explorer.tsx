import type { GraphQLSchema } from "graphql";
import { useEffect, useState } from "react";
import { Logo } from "@/features/shell/logo";
import { ThemeButton } from "@/features/shell/theme-button";
import { Button } from "@/ui/button";
import { Editor } from "./editor";
import { Reference } from "./reference";
import { loadSchema, run } from "./server";

const FIRST = `# Ctrl+Enter runs it; Ctrl+Space completes names.
query Runs {
  runs(first: 5) {
    totalCount
    edges { node { id name status durationMs totals { spans costUsd } } }
  }
}
`;

function Playground({ schema }: { readonly schema: GraphQLSchema }) {
  const [query, setQuery] = useState(FIRST);
  const [variables, setVariables] = useState("");
  const [result, setResult] = useState("");
  const [running, setRunning] = useState(false);
  const start = () => {
    setRunning(true);
    void run(query, variables).then((text) => {
      setResult(text);
      setRunning(false);
    });
  };
  return (
    <section aria-label="Try it" className="flex min-h-0 min-w-0 flex-1 flex-col">
      <Editor initial={FIRST} schema={schema} onChange={setQuery} onRun={start} />
      <div className="flex items-start gap-2 border-line border-y p-2">
        <textarea
          aria-label="Variables, as JSON"
          placeholder="Variables, as JSON"
          rows={2}
          spellCheck={false}
          value={variables}
          onChange={(event) => setVariables(event.target.value)}
          className="flex-1 rounded-md border border-line bg-surface p-1.5 font-mono text-sm"
        />
        <Button onClick={start} disabled={running}>
          Run
        </Button>
      </div>
      <output
        aria-label="Answer"
        className="foreign min-h-0 flex-1 overflow-auto whitespace-pre-wrap bg-sunken p-3 font-mono text-sm"
      >
        {result === "" ? <span className="text-faint">The answer comes here.</span> : result}
      </output>
    </section>
  );
}

/** The schema explorer: what there is to ask, and a place to ask it. */
export function Explorer() {
  const [schema, setSchema] = useState<GraphQLSchema | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  useEffect(() => {
    loadSchema().then(setSchema, (error: unknown) =>
      setProblem(error instanceof Error ? error.message : String(error)),
    );
  }, []);
  return (
    <main className="flex h-dvh flex-col">
      <header className="flex h-11 shrink-0 items-center gap-3 border-line border-b bg-surface px-4 max-md:px-2">
        <a href="/" className="flex items-center gap-2 font-semibold">
          <Logo />
          AgentTrace
        </a>
        <h1 className="text-dim text-sm">GraphQL</h1>
        <a href="/" className="ml-auto text-accent text-sm hover:underline">
          Dashboard
        </a>
        <ThemeButton />
      </header>
      {problem !== null && (
        <p role="alert" className="p-4 text-bad">
          The schema cannot be shown: {problem}
        </p>
      )}
      {schema === null && problem === null && (
        <p role="status" aria-busy="true" className="p-4 text-dim">
          Loading the schema…
        </p>
      )}
      {schema !== null && (
        <div className="flex min-h-0 flex-1 max-md:flex-col">
          <Reference schema={schema} />
          <Playground schema={schema} />
        </div>
      )}
    </main>
  );
}
