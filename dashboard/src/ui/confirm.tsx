import { type ReactNode, useEffect, useState } from "react";
import { Button } from "./button";
import { Dialog } from "./dialog";
import { FormProblem } from "./form";

/** Asks before something is done that cannot be taken back; what went wrong is told here. */
export function Confirm({
  title,
  act,
  isOpen,
  onAct,
  onClose,
  children,
}: {
  readonly title: string;
  /** What the button that does it says. */
  readonly act: string;
  readonly isOpen: boolean;
  /** Resolves with what was wrong; null: it is done. */
  readonly onAct: () => Promise<string | null>;
  readonly onClose: () => void;
  readonly children: ReactNode;
}) {
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  useEffect(() => {
    if (isOpen) setProblem(null);
  }, [isOpen]);
  const doIt = async () => {
    setBusy(true);
    const found = await onAct();
    setBusy(false);
    setProblem(found);
    if (found === null) onClose();
  };
  return (
    <Dialog title={title} isOpen={isOpen} onClose={onClose}>
      <div className="flex flex-col gap-4">
        <div className="flex flex-col gap-2 text-dim">{children}</div>
        {problem !== null && <FormProblem>{problem}</FormProblem>}
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>Cancel</Button>
          <Button tone="danger" disabled={isBusy} onClick={() => void doIt()}>
            {act}
          </Button>
        </div>
      </div>
    </Dialog>
  );
}
