import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { Explorer } from "./explorer";
import "../styles.css";

const root = document.getElementById("root");
if (root === null) throw new Error("docs.html has no #root to draw into.");

createRoot(root).render(
  <StrictMode>
    <Explorer />
  </StrictMode>,
);
