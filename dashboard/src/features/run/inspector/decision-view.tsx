import { type Decision, sameJson } from "@/model/content";
import type { JsonNode } from "@/model/json";
import { Icon } from "@/ui/icons";
import { TextBlock } from "@/ui/text";
import { Part } from "./facts";
import { NodeView } from "./node-view";
import { FidelityMark } from "./payload-view";
import type { Payloads } from "./use-payloads";

/** A decision: what could be chosen, what was, and why. */
export function DecisionView({
  decision,
  texts,
}: {
  readonly decision: Decision;
  readonly texts: Payloads;
}) {
  const { options, chosen, reason } = decision;
  const isListed = chosen !== null && options.some((option) => sameJson(option, chosen));
  return (
    <>
      <Part title="Options">
        {texts.input.head !== null && <FidelityMark head={texts.input.head} />}
        <ul className="flex flex-col gap-1" data-testid="options">
          {options.map((option, index) => (
            <Option
              // biome-ignore lint/suspicious/noArrayIndexKey: an option is its place in the list
              key={index}
              option={option}
              isChosen={chosen !== null && sameJson(option, chosen)}
            />
          ))}
          {chosen !== null && !isListed && <Option option={chosen} isChosen />}
        </ul>
      </Part>
      {reason !== null && (
        <Part title="Reason">
          <TextBlock value={reason} />
        </Part>
      )}
    </>
  );
}

function Option({ option, isChosen }: { readonly option: JsonNode; readonly isChosen: boolean }) {
  return (
    <li
      data-chosen={isChosen}
      className={`flex items-start gap-2 rounded-md border px-2.5 py-1.5 ${isChosen ? "border-accent bg-accent-soft" : "border-line text-dim"}`}
    >
      <span className="mt-1 inline-flex w-3.5 shrink-0 text-accent">
        {isChosen && <Icon name="check" size={13} />}
      </span>
      <div className="min-w-0 flex-1">
        {option.kind === "string" ? <TextBlock value={option.value} /> : <NodeView node={option} />}
      </div>
      {isChosen && <span className="text-accent text-xs leading-5">chosen</span>}
    </li>
  );
}
