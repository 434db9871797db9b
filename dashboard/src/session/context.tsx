import { createContext, type ReactNode, useContext, useSyncExternalStore } from "react";
import type { SessionState } from "@/model/session";
import type { Session } from "./session";

const SessionContext = createContext<Session | null>(null);

export function SessionProvider({
  session,
  children,
}: {
  readonly session: Session;
  readonly children: ReactNode;
}) {
  return <SessionContext value={session}>{children}</SessionContext>;
}

export function useSession(): Session {
  const session = useContext(SessionContext);
  if (session === null) throw new Error("Put the page inside <SessionProvider>.");
  return session;
}

/** Its state, as it changes. */
export function useSessionState(): SessionState {
  const { subscribe, getState } = useSession();
  return useSyncExternalStore(subscribe, getState);
}
