import type { Failure } from "@/graphql/failure";
import { Button } from "@/ui/button";
import { Text } from "@/ui/text";

/** A part that did not come: why, and once more. */
export function InlineFailure({
  failure,
  onRetry,
}: {
  readonly failure: Failure;
  readonly onRetry: () => void;
}) {
  return (
    <div role="alert" className="m-4 flex items-center gap-3 rounded-md bg-bad-soft px-3 py-2">
      <p className="min-w-0 flex-1">
        {failure.kind === "unreachable" ? (
          "The server does not answer."
        ) : (
          <Text value={failure.message} />
        )}
      </p>
      <Button onClick={onRetry}>Try again</Button>
    </div>
  );
}
