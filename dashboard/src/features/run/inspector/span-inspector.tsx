import { getRouteApi } from "@tanstack/react-router";
import { useEffect, useRef } from "react";
import { useSpanDetail } from "@/graphql/details";
import { formatBytes, spanTypeLabel } from "@/model/format";
import { type Run, type SpanState, spanState } from "@/model/run";
import type { Span } from "@/model/span";
import type { Timeline } from "@/model/timeline";
import type { Tree } from "@/model/tree";
import { IconButton } from "@/ui/button";
import { CopyButton } from "@/ui/copy-button";
import { type Tab, Tabs } from "@/ui/tabs";
import { Text } from "@/ui/text";
import { InlineFailure } from "../../parts/inline-failure";
import { SpanTypeIcon } from "../../parts/span-type";
import { StatusBadge } from "../../parts/status";
import { AttributesView } from "./attributes-view";
import { EventsView } from "./events-view";
import { Overview } from "./overview";
import { PayloadView } from "./payload-view";
import { type Payloads, useSpanPayloadState } from "./use-payloads";

const route = getRouteApi("/runs/$runId");
const VIEWS = ["overview", "input", "output", "attributes", "events"] as const;
type View = (typeof VIEWS)[number];

interface Props {
  readonly run: Run;
  readonly span: Span;
  readonly timeline: Timeline<Run>;
  readonly tree: Tree;
  readonly onClose: () => void;
}

/** Everything that is known of one step; payloads are fetched when they are looked at. */
export function SpanInspector(props: Props) {
  const { run, span, timeline, onClose } = props;
  const happening = timeline.happenings.get(span.spanId) ?? "none";
  const id = `${run.id}:${span.spanId}`;
  const detail = useSpanDetail(id);
  const payloads = useSpanPayloadState(id, detail.data);
  useFreshWhenChanged(span, detail.again);
  const [view, chooseView] = useView();
  return (
    <>
      <Head span={span} state={spanState(span, run)} onClose={onClose} />
      <Tabs
        tabs={tabsOf(payloads, detail.data?.attributes)}
        chosen={view}
        label="Parts of the step"
        onChoose={chooseView}
      >
        {detail.failure !== null && (
          <InlineFailure failure={detail.failure} onRetry={detail.again} />
        )}
        {detail.data !== null && (
          <div className="p-4">
            {view === "overview" && (
              <Overview {...props} detail={detail.data} payloads={payloads} />
            )}
            {view === "input" && <PayloadView slot={payloads.input} name="input" />}
            {view === "output" && <PayloadView slot={payloads.output} name="output" />}
            {view === "attributes" && <AttributesView value={detail.data.attributes} />}
            {view === "events" && <EventsView id={id} revision={`${span.status} ${happening}`} />}
          </div>
        )}
      </Tabs>
    </>
  );
}

function useView(): readonly [View, (view: View) => void] {
  const { view } = route.useSearch();
  const navigate = route.useNavigate();
  const known = VIEWS.find((one) => one === view) ?? "overview";
  return [
    known,
    (next) =>
      void navigate({
        search: (old) => ({ ...old, view: next === "overview" ? undefined : next }),
        replace: true,
      }),
  ];
}

/** Ask again when the live view says that the step has changed, as when it ends. */
function useFreshWhenChanged(span: Span, again: () => void): void {
  const seen = useRef(span);
  const ask = useRef(again);
  ask.current = again;
  useEffect(() => {
    if (seen.current === span) return;
    seen.current = span;
    ask.current();
  }, [span]);
}

function tabsOf(payloads: Payloads, attributes: unknown): Tab<View>[] {
  const size = (bytes: number | undefined) =>
    bytes === undefined ? undefined : formatBytes(bytes);
  const count =
    typeof attributes === "object" && attributes !== null ? Object.keys(attributes).length : 0;
  return [
    { key: "overview", label: "Overview" },
    { key: "input", label: "Input", mark: size(payloads.input.head?.bytes) },
    { key: "output", label: "Output", mark: size(payloads.output.head?.bytes) },
    { key: "attributes", label: "Attributes", mark: count === 0 ? undefined : String(count) },
    { key: "events", label: "Events" },
  ];
}

function Head({
  span,
  state,
  onClose,
}: {
  readonly span: Span;
  readonly state: SpanState;
  readonly onClose: () => void;
}) {
  return (
    <header className="flex shrink-0 items-center gap-2 px-4 pt-2.5 pb-1">
      <SpanTypeIcon type={span.type} />
      <h2 className="min-w-0 truncate font-semibold">
        <Text value={span.name} />
      </h2>
      <span className="whitespace-nowrap text-faint text-sm">{spanTypeLabel(span.type)}</span>
      <StatusBadge status={state} />
      <span className="ml-auto flex items-center">
        <CopyButton text={() => location.href} label="Copy a link to this step" />
        <IconButton icon="close" label="Close (Esc)" onClick={onClose} />
      </span>
    </header>
  );
}
