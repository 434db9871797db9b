import { useAuditFeed } from "@/graphql/accounts";
import type { AuditEntry, AuditFeed } from "@/graphql/audit-feed";
import { formatCount, formatMoment } from "@/model/format";
import type { Viewer } from "@/model/viewer";
import { Button } from "@/ui/button";
import { Cell, Row, Table } from "@/ui/table";
import { Text } from "@/ui/text";
import { InlineFailure } from "../parts/inline-failure";
import { Nothing, Part } from "./part";

/** What was done in the project, the latest first. */
export function AuditSection({ viewer }: { readonly viewer: Viewer }) {
  const feed = useAuditFeed();
  return (
    <Part
      about={
        <p>
          {viewer.kind === "LOCAL"
            ? "Deletions and exports."
            : "Logins, and what was done with accounts, roles, keys, projects and runs."}{" "}
          Nothing recorded is in it, and nobody can change or delete an entry.
        </p>
      }
      action={<Button onClick={feed.reload}>Load anew</Button>}
    >
      <Body feed={feed} />
    </Part>
  );
}

function Body({ feed }: { readonly feed: AuditFeed }) {
  if (feed.phase === "failed" && feed.failure !== null)
    return <InlineFailure failure={feed.failure} onRetry={feed.reload} />;
  if (feed.phase === "loading") return <div aria-busy="true" className="h-24" />;
  if (feed.items.length === 0) return <Nothing>Nothing was done yet that is noted here.</Nothing>;
  return (
    <>
      <Table label="Audit log" heads={["When", "Who", "What", "To what", "From"]}>
        {feed.items.map((entry) => (
          <EntryRow key={entry.id} entry={entry} />
        ))}
      </Table>
      <div className="flex items-center gap-3 text-faint text-sm">
        {feed.failure !== null && <InlineFailure failure={feed.failure} onRetry={feed.loadMore} />}
        {feed.hasNextPage && (
          <Button disabled={feed.isLoadingMore} onClick={feed.loadMore}>
            {feed.isLoadingMore ? "Loading…" : "Earlier ones"}
          </Button>
        )}
        <span>
          {formatCount(feed.items.length)} {feed.items.length === 1 ? "entry" : "entries"}
        </span>
      </div>
    </>
  );
}

/** What somebody was kept from, or may have done with what is not theirs. */
const BAD = new Set([
  "login_failed",
  "login_held_off",
  "setup_failed",
  "registration_held_off",
  "refresh_reused",
  "password_change_failed",
  "member_held_off",
  "change_refused",
]);

function EntryRow({ entry }: { readonly entry: AuditEntry }) {
  const moment = formatMoment(entry.atMs);
  return (
    <Row>
      <Cell className="whitespace-nowrap text-dim" title={`${moment} · request ${entry.requestId}`}>
        {moment.slice(0, 19)}
      </Cell>
      <Cell className="max-w-56">
        {entry.actorName === "" ? (
          <span className="text-faint">nobody</span>
        ) : (
          <Text value={entry.actorName} />
        )}
        {entry.actorKind === "KEY" && <span className="text-faint"> (key)</span>}
      </Cell>
      <Cell className={`whitespace-nowrap ${BAD.has(entry.action) ? "text-bad" : ""}`}>
        {entry.action.replaceAll("_", " ")}
      </Cell>
      <Cell className="max-w-72">
        <Text value={entry.target} className="font-mono text-sm" />
      </Cell>
      <Cell className="whitespace-nowrap font-mono text-dim text-sm">{entry.address}</Cell>
    </Row>
  );
}
