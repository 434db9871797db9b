import { Link } from "@tanstack/react-router";
import type { Failure } from "@/graphql/failure";
import { useConnection } from "@/graphql/hooks";
import { Button } from "@/ui/button";
import { Notice } from "@/ui/notice";
import { Text } from "@/ui/text";
import { usePageTitle } from "./page-title";

/** What a page shows when its data did not come: what happened, and the way out. */
export function FailurePage({
  failure,
  level = 2,
}: {
  readonly failure: Failure;
  readonly level?: 1 | 2;
}) {
  const { retryNow } = useConnection();
  const action = <Button onClick={retryNow}>Try again now</Button>;
  if (failure.kind === "unreachable") {
    return (
      <Notice title="The server does not answer" tone="bad" level={level} action={action}>
        <p>
          Nothing answered at <code className="font-mono">{location.origin}</code>. Agents run on
          without it: each keeps up to 20,000 records and sends them when the server is back. What
          an agent still holds when it ends is dropped and counted.
        </p>
        <p>
          Start it with <code className="font-mono">agenttrace serve</code>. This page tries again
          by itself.
        </p>
      </Notice>
    );
  }
  return (
    <Notice title="The server refused the request" tone="bad" level={level} action={action}>
      <p>
        It said: <Text value={failure.message} className="font-mono text-ink" />
      </p>
      <p>
        When the dashboard and the server are of different versions, reload the page; otherwise the
        server's log has the reason.
      </p>
    </Notice>
  );
}

/** What stands in place of a page that failed to draw. */
export function CrashPage({ error }: { readonly error: unknown }) {
  usePageTitle("Error");
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return (
    <Notice
      title="This page could not be drawn"
      level={1}
      tone="bad"
      action={<Button onClick={() => location.reload()}>Reload the page</Button>}
    >
      <p>
        The recorded data is not touched. <Text value={message} className="font-mono text-ink" />
      </p>
      <p>
        <Link to="/" className="text-accent hover:underline">
          Back to the runs
        </Link>
      </p>
    </Notice>
  );
}

/** What an address shows that names no page. */
export function LostPage() {
  usePageTitle("Not found");
  return (
    <Notice title="There is no page at this address" level={1}>
      <p>
        <Link to="/" className="text-accent hover:underline">
          Back to the runs
        </Link>
      </p>
    </Notice>
  );
}
