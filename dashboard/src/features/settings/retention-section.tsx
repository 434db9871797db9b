import { formatCount } from "@/model/format";
import { useKnownAnswer } from "../session/known";
import { Part } from "./part";

/** For how long runs are kept. The server's settings say so; nothing is changed from here. */
export function RetentionSection() {
  const server = useKnownAnswer().data?.server;
  const days = server?.retentionDays ?? null;
  return (
    <Part>
      <div className="rounded-lg border border-line bg-surface p-4">
        <p className="font-semibold text-lg">
          {days === null
            ? "Runs are kept for ever"
            : `Runs are kept for ${days === 1 ? "a day" : `${formatCount(days)} days`}`}
        </p>
        <p className="mt-1 text-dim">
          {days === null
            ? "Nothing is deleted by itself, in any project of this server."
            : "Of every project of this server, counted in whole days of UTC."}
        </p>
      </div>
      <ul className="flex max-w-2xl list-disc flex-col gap-1.5 pl-5 text-dim">
        <li>
          It is set where the server is started, with{" "}
          <code className="font-mono text-ink text-sm">MAX_TRACE_RETENTION_DAYS</code> (1 to
          36,500), and holds from its next start.
        </li>
        <li>
          A run is deleted, with its steps, texts and annotations, once it was over, and last heard
          of, so many days ago.
        </li>
        <li>A run that is open stays. So does one of which a step is younger than that.</li>
        <li>The audit log stays. Backups that were made before still have what was deleted.</li>
      </ul>
    </Part>
  );
}
