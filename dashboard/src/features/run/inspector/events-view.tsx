import { useEffect, useMemo, useRef, useState } from "react";
import { type SpanEvent, useSpanEvents } from "@/graphql/details";
import { formatBytes, formatDuration } from "@/model/format";
import { parseJson, stringOf } from "@/model/json";
import { Button } from "@/ui/button";
import { Text, TextBlock } from "@/ui/text";
import { InlineFailure } from "../../parts/inline-failure";
import { JsonView } from "./json-view";

/** A stream says a word every few milliseconds; it is read a few times a second. */
const REFRESH_MS = 250;

/** What happened within the step, in order: pieces of a stream, states, logs, the user's own. */
export function EventsView({ id, revision }: { readonly id: string; readonly revision: string }) {
  const [cursors, setCursors] = useState<readonly (string | null)[]>([null]);
  return (
    <ol className="flex flex-col" data-testid="events">
      {cursors.map((after, index) => (
        <EventPage
          key={after ?? "first"}
          id={id}
          after={after}
          revision={revision}
          isLast={index === cursors.length - 1}
          onMore={(cursor) => setCursors([...cursors, cursor])}
        />
      ))}
    </ol>
  );
}

function EventPage({
  id,
  after,
  revision,
  isLast,
  onMore,
}: {
  readonly id: string;
  readonly after: string | null;
  readonly revision: string;
  readonly isLast: boolean;
  readonly onMore: (cursor: string) => void;
}) {
  const { data, failure, again } = useSpanEvents(id, after);
  const seen = useRef(revision);
  useEffect(() => {
    if (seen.current === revision) return;
    const timer = setTimeout(() => {
      seen.current = revision;
      again();
    }, REFRESH_MS);
    return () => clearTimeout(timer);
  }, [revision, again]);
  if (failure !== null) return <InlineFailure failure={failure} onRetry={again} />;
  if (data === null) return <li className="text-faint">Loading…</li>;
  if (data.edges.length === 0) return <li className="text-faint">No events were recorded.</li>;
  const next = data.pageInfo.hasNextPage ? (data.pageInfo.endCursor ?? null) : null;
  return (
    <>
      {data.edges.map(({ node }) => (
        <EventRow key={node.seq} event={node} />
      ))}
      {isLast && next !== null && (
        <li className="pt-2">
          <Button onClick={() => onMore(next)}>Show more events</Button>
        </li>
      )}
    </>
  );
}

function EventRow({ event }: { readonly event: SpanEvent }) {
  const json = event.body?.json ?? null;
  const node = useMemo(() => (json === null ? null : parseJson(json)), [json]);
  const text = stringOf(node);
  return (
    <li className="grid grid-cols-[72px_96px_minmax(0,1fr)] gap-3 border-line border-b py-1.5 last:border-b-0">
      <span className="text-right text-faint text-sm" title={event.time}>
        {formatDuration(event.offsetMs)}
      </span>
      <span className="truncate text-dim text-sm">
        <Text value={event.name} />
      </span>
      <div className="min-w-0">
        {text !== null && <TextBlock value={text} />}
        {text === null && node !== null && json !== null && <JsonView node={node} source={json} />}
        {node === null && json !== null && <TextBlock value={json} className="font-mono text-sm" />}
        {event.body?.fidelity === "TRUNCATED" && (
          <span className="text-sm text-warn">
            truncated, {formatBytes(event.body.bytes)} whole
          </span>
        )}
      </div>
    </li>
  );
}
