import { formatAge } from "@/model/format";
import type { SpanState } from "@/model/run";
import type { RunStatus } from "@/model/span";

/** QUIET: it runs as far as is known, but nothing came of it for a while. */
type Status = RunStatus | SpanState | "QUIET";

const LOOK: Record<Status, { readonly label: string; readonly color: string }> = {
  STARTED: { label: "Running", color: "text-accent" },
  QUIET: { label: "Running", color: "text-dim" },
  UNFINISHED: { label: "Unfinished", color: "text-faint" },
  COMPLETED: { label: "Completed", color: "text-good" },
  ERROR: { label: "Error", color: "text-bad" },
  CANCELLED: { label: "Cancelled", color: "text-faint" },
  INTERRUPTED: { label: "Interrupted", color: "text-warn" },
};

export function statusLabel(status: Status): string {
  return LOOK[status].label;
}

/** The status as a small mark: its shape tells it apart as well as its colour. */
export function StatusMark({ status }: { readonly status: Status }) {
  const { label, color } = LOOK[status];
  return (
    <span role="img" aria-label={label} title={label} className={`inline-flex shrink-0 ${color}`}>
      <svg
        aria-hidden="true"
        viewBox="0 0 12 12"
        width="12"
        height="12"
        fill="none"
        stroke="currentColor"
        strokeWidth="1.6"
        strokeLinecap="round"
      >
        {SHAPE[status]}
      </svg>
    </span>
  );
}

const SHAPE: Record<Status, React.ReactNode> = {
  STARTED: <circle cx="6" cy="6" r="3.4" fill="currentColor" stroke="none" className="live-mark" />,
  QUIET: <circle cx="6" cy="6" r="3.2" />,
  UNFINISHED: <circle cx="6" cy="6" r="3.6" strokeDasharray="2.2 2.4" />,
  COMPLETED: <path d="M2.4 6.4l2.5 2.5 4.7-5.3" />,
  ERROR: <path d="M3 3l6 6M9 3l-6 6" strokeWidth="2" />,
  CANCELLED: <path d="M2.5 6h7" />,
  INTERRUPTED: <path d="M4 2.500v7M8 2.500v7" />,
};

/** The status with its word. */
export function StatusBadge({ status }: { readonly status: Status }) {
  const { label, color } = LOOK[status];
  return (
    <span
      data-testid="status"
      className={`inline-flex items-center gap-1 whitespace-nowrap text-sm ${color}`}
    >
      <StatusMark status={status} />
      <span aria-hidden="true">{label}</span>
    </span>
  );
}

/** Since when nothing came of a run that has not ended. */
export function QuietMark({ ageMs }: { readonly ageMs: number }) {
  return (
    <span
      data-testid="quiet"
      title="The run has not ended, and no record of it came since. It may be waiting, or its process may be gone."
      className="shrink-0 whitespace-nowrap text-faint text-xs"
    >
      no news for {formatAge(ageMs)}
    </span>
  );
}
