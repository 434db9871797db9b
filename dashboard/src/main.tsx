import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { createTransport } from "@/graphql/client";
import { TransportProvider } from "@/graphql/hooks";
import { router } from "./router";
import "./styles.css";

const root = document.getElementById("root");
if (root === null) throw new Error("index.html has no #root to draw into.");

createRoot(root).render(
  <StrictMode>
    <TransportProvider transport={createTransport(location.origin)}>
      <RouterProvider router={router} />
    </TransportProvider>
  </StrictMode>,
);
