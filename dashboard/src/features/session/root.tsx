import { getRouteApi } from "@tanstack/react-router";
import { useMemo } from "react";
import { createTransport } from "@/graphql/client";
import { TransportProvider } from "@/graphql/hooks";
import { loginOf } from "@/model/session";
import { useSession, useSessionState } from "@/session/context";
import { Shell } from "../shell/shell";
import { Gate } from "./gate";
import { KnownProvider } from "./known";
import { LoginPage } from "./login-page";

const route = getRouteApi("__root__");

/** What all pages stand in. Another reader or another project is another page: nothing of the old one stays. */
export function Root() {
  const session = useSession();
  const state = useSessionState();
  const { project = null } = route.useSearch();
  const login = loginOf(state);
  const asked = state.phase === "in" ? project : null;
  const key = `${login} ${asked ?? ""}`;
  // biome-ignore lint/correctness/useExhaustiveDependencies: another login is another transport
  const transport = useMemo(
    () => createTransport(location.origin, { session, project: asked }),
    [session, login, asked],
  );
  if (state.phase === "out") return <LoginPage reason={state.reason} />;
  return (
    <TransportProvider key={key} transport={transport}>
      <KnownProvider>
        <Shell>
          <Gate />
        </Shell>
      </KnownProvider>
    </TransportProvider>
  );
}
