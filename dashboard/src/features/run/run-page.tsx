import { getRouteApi, Link } from "@tanstack/react-router";
import { useRunFeed } from "@/graphql/hooks";
import { Notice } from "@/ui/notice";
import { FailurePage } from "../shell/failure-page";
import { usePageTitle } from "../shell/page-title";
import { RunView } from "./run-view";

const route = getRouteApi("/runs/$runId");

/** One run, by its address. */
export function RunPage() {
  const { runId } = route.useParams();
  return /^[0-9a-f]{32}$/.test(runId) ? <KnownShape key={runId} runId={runId} /> : <NoSuchRun />;
}

function KnownShape({ runId }: { readonly runId: string }) {
  const feed = useRunFeed(runId);
  const { run } = feed.timeline;
  usePageTitle(run?.name ?? "Run");
  if (feed.phase === "deleted") return <DeletedRun />;
  if (run !== null) return <RunView feed={feed} run={run} />;
  if (feed.phase === "failed" && feed.failure !== null)
    return <FailurePage failure={feed.failure} level={1} />;
  return feed.phase === "absent" ? <AbsentRun runId={runId} /> : <div aria-busy="true" />;
}

function AbsentRun({ runId }: { readonly runId: string }) {
  return (
    <Notice title="Waiting for this run" level={1}>
      <p>
        The server knows no run <code className="font-mono text-ink text-sm">{runId}</code>. If its
        agent is about to start, leave this page open: the run appears with its first step.
      </p>
      <p>If it should be here already, it was recorded elsewhere or has been deleted.</p>
      <BackLink />
    </Notice>
  );
}

function DeletedRun() {
  return (
    <Notice title="This run was deleted" level={1}>
      <p>Its steps and texts are gone from the server. What its agent still sends is refused.</p>
      <BackLink />
    </Notice>
  );
}

function NoSuchRun() {
  usePageTitle("No such run");
  return (
    <Notice title="There is no such run" level={1}>
      <p>
        The address does not hold a run id: that is 32 digits from 0 to 9 and a to f. It may have
        been cut when it was copied.
      </p>
      <BackLink />
    </Notice>
  );
}

function BackLink() {
  return (
    <p>
      <Link to="/" className="text-accent hover:underline">
        Back to the runs
      </Link>
    </p>
  );
}
