import { useMemo } from "react";
import { readChoice } from "@/model/choice";
import type { Decision } from "@/model/content";
import { type JsonNode, writeJsonLine } from "@/model/json";
import { Icon } from "@/ui/icons";
import { Text, TextBlock } from "@/ui/text";
import { Part } from "./facts";
import { NodeView } from "./node-view";
import { FidelityMark } from "./payload-view";
import type { Payloads } from "./use-payloads";

/** An object whose JSON is not longer stands on one line. */
const ONE_LINE_CHARACTERS = 72;

/** A decision: what was chosen, why, and what could have been. */
export function DecisionView({
  decision,
  texts,
}: {
  readonly decision: Decision;
  readonly texts: Payloads;
}) {
  const { options, chosen, reason } = decision;
  const { values, marks } = useMemo(() => readChoice(decision), [decision]);
  return (
    <>
      {chosen !== null && (
        <Part title="Chosen">
          {texts.output.head !== null && <FidelityMark head={texts.output.head} />}
          <ul className="flex flex-col gap-1" data-testid="chosen">
            {values.map((value, index) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: a value is its place in the list
              <li key={index} className="rounded-md bg-accent-soft px-2.5 py-1">
                <Value node={value} />
              </li>
            ))}
            {values.length === 0 && <li className="text-faint">None of them.</li>}
          </ul>
        </Part>
      )}
      {reason !== null && (
        <Part title="Reason">
          <TextBlock value={reason} />
        </Part>
      )}
      {options.length > 0 && (
        <Part title="Options">
          {texts.input.head !== null && <FidelityMark head={texts.input.head} />}
          <ul className="flex flex-col gap-1" data-testid="options">
            {options.map((option, index) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: an option is its place in the list
              <Option key={index} option={option} isChosen={marks[index] === true} />
            ))}
          </ul>
        </Part>
      )}
    </>
  );
}

function Option({ option, isChosen }: { readonly option: JsonNode; readonly isChosen: boolean }) {
  return (
    <li
      data-chosen={isChosen}
      className={`flex items-start gap-2 rounded-md border px-2.5 py-1 ${isChosen ? "border-accent bg-accent-soft" : "border-line text-dim"}`}
    >
      <span className="mt-1 inline-flex w-3.5 shrink-0 text-accent">
        {isChosen && <Icon name="check" size={13} />}
      </span>
      <div className="min-w-0 flex-1">
        <Value node={option} />
      </div>
      {isChosen && <span className="text-accent text-xs leading-5">chosen</span>}
    </li>
  );
}

/** A text as itself, a small object on one line, anything else as a tree. */
function Value({ node }: { readonly node: JsonNode }) {
  if (node.kind === "string") return <TextBlock value={node.value} />;
  const line = writeJsonLine(node, ONE_LINE_CHARACTERS);
  if (line === null) return <NodeView node={node} />;
  return (
    <span className="font-mono text-sm">
      <Text value={line} />
    </span>
  );
}
