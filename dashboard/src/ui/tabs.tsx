import { type KeyboardEvent, useId } from "react";

export interface Tab<Key extends string> {
  readonly key: Key;
  readonly label: string;
  readonly mark?: string | undefined;
}

/** A row of tabs; arrow keys move between them. The panel below belongs to the chosen one. */
export function Tabs<Key extends string>({
  tabs,
  chosen,
  label,
  onChoose,
  children,
}: {
  readonly tabs: readonly Tab<Key>[];
  readonly chosen: Key;
  readonly label: string;
  readonly onChoose: (key: Key) => void;
  readonly children: React.ReactNode;
}) {
  const id = useId();
  const move = (event: KeyboardEvent<HTMLDivElement>) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step === undefined) return;
    const at = tabs.findIndex(({ key }) => key === chosen);
    const next = tabs[(at + step + tabs.length) % tabs.length];
    if (next === undefined) return;
    event.preventDefault();
    onChoose(next.key);
    document.getElementById(`${id}-${next.key}`)?.focus();
  };
  return (
    <>
      <div
        role="tablist"
        aria-label={label}
        onKeyDown={move}
        className="flex shrink-0 gap-4 overflow-x-auto border-line border-b px-4"
      >
        {tabs.map(({ key, label: text, mark }) => (
          <button
            key={key}
            type="button"
            role="tab"
            id={`${id}-${key}`}
            aria-selected={key === chosen}
            aria-controls={`${id}-panel`}
            tabIndex={key === chosen ? 0 : -1}
            onClick={() => onChoose(key)}
            className={`-mb-px inline-flex h-9 items-center gap-1.5 whitespace-nowrap border-b-2 text-sm -outline-offset-2 ${
              key === chosen
                ? "border-accent font-medium text-ink"
                : "border-transparent text-dim hover:text-ink"
            }`}
          >
            {text}
            {mark !== undefined && <span className="text-faint text-xs">{mark}</span>}
          </button>
        ))}
      </div>
      <div
        role="tabpanel"
        id={`${id}-panel`}
        aria-labelledby={`${id}-${chosen}`}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling panel must be reachable by keyboard
        tabIndex={0}
        className="min-h-0 flex-1 overflow-auto -outline-offset-2"
      >
        {children}
      </div>
    </>
  );
}
