import type { ReactNode } from "react";

/** A list of names and values in two columns. */
export function Facts({ children }: { readonly children: ReactNode }) {
  return (
    <dl className="grid grid-cols-[minmax(92px,max-content)_minmax(0,1fr)] items-baseline gap-x-6 gap-y-1">
      {children}
    </dl>
  );
}

/** One of them; left out when the value is not known. */
export function Fact({
  name,
  hint,
  children,
}: {
  readonly name: ReactNode;
  readonly hint?: string;
  readonly children: ReactNode;
}) {
  if (children === null || children === undefined || children === false) return null;
  return (
    <div className="col-span-2 grid grid-cols-subgrid">
      <dt className="text-faint text-sm" title={hint}>
        {name}
      </dt>
      <dd className="min-w-0">{children}</dd>
    </div>
  );
}

/** A part of the inspector with its heading. */
export function Part({
  title,
  aside,
  children,
}: {
  readonly title: string;
  readonly aside?: ReactNode;
  readonly children: ReactNode;
}) {
  return (
    <section className="mt-5 first:mt-0">
      <div className="mb-1.5 flex min-h-6 items-center gap-2">
        <h3 className="font-medium text-dim text-sm">{title}</h3>
        {aside}
      </div>
      {children}
    </section>
  );
}
