import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { LoginPage } from "@/features/session/login-page";
import { SessionProvider, useSessionState } from "@/session/context";
import { Explorer } from "./explorer";
import { session } from "./server";
import "../styles.css";

const root = document.getElementById("root");
if (root === null) throw new Error("docs.html has no #root to draw into.");

/** What the server tells is for who is known to it, where it has accounts. */
function Page() {
  const state = useSessionState();
  return state.phase === "out" ? <LoginPage reason={state.reason} /> : <Explorer />;
}

createRoot(root).render(
  <StrictMode>
    <SessionProvider session={session}>
      <Page />
    </SessionProvider>
  </StrictMode>,
);
