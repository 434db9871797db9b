import { adviseOnDropped, countDropped, describeDropped } from "@/model/dropped";
import { formatCount } from "@/model/format";
import type { DroppedRecords } from "@/model/run";
import { Icon } from "@/ui/icons";
import { plainMarks } from "@/ui/marks";
import { Text } from "@/ui/text";

interface Props {
  readonly dropped: readonly DroppedRecords[];
}

/** In a row of the list: that records of the run are missing, and how many. */
export function DroppedMark({ dropped }: Props) {
  if (dropped.length === 0) return null;
  return (
    <span
      data-testid="dropped"
      title={plainMarks(describeDropped(dropped))}
      className="inline-flex shrink-0 items-center gap-1 whitespace-nowrap text-warn text-xs"
    >
      <Icon name="alert" size={11} />
      {formatCount(countDropped(dropped))} dropped
    </span>
  );
}

/** Above a run: what is missing of it, why, and what to do. */
export function DroppedBanner({ dropped }: Props) {
  if (dropped.length === 0) return null;
  return (
    <div
      role="status"
      data-testid="dropped"
      className="flex shrink-0 items-baseline gap-2 border-line border-b bg-sunken px-4 py-1.5 text-sm"
    >
      <Icon name="alert" size={12} className="shrink-0 self-center text-warn" />
      <p className="min-w-0">
        <span className="font-medium">
          <Text value={describeDropped(dropped)} />.
        </span>{" "}
        <span className="text-dim">{adviseOnDropped(dropped).join(" ")}</span>
      </p>
    </div>
  );
}
