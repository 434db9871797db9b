import { type ReactNode, useState } from "react";
import { useGet } from "@/graphql/hooks";
import { useSessionState } from "@/session/context";

const LOOK =
  "inline-flex h-7 items-center rounded-md border border-line bg-surface px-2.5 text-ink text-sm hover:bg-hover disabled:opacity-45";

/**
 * Gives a file of the server to the reader. Where one is signed in the browser cannot follow the link by itself: it
 * does not say who asks.
 */
export function DownloadLink({
  href,
  fileName,
  children,
}: {
  /** A path. */
  readonly href: string;
  /** What the file is called. */
  readonly fileName: string;
  readonly children: ReactNode;
}) {
  const { phase } = useSessionState();
  if (phase !== "in")
    return (
      <a href={href} download className={LOOK}>
        {children}
      </a>
    );
  return (
    <FetchButton href={href} fileName={fileName}>
      {children}
    </FetchButton>
  );
}

type FetchState = "idle" | "busy" | "failed";

function FetchButton({ href, fileName, children }: Parameters<typeof DownloadLink>[0]) {
  const get = useGet();
  const [state, setState] = useState<FetchState>("idle");
  const start = async () => {
    setState("busy");
    try {
      const answer = await get(href);
      if (!answer.ok) throw new Error(`HTTP status ${answer.status}`);
      save(await answer.blob(), fileName);
      setState("idle");
    } catch {
      setState("failed");
    }
  };
  return (
    <>
      <button
        type="button"
        disabled={state === "busy"}
        onClick={() => void start()}
        className={LOOK}
      >
        {children}
      </button>
      {state === "failed" && (
        <span role="alert" className="text-bad text-sm">
          The server did not give it out. Try again.
        </span>
      )}
    </>
  );
}

function save(file: Blob, fileName: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = fileName;
  link.click();
  // The browser has taken it by then; sooner, some lose it.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
