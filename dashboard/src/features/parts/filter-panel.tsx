import { type ReactNode, useEffect, useRef } from "react";

/** The button that shows a panel, by the panel's id. */
export function findToggle(id: string): HTMLElement | null {
  return document.querySelector(`[aria-controls="${CSS.escape(id)}"]`);
}

/** Criteria below a toolbar. The keyboard goes into it as it opens, and back to its button on Escape. */
export function FilterPanel({
  id,
  onClose,
  children,
}: {
  readonly id: string;
  readonly onClose: () => void;
  readonly children: ReactNode;
}) {
  const ref = useRef<HTMLElement>(null);
  useEffect(() => {
    ref.current?.querySelector<HTMLElement>("input, select, button")?.focus();
  }, []);
  return (
    <section
      ref={ref}
      id={id}
      aria-label="Filters"
      onKeyDown={(event) => {
        if (event.key !== "Escape" || event.defaultPrevented) return;
        event.preventDefault();
        onClose();
        findToggle(id)?.focus();
      }}
      className="max-h-[60%] shrink-0 overflow-y-auto border-line border-b bg-surface px-4 py-3"
    >
      {children}
    </section>
  );
}
