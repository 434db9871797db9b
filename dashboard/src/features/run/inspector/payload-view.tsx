import { useMemo, useState } from "react";
import type { PayloadHead } from "@/graphql/details";
import { formatBytes } from "@/model/format";
import { parseJson } from "@/model/json";
import { Button } from "@/ui/button";
import { CopyButton } from "@/ui/copy-button";
import { TextBlock } from "@/ui/text";
import { DownloadLink } from "../../parts/download-link";
import { InlineFailure } from "../../parts/inline-failure";
import { JsonView } from "./json-view";
import type { PayloadSlot } from "./use-payloads";

const FIDELITY: Record<PayloadHead["fidelity"], string | null> = {
  EXACT: null,
  STRUCTURAL: "Recorded as plain JSON; the type of the value is not kept.",
  OPAQUE: "Only the class of this value is known: it could not be written as JSON.",
  TRUNCATED: "Too large to record whole: this is its beginning.",
  REDACTED: "Parts were taken out before recording.",
};

/** Above this many characters a value is drawn as text: a tree of it would block the page. */
const MAX_TREE_CHARACTERS = 2_000_000;

/** One payload: as a tree, or byte for byte as it was recorded. */
export function PayloadView({
  slot,
  name,
}: {
  readonly slot: PayloadSlot;
  readonly name: "input" | "output";
}) {
  const { head, text, failure } = slot;
  if (head === null) return <p className="text-faint">No {name} was recorded.</p>;
  return (
    <div data-testid={`payload-${name}`}>
      <FidelityMark head={head} />
      {failure !== null && text === null && <InlineFailure failure={failure} onRetry={slot.load} />}
      {slot.isHeldBack && <PayloadBeginning head={head} slot={slot} name={name} />}
      {slot.isLoading && text === null && <p className="text-faint">Loading…</p>}
      {text !== null && <PayloadText text={text} />}
    </div>
  );
}

/** What is shown of a large payload: its beginning, and the ways to the whole. */
function PayloadBeginning({
  head,
  slot,
  name,
}: {
  readonly head: PayloadHead;
  readonly slot: PayloadSlot;
  readonly name: "input" | "output";
}) {
  return (
    <>
      <div className="mb-2 flex flex-wrap items-center gap-2">
        <DownloadLink href={slot.href} fileName={`${name}.json`}>
          Download the {name} ({formatBytes(head.storedBytes)})
        </DownloadLink>
        {slot.isLoadable && <Button onClick={slot.load}>Show it here</Button>}
        <span className="text-faint text-xs">
          Below is its beginning, {formatBytes(head.preview.bytes)}.
        </span>
      </div>
      <TextBlock value={head.preview.text} className="font-mono text-sm" />
    </>
  );
}

/** How far the record is from the value, when it is not the value itself. */
export function FidelityMark({ head }: { readonly head: PayloadHead }) {
  const meaning = FIDELITY[head.fidelity];
  if (meaning === null) return null;
  // The ordinary case for a dataclass or a model: worth knowing, nothing to warn of.
  if (head.fidelity === "STRUCTURAL") {
    return (
      <p className="mb-1 text-faint text-xs" title={meaning}>
        structural <span className="sr-only">{meaning}</span>
      </p>
    );
  }
  return (
    <p className="mb-2 text-sm text-warn">
      <span className="mr-1.5 rounded bg-warn-soft px-1.5 font-medium">
        {head.fidelity.toLowerCase()}
      </span>
      {meaning}
      {head.fidelity === "TRUNCATED" && ` The whole had ${formatBytes(head.bytes)}.`}
    </p>
  );
}

function PayloadText({ text }: { readonly text: string }) {
  const [isRaw, setRaw] = useState(false);
  const node = useMemo(() => (text.length > MAX_TREE_CHARACTERS ? null : parseJson(text)), [text]);
  return (
    <>
      <div className="mb-1 flex items-center gap-2">
        {node !== null && (
          <button
            type="button"
            aria-pressed={isRaw}
            onClick={() => setRaw(!isRaw)}
            className={`h-6 rounded px-1.5 text-xs ${isRaw ? "bg-accent-soft text-accent" : "text-faint hover:bg-hover hover:text-ink"}`}
          >
            Raw
          </button>
        )}
        <CopyButton text={text} label="Copy all" showLabel />
      </div>
      {node === null || isRaw ? (
        <TextBlock value={text} className="font-mono text-sm" />
      ) : (
        <JsonView node={node} source={text} />
      )}
    </>
  );
}
