import type { Run } from "@/model/run";
import type { Timeline } from "@/model/timeline";
import type { Tree } from "@/model/tree";
import { Notice } from "@/ui/notice";
import { RunInspector } from "./run-inspector";
import { SpanInspector } from "./span-inspector";

/** The element id of the pane, so that the keyboard finds it. */
export const INSPECTOR_ID = "inspector";

/** What is known of the chosen step; of the run itself, when none is chosen. */
export function Inspector({
  run,
  timeline,
  tree,
  spanId,
  onSelect,
}: {
  readonly run: Run;
  readonly timeline: Timeline<Run>;
  readonly tree: Tree;
  readonly spanId: string | null;
  readonly onSelect: (spanId: string | null) => void;
}) {
  const span = spanId === null ? undefined : timeline.spans.get(spanId);
  return (
    <section
      id={INSPECTOR_ID}
      aria-label="Inspector"
      data-own-keys
      className="flex h-full flex-col bg-surface"
    >
      {spanId === null && <RunInspector run={run} />}
      {spanId !== null && span === undefined && <MissingSpan spanId={spanId} />}
      {span !== undefined && (
        <SpanInspector
          key={span.spanId}
          run={run}
          span={span}
          timeline={timeline}
          tree={tree}
          onClose={() => onSelect(null)}
        />
      )}
    </section>
  );
}

function MissingSpan({ spanId }: { readonly spanId: string }) {
  return (
    <Notice title="This step is not there">
      <p>
        The run holds no step <code className="font-mono text-ink">{spanId.slice(0, 64)}</code>. If
        the run is live, it shows here as soon as the step starts.
      </p>
    </Notice>
  );
}
