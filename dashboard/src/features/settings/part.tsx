import type { ReactNode } from "react";
import type { Answer } from "@/graphql/details";
import { InlineFailure } from "../parts/inline-failure";

/** A part of a page of settings: what it is, what can be done with it, and itself. */
export function Part({
  title,
  about,
  action,
  children,
}: {
  readonly title?: string;
  readonly about?: ReactNode;
  readonly action?: ReactNode;
  readonly children?: ReactNode;
}) {
  return (
    <section className="flex flex-col gap-3">
      <div className="flex flex-wrap items-end justify-between gap-x-6 gap-y-2 has-[>:only-child:empty]:hidden">
        <div className="flex min-w-0 max-w-2xl flex-col gap-1">
          {title !== undefined && <h2 className="font-semibold">{title}</h2>}
          {about !== undefined && <div className="text-dim">{about}</div>}
        </div>
        {action}
      </div>
      {children}
    </section>
  );
}

/** What the server answered, once it has; `children` draws it. */
export function Answered<Data>({
  answer: { data, failure, again },
  children,
}: {
  readonly answer: Answer<Data>;
  readonly children: (data: Data) => ReactNode;
}) {
  if (failure !== null && data === null) return <InlineFailure failure={failure} onRetry={again} />;
  return data === null ? <div aria-busy="true" className="h-24" /> : children(data);
}

/** Stands where a table would, when there is nothing to put into it. */
export function Nothing({ children }: { readonly children: ReactNode }) {
  return (
    <p className="rounded-lg border border-line border-dashed px-4 py-8 text-center text-dim">
      {children}
    </p>
  );
}

/** A short word beside a name. */
export function Tag({
  tone = "plain",
  children,
}: {
  readonly tone?: "plain" | "bad" | "warn";
  readonly children: string;
}) {
  const look = {
    plain: "bg-sunken text-dim",
    bad: "bg-bad-soft text-bad",
    warn: "bg-warn-soft text-warn",
  }[tone];
  return (
    <span className={`ml-2 whitespace-nowrap rounded px-1.5 py-0.5 text-xs ${look}`}>
      {children}
    </span>
  );
}
