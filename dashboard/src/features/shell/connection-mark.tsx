import { useConnection } from "@/graphql/hooks";
import { useNow } from "@/ui/clock";

/** After this many tries in vain the server is called unreachable. */
const UNREACHABLE_AFTER = 4;

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
        {label}
      </span>
    );
  }
  const seconds = Math.max(0, Math.ceil((state.retryAtMs - nowMs) / 1000));
  return (
    <span data-testid="connection" className="mr-1 flex items-center gap-1.5 text-sm text-warn">
      <span className="live-mark size-1.5 rounded-full bg-current" />
      <span role="status">
        {state.attempt >= UNREACHABLE_AFTER ? "Server unreachable" : "Reconnecting"}
      </span>
      <span className="hidden sm:inline">{seconds > 0 ? `in ${seconds} s` : "…"}</span>
      <button type="button" onClick={retryNow} className="text-accent hover:underline">
        Retry now
      </button>
    </span>
  );
}
