import { Link } from "@tanstack/react-router";
import { useId, useRef, useState } from "react";
import { toWord } from "@/model/viewer";
import { useSession } from "@/session/context";
import { Icon } from "@/ui/icons";
import { Text } from "@/ui/text";
import { useViewer } from "./known";

const ITEM =
  "flex h-8 w-full items-center gap-2 rounded-md px-2 text-left text-sm hover:bg-hover focus-visible:bg-hover";

/** Who is signed in, and the way out. Nothing on a server without accounts. */
export function AccountMenu() {
  const viewer = useViewer();
  const session = useSession();
  const id = useId();
  const ref = useRef<HTMLDivElement>(null);
  const [isLeaving, setLeaving] = useState(false);
  if (viewer?.kind !== "USER") return null;
  const leave = () => {
    setLeaving(true);
    void session.signOut();
  };
  return (
    <>
      <button
        type="button"
        popoverTarget={id}
        aria-label="Account"
        title={viewer.name}
        className="flex size-7 items-center justify-center rounded-full bg-accent-soft font-semibold text-accent text-sm uppercase hover:opacity-85"
      >
        {[...viewer.name][0]}
      </button>
      <div
        ref={ref}
        id={id}
        popover="auto"
        className="fixed inset-auto top-12 right-2 w-64 rounded-xl border border-line bg-surface p-1.5 text-ink shadow-(--shadow)"
      >
        <div className="border-line border-b px-2 pt-1 pb-2">
          <p className="truncate font-medium" title={viewer.name}>
            <Text value={viewer.name} />
          </p>
          <p className="text-dim text-sm">
            {viewer.role === null || viewer.project === null ? (
              "In no project"
            ) : (
              <>
                {toWord(viewer.role)} of <Text value={viewer.project.name} />
              </>
            )}
            {viewer.isOperator && ", operator"}
          </p>
        </div>
        <div className="pt-1.5">
          <Link
            to="/settings/$page"
            params={{ page: "account" }}
            onClick={() => ref.current?.hidePopover()}
            className={ITEM}
          >
            <Icon name="agent" /> Account
          </Link>
          <button type="button" disabled={isLeaving} onClick={leave} className={ITEM}>
            <Icon name="leave" /> {isLeaving ? "Signing out…" : "Sign out"}
          </button>
        </div>
      </div>
    </>
  );
}
