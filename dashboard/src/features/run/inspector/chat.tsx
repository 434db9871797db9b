import type { Turn, TurnPart } from "@/model/content";
import { CopyButton } from "@/ui/copy-button";
import { Text, TextBlock } from "@/ui/text";
import { Part } from "./facts";
import { NodeView } from "./node-view";

const ROLE_COLOR: Record<string, string> = {
  system: "var(--ink-faint)",
  developer: "var(--ink-faint)",
  user: "var(--type-retrieval)",
  assistant: "var(--type-llm)",
  tool: "var(--type-tool)",
};

/** A model call as the conversation that it was. */
export function Chat({
  turns,
  answer,
  isRunning,
}: {
  readonly turns: readonly Turn[];
  readonly answer: Turn | null;
  readonly isRunning: boolean;
}) {
  return (
    <Part title={turns.length === 0 ? "Answer" : "Messages"}>
      <ol className="flex flex-col gap-3">
        {turns.map((turn, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a turn is its place in the conversation
          <TurnView key={index} turn={turn} />
        ))}
        {answer !== null && <TurnView turn={answer} isAnswer />}
        {answer === null && isRunning && (
          <li className="live-mark border-line border-l-2 py-1 pl-3 text-faint">
            The model is answering…
          </li>
        )}
      </ol>
    </Part>
  );
}

function TurnView({
  turn,
  isAnswer = false,
}: {
  readonly turn: Turn;
  readonly isAnswer?: boolean;
}) {
  const color = ROLE_COLOR[turn.role] ?? "var(--ink-dim)";
  const text = turn.parts.flatMap((part) => (part.kind === "text" ? part.text : [])).join("\n");
  return (
    <li
      data-testid="turn"
      data-answer={isAnswer}
      className={`border-l-2 pl-3 ${isAnswer ? "rounded-r-md bg-sunken py-2 pr-2" : ""}`}
      style={{ borderColor: color }}
    >
      <div className="flex items-center gap-2 text-xs">
        <span className="font-medium" style={{ color }}>
          <Text value={turn.role} />
        </span>
        {turn.name !== null && (
          <span className="text-faint">
            <Text value={turn.name} />
          </span>
        )}
        {text !== "" && (
          <span className="ml-auto">
            <CopyButton text={text} label="Copy the message" />
          </span>
        )}
      </div>
      {turn.parts.map((part, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a part is its place in the message
        <PartView key={index} part={part} />
      ))}
    </li>
  );
}

function PartView({ part }: { readonly part: TurnPart }) {
  if (part.kind === "text") return <TextBlock value={part.text} />;
  return (
    <div className="mt-1 rounded-md border border-line p-2">
      <p className="mb-1 text-faint text-xs">
        <Text value={part.label} />
      </p>
      <NodeView node={part.node} />
    </div>
  );
}
