import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { SessionProvider } from "@/session/context";
import { createSession } from "@/session/session";
import { router } from "./router";
import "./styles.css";

const root = document.getElementById("root");
if (root === null) throw new Error("index.html has no #root to draw into.");

createRoot(root).render(
  <StrictMode>
    <SessionProvider session={createSession(location.origin)}>
      <RouterProvider router={router} />
    </SessionProvider>
  </StrictMode>,
);
