import { type ReactNode, useId } from "react";

/** Criteria of a filter panel that belong together. */
export function FilterGroup({
  title,
  children,
}: {
  readonly title: string;
  readonly children: ReactNode;
}) {
  const id = useId();
  return (
    <div role="group" aria-labelledby={id} className="flex min-w-0 flex-col gap-2">
      <h2 id={id} className="text-faint text-xs">
        {title}
      </h2>
      {children}
    </div>
  );
}
