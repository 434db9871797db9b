import type { ReactNode } from "react";

/** A page or pane that has something to say instead of data: what it is, and what to do. */
export function Notice({
  title,
  children,
  action,
  tone = "plain",
  level = 2,
}: {
  readonly title: string;
  readonly children?: ReactNode;
  readonly action?: ReactNode;
  readonly tone?: "plain" | "bad";
  /** Of the heading: 1 when the notice is the whole page. */
  readonly level?: 1 | 2;
}) {
  const Heading = `h${level}` as const;
  return (
    <div
      role={tone === "bad" ? "alert" : "status"}
      className="mx-auto flex max-w-xl flex-col gap-3 px-6 py-16"
    >
      <Heading className={`font-semibold text-lg ${tone === "bad" ? "text-bad" : ""}`}>
        {title}
      </Heading>
      <div className="flex flex-col gap-2 text-dim">{children}</div>
      {action !== undefined && <div className="mt-1 flex gap-2">{action}</div>}
    </div>
  );
}

/** A key as it stands on the keyboard. */
export function Key({ children }: { readonly children: string }) {
  return (
    <kbd className="inline-flex h-5 min-w-5 items-center justify-center rounded border border-line-strong bg-sunken px-1 font-mono text-dim text-xs">
      {children}
    </kbd>
  );
}
