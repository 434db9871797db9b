import { useEffect, useState } from "react";
import { Icon } from "./icons";

type CopyState = "idle" | "copied" | "refused";

const SAID: Record<CopyState, string | null> = {
  idle: null,
  copied: "Copied",
  refused: "The browser refused to copy",
};

/** Copies a text as it was recorded, invisible characters and all. */
export function CopyButton({
  text,
  label,
  showLabel = false,
}: {
  readonly text: string | (() => string);
  readonly label: string;
  readonly showLabel?: boolean;
}) {
  const [state, setState] = useState<CopyState>("idle");
  useEffect(() => {
    if (state === "idle") return;
    const timer = setTimeout(() => setState("idle"), 1500);
    return () => clearTimeout(timer);
  }, [state]);
  const copy = () =>
    void writeClipboard(typeof text === "string" ? text : text()).then((done) =>
      setState(done ? "copied" : "refused"),
    );
  const said = SAID[state];
  return (
    <button
      type="button"
      onClick={copy}
      aria-label={said ?? label}
      title={said ?? label}
      className="inline-flex h-6 shrink-0 items-center gap-1 rounded px-1 text-xs text-faint hover:bg-hover hover:text-ink"
    >
      <Icon
        name={state === "copied" ? "check" : state === "refused" ? "alert" : "copy"}
        size={12}
      />
      {showLabel && <span>{said ?? label}</span>}
    </button>
  );
}

async function writeClipboard(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Browsers give the clipboard to secure pages only; over plain HTTP from another machine the old way is left.
    return copyThroughSelection(text);
  }
}

function copyThroughSelection(text: string): boolean {
  const area = document.createElement("textarea");
  area.value = text;
  area.style.position = "fixed";
  area.style.opacity = "0";
  document.body.append(area);
  area.select();
  try {
    return document.execCommand("copy");
  } finally {
    area.remove();
  }
}
