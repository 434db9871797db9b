import { useConnection } from "@/graphql/hooks";
import { useNow } from "@/ui/clock";

/** After this many tries in vain the server is called unreachable. */
const UNREACHABLE_AFTER = 4;

/** How the page stands to the server, always in sight. */
export function ConnectionMark() {
  const { state, retryNow } = useConnection();
  const nowMs = useNow(state.phase === "waiting", 250);
  if (state.phase === "idle") return <span data-testid="connection" />;
  if (state.phase !== "waiting") {
    const isLive = state.phase === "live";
    return (
      <span
        role="status"
        data-testid="connection"
        title={isLive ? "Changes show as they happen." : "Connecting to the server."}
        className={`mr-1 flex items-center gap-1.5 text-sm ${isLive ? "text-good" : "text-faint"}`}
      >
        <span className="size-1.5 rounded-full bg-current" />
        {isLive ? "Live" : "Connecting"}
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
