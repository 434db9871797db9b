import { Children, createContext, type ReactNode, useContext } from "react";

const HeadsContext = createContext<readonly string[]>([]);
/** The head of the column that a cell is in; "" for none. */
const HeadContext = createContext("");

/**
 * A short table, all of which is in the page. In a narrow window each row is a list of its cells, with their heads
 * beside them; in between it scrolls within itself. The roles stand there for browsers to which a list is no table.
 */
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
      <table role="table" className="w-full border-collapse text-left max-sm:block">
        <thead role="rowgroup" className="max-sm:sr-only">
          <tr role="row" className="border-line border-b text-faint text-xs">
            {heads.map((head, index) => (
              <th
                key={head || `column-${index}`}
                role="columnheader"
                scope="col"
                className="h-8 whitespace-nowrap px-3 font-normal"
              >
                {head === "" ? <span className="sr-only">Actions</span> : head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup" className="max-sm:block">
          <HeadsContext value={heads}>{children}</HeadsContext>
        </tbody>
      </table>
    </section>
  );
}

export function Row({
  isFaded = false,
  children,
}: {
  readonly isFaded?: boolean;
  /** A `Cell` for each column. */
  readonly children: ReactNode;
}) {
  const heads = useContext(HeadsContext);
  return (
    <tr
      role="row"
      className={`border-line border-b last:border-b-0 hover:bg-hover max-sm:block max-sm:py-1.5 ${isFaded ? "text-faint" : ""}`}
    >
      {Children.map(children, (cell, index) => (
        <HeadContext value={heads[index] ?? ""}>{cell}</HeadContext>
      ))}
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
  const head = useContext(HeadContext);
  return (
    <td
      role="cell"
      title={title}
      className={`h-10 px-3 py-1 max-sm:flex max-sm:h-auto max-sm:w-full max-sm:max-w-none max-sm:items-baseline max-sm:gap-3 max-sm:whitespace-normal max-sm:text-left max-sm:empty:hidden ${head === "" ? "max-sm:justify-end" : ""} ${className}`}
    >
      {head !== "" && (
        <span
          aria-hidden="true"
          className="w-24 shrink-0 font-normal font-sans text-faint text-xs sm:hidden"
        >
          {head}
        </span>
      )}
      {children}
    </td>
  );
}
