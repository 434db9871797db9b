import { Link } from "@tanstack/react-router";
import { may } from "@/model/viewer";
import { CopyButton } from "@/ui/copy-button";
import { useViewer } from "../session/known";

/** The empty list: how the first run gets here. */
export function FirstRun() {
  const setup = `tracer.set_exporter(APIExporter(endpoint="${location.origin}/api"))`;
  const program = [
    "from agenttrace import Tracer",
    "from agenttrace.exporters import APIExporter",
    "",
    "tracer = Tracer()",
    setup,
    "",
    'with tracer.run("my_agent"):',
    "    answer = agent(question)",
  ].join("\n");
  return (
    <section aria-label="No runs yet" className="mx-auto w-full max-w-2xl px-6 py-16">
      <h2 className="font-semibold text-lg">No runs yet</h2>
      <p className="mt-2 text-dim">
        Two lines make the first one appear, while it runs: say where traces go, and wrap the agent
        in a run.
      </p>
      <div className="relative mt-5 rounded-lg border border-line bg-surface">
        <div className="absolute top-2 right-2">
          <CopyButton text={program} label="Copy the program" />
        </div>
        <pre className="overflow-x-auto p-4 font-mono text-sm leading-6">
          <span className="text-faint">
            from agenttrace import Tracer{"\n"}from agenttrace.exporters import APIExporter{"\n\n"}
            tracer = Tracer(){"\n"}
          </span>
          {setup}
          {"\n\n"}with tracer.run("my_agent"):{"\n"}
          <span className="text-faint">{"    "}answer = agent(question)</span>
        </pre>
      </div>
      <p className="mt-4 text-dim">
        Inside it, <code className="font-mono text-ink">@trace_tool</code>,{" "}
        <code className="font-mono text-ink">@trace_llm</code> and their kin make each call a step
        of its own.
      </p>
      <KeyHint />
    </section>
  );
}

/** Where there are accounts a program says who it is, too. */
function KeyHint() {
  const viewer = useViewer();
  if (viewer?.kind !== "USER") return null;
  return (
    <p className="mt-4 text-dim">
      It records here with an API key in{" "}
      <code className="font-mono text-ink">AGENTTRACE_API_KEY</code>.{" "}
      {may(viewer, "MANAGE") ? (
        <Link
          to="/settings/$page"
          params={{ page: "keys" }}
          className="text-accent hover:underline"
        >
          Create one
        </Link>
      ) : (
        "An admin of the project makes it for you."
      )}
    </p>
  );
}
