import { Dialog } from "@/ui/dialog";
import { Key } from "@/ui/notice";

const SHEETS = [
  {
    title: "Everywhere",
    keys: [
      ["/", "Search on this page"],
      ["s", "Search what was said in all runs"],
      [",", "Settings"],
      ["?", "This sheet"],
      ["Esc", "Close, or leave a field"],
    ],
  },
  {
    title: "Runs",
    keys: [
      ["j ↓", "Next run"],
      ["k ↑", "Previous run"],
      ["Enter", "Open the run"],
      ["f", "Show or hide the filters (Esc in them)"],
    ],
  },
  {
    title: "One run",
    keys: [
      ["↑ ↓", "Previous, next step (also k, j)"],
      ["← →", "Collapse, expand; or go to the parent, the first child"],
      ["Enter", "Go to the inspector"],
      ["e", "Next error"],
      ["f", "Follow the newest step"],
      ["F", "Show or hide the filters"],
      ["+ −", "Zoom the time axis"],
      ["0", "Show the whole time"],
    ],
  },
] as const;

/** Every key that the dashboard knows. */
export function HelpSheet({
  isOpen,
  onClose,
}: {
  readonly isOpen: boolean;
  readonly onClose: () => void;
}) {
  return (
    <Dialog title="Keyboard shortcuts" isOpen={isOpen} onClose={onClose}>
      <div className="grid gap-5 sm:grid-cols-2">
        {SHEETS.map(({ title, keys }) => (
          <section key={title}>
            <h3 className="mb-1.5 text-faint text-xs">{title}</h3>
            <dl className="grid grid-cols-[auto_1fr] items-center gap-x-3 gap-y-1.5">
              {keys.map(([key, meaning]) => (
                <div key={key} className="col-span-2 grid grid-cols-subgrid">
                  <dt className="flex gap-1">
                    {key.split(" ").map((part) => (
                      <Key key={part}>{part}</Key>
                    ))}
                  </dt>
                  <dd className="text-dim">{meaning}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Dialog>
  );
}
