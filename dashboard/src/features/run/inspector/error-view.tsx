import type { SpanErrorChain } from "@/graphql/details";
import { CopyButton } from "@/ui/copy-button";
import { Text, TextBlock } from "@/ui/text";
import { Part } from "./facts";

interface OneError {
  readonly type: string;
  readonly message: string;
  readonly traceback?: string | null | undefined;
  readonly notes: readonly string[];
  readonly cause?: OneError | null | undefined;
}

/** What failed and what led to it, the nearest first. */
export function ErrorView({ error }: { readonly error: SpanErrorChain }) {
  const chain: OneError[] = [];
  for (let one: OneError | null = error; one !== null; one = one.cause ?? null) chain.push(one);
  return (
    <Part title="Error">
      <div className="flex flex-col gap-3" data-testid="error">
        {chain.map((one, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: an error is its place in the chain
          <div key={index}>
            {index > 0 && <p className="mb-1 text-faint text-xs">caused by</p>}
            <SingleError error={one} />
          </div>
        ))}
      </div>
    </Part>
  );
}

function SingleError({ error }: { readonly error: OneError }) {
  const { type, message, traceback = null, notes } = error;
  return (
    <div className="overflow-hidden rounded-md bg-bad-soft">
      <div className="px-3 py-2">
        <p className="font-mono text-bad text-sm">
          <Text value={type} />
        </p>
        <TextBlock value={message} />
        {notes.map((note, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a note is its place in the list
          <TextBlock key={index} value={note} className="mt-1 text-dim text-sm" />
        ))}
      </div>
      {traceback !== null && (
        <details className="border-line border-t px-3 py-1.5">
          <summary className="cursor-default text-dim text-sm">Traceback</summary>
          <div className="flex justify-end">
            <CopyButton text={traceback} label="Copy the traceback" showLabel />
          </div>
          <div className="overflow-x-auto">
            <TextBlock value={traceback} className="font-mono text-sm" />
          </div>
        </details>
      )}
    </div>
  );
}
