import type { ReactNode } from "react";

/** A short table, all of which is in the page. It scrolls within itself where the window is narrow. */
export function Table({
  label,
  heads,
  children,
}: {
  readonly label: string;
  /** Of the columns; "" for one that needs none. */
  readonly heads: readonly string[];
  readonly children: ReactNode;
}) {
  return (
    <section
      aria-label={label}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
      tabIndex={0}
      className="relative overflow-x-auto rounded-lg border border-line bg-surface"
    >
      <table className="w-full border-collapse text-left">
        <thead>
          <tr className="border-line border-b text-faint text-xs">
            {heads.map((head, index) => (
              <th
                key={head || `column-${index}`}
                scope="col"
                className="h-8 whitespace-nowrap px-3 font-normal"
              >
                {head === "" ? <span className="sr-only">Actions</span> : head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </section>
  );
}

export function Row({
  isFaded = false,
  children,
}: {
  readonly isFaded?: boolean;
  readonly children: ReactNode;
}) {
  return (
    <tr
      className={`border-line border-b last:border-b-0 hover:bg-hover ${isFaded ? "text-faint" : ""}`}
    >
      {children}
    </tr>
  );
}

export function Cell({
  className = "",
  title,
  children,
}: {
  readonly className?: string;
  readonly title?: string | undefined;
  readonly children?: ReactNode;
}) {
  return (
    <td title={title} className={`h-10 px-3 py-1 ${className}`}>
      {children}
    </td>
  );
}
