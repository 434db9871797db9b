import { type KeyboardEvent, type PointerEvent, useState } from "react";

/** A share between two panes, in percent, remembered under its key. */
export function useShare(key: string, initial: number): readonly [number, (share: number) => void] {
  const [share, setShare] = useState(() => {
    try {
      const stored = Number(localStorage.getItem(`agenttrace.${key}`));
      return stored >= 10 && stored <= 90 ? stored : initial;
    } catch {
      return initial;
    }
  });
  const choose = (next: number) => {
    const kept = Math.min(85, Math.max(15, next));
    setShare(kept);
    try {
      localStorage.setItem(`agenttrace.${key}`, String(Math.round(kept)));
    } catch {
      // Blocked storage: the share holds until the page is left.
    }
  };
  return [share, choose];
}

/** The handle between two panes of its parent: dragged, or moved by arrow keys. */
export function Resizer({
  share,
  label,
  direction,
  onShare,
  className = "",
}: {
  readonly share: number;
  readonly label: string;
  /** `row`: the panes stand side by side. */
  readonly direction: "row" | "column";
  readonly onShare: (share: number) => void;
  readonly className?: string;
}) {
  const isRow = direction === "row";
  const drag = (event: PointerEvent<HTMLDivElement>) => {
    if (!event.currentTarget.hasPointerCapture(event.pointerId)) return;
    const box = event.currentTarget.parentElement?.getBoundingClientRect();
    if (box === undefined) return;
    const part = isRow
      ? (event.clientX - box.left) / box.width
      : (event.clientY - box.top) / box.height;
    onShare(part * 100);
  };
  const press = (event: KeyboardEvent<HTMLDivElement>) => {
    const steps: Record<string, number> = isRow
      ? { ArrowLeft: -2, ArrowRight: 2 }
      : { ArrowUp: -2, ArrowDown: 2 };
    const step = steps[event.key];
    if (step === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    onShare(share + step);
  };
  return (
    <div
      role="separator"
      aria-label={label}
      aria-orientation={isRow ? "vertical" : "horizontal"}
      aria-valuenow={Math.round(share)}
      aria-valuemin={15}
      aria-valuemax={85}
      tabIndex={0}
      onPointerDown={(event) => event.currentTarget.setPointerCapture(event.pointerId)}
      onPointerMove={drag}
      onKeyDown={press}
      className={`relative z-10 shrink-0 touch-none bg-line hover:bg-accent focus-visible:bg-accent ${
        isRow
          ? "w-px cursor-col-resize before:absolute before:inset-y-0 before:-left-1 before:w-2.5"
          : "h-px cursor-row-resize before:absolute before:inset-x-0 before:-top-1 before:h-2.5"
      } ${className}`}
    />
  );
}
