import type { ConnectionState } from "@/graphql/connection";
import { useConnection } from "@/graphql/hooks";
import { useNow } from "@/ui/clock";
import { plainMarks } from "@/ui/marks";

/** After this many tries in vain the server is called unreachable, or at fault. */
const IN_VAIN_AFTER = 4;

const LOOK = {
  live: { label: "Live", meaning: "Changes show as they happen.", color: "text-good" },
  idle: {
    label: "Up to date",
    meaning: "What is shown here changes no more.",
    color: "text-faint",
  },
  connecting: { label: "Connecting", meaning: "Connecting to the server.", color: "text-faint" },
} as const;

/** How the page stands to the server, always in sight. */
export function ConnectionMark() {
  const { state, retryNow } = useConnection();
  const nowMs = useNow(state.phase === "waiting", 250);
  if (state.phase !== "waiting") {
    const { label, meaning, color } = LOOK[state.phase];
    return (
      <span
        role="status"
        data-testid="connection"
        title={meaning}
        className={`mr-1 flex items-center gap-1.5 text-sm ${color}`}
      >
        <span className="size-1.5 rounded-full bg-current" />
        <span className="max-sm:sr-only">{label}</span>
      </span>
    );
  }
  return <WaitingMark {...state} nowMs={nowMs} onRetry={retryNow} />;
}

function WaitingMark({
  attempt,
  retryAtMs,
  reason,
  nowMs,
  onRetry,
}: Extract<ConnectionState, { readonly phase: "waiting" }> & {
  readonly nowMs: number;
  readonly onRetry: () => void;
}) {
  const seconds = Math.max(0, Math.ceil((retryAtMs - nowMs) / 1000));
  const inVain = reason === null ? "Server unreachable" : "Server error";
  const said = reason === null ? null : plainMarks(reason);
  return (
    <span data-testid="connection" className="mr-1 flex items-center gap-1.5 text-sm text-warn">
      <span className="live-mark size-1.5 rounded-full bg-current" />
      <span
        role="status"
        title={said === null ? undefined : `The server said: ${said}`}
        className="max-sm:sr-only"
      >
        {attempt >= IN_VAIN_AFTER ? inVain : "Reconnecting"}
        {said !== null && <span className="sr-only">. The server said: {said}</span>}
      </span>
      <span className="hidden sm:inline">{seconds > 0 ? `in ${seconds} s` : "…"}</span>
      <button
        type="button"
        onClick={onRetry}
        className="whitespace-nowrap text-accent hover:underline"
      >
        Retry now
      </button>
    </span>
  );
}
