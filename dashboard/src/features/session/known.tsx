import { createContext, type ReactNode, useContext, useEffect, useRef } from "react";
import { type Known, useKnown } from "@/graphql/accounts";
import type { Answer } from "@/graphql/details";
import { useConnection } from "@/graphql/hooks";
import type { Viewer } from "@/model/viewer";

const KnownContext = createContext<Answer<Known> | null>(null);

/** Asks who reads, once for all pages. */
export function KnownProvider({ children }: { readonly children: ReactNode }) {
  const answer = useKnown();
  const { state } = useConnection();
  const { data, failure, isLoading, again } = answer;
  const isMissing = failure !== null && failure.kind !== "forbidden" && !isLoading;
  const isLive = state.phase === "live";
  useEffect(() => {
    if (isMissing && isLive) again();
  }, [isMissing, isLive, again]);
  // What was known holds while the server does not answer; not once it says no.
  const last = useRef<Known | null>(null);
  if (data !== null || failure?.kind === "forbidden") last.current = data;
  return <KnownContext value={{ ...answer, data: last.current }}>{children}</KnownContext>;
}

export function useKnownAnswer(): Answer<Known> {
  const answer = useContext(KnownContext);
  if (answer === null) throw new Error("Put the page inside <KnownProvider>.");
  return answer;
}

/** Who reads; null while that is not known. */
export function useViewer(): Viewer | null {
  return useKnownAnswer().data?.viewer ?? null;
}
