import { Link } from "@tanstack/react-router";
import { formatAgo, formatMoment } from "@/model/format";
import { type Hit, markWords } from "@/model/hit";
import { useNow } from "@/ui/clock";
import { Text } from "@/ui/text";
import { SpanTypeIcon } from "../parts/span-type";
import { StatusMark } from "../parts/status";

/** A step that was found: where it is, and what it says there. */
export function HitRow({ hit, query }: { readonly hit: Hit; readonly query: string }) {
  const nowMs = useNow(true, 1000);
  let offset = 0;
  return (
    <li className="relative border-line border-b px-4 py-2.5 hover:bg-hover">
      <div className="flex min-w-0 items-center gap-2">
        <SpanTypeIcon type={hit.type} />
        <Link
          to="/runs/$runId"
          params={{ runId: hit.runId }}
          search={{ span: hit.spanId }}
          // The whole row leads there.
          className="truncate font-medium after:absolute after:inset-0 hover:underline"
        >
          <Text value={hit.name} />
        </Link>
        {hit.status !== "COMPLETED" && <StatusMark status={hit.status} />}
        {hit.model !== null && (
          <span className="truncate font-mono text-dim text-sm">
            <Text value={hit.model} />
          </span>
        )}
        <span className="ml-auto truncate text-dim text-sm">
          <Text value={hit.runName} />
        </span>
        <time className="shrink-0 text-faint text-sm" title={formatMoment(hit.startMs)}>
          {formatAgo(hit.startMs, nowMs)}
        </time>
      </div>
      {hit.snippet !== "" && (
        <p className="mt-1 line-clamp-2 break-words text-dim text-sm">
          {markWords(hit.snippet, query).map(({ text, isHit }) => {
            const key = offset;
            offset += text.length;
            return isHit ? (
              <mark key={key} className="rounded-sm bg-accent-soft px-0.5 text-ink">
                <Text value={text} />
              </mark>
            ) : (
              <Text key={key} value={text} />
            );
          })}
        </p>
      )}
    </li>
  );
}
