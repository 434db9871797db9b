import { memo } from "react";
import type { SpanState } from "@/model/run";
import type { Span } from "@/model/span";
import type { TimeWindow } from "@/model/time-scale";
import { FLAG_CYCLE, FLAG_ORPHAN, type Tree } from "@/model/tree";
import { Icon } from "@/ui/icons";
import { Text } from "@/ui/text";
import { SpanTypeIcon } from "../parts/span-type";
import { StatusMark } from "../parts/status";
import { SpanBar } from "./span-bar";

const INDENT_PX = 14;
/** Deeper steps stand no further in: the name needs the room. */
const MAX_INDENT = 16;

interface Props {
  readonly span: Span;
  readonly state: SpanState;
  /** Whether a running step is drawn as moving. */
  readonly isLive: boolean;
  readonly node: number;
  readonly rowIndex: number;
  readonly top: number;
  readonly treeShare: number;
  readonly tree: Tree;
  readonly window: TimeWindow;
  /** Where the span ends on the axis; a running one ends now. */
  readonly endMs: number;
  readonly isCollapsed: boolean;
  readonly isDimmed: boolean;
  readonly isSelected: boolean;
  readonly onSelect: (spanId: string) => void;
  readonly onToggle: (spanId: string) => void;
}

/** The element id of a step's row. */
export function rowId(spanId: string): string {
  return `span-${spanId}`;
}

/** One step: its place in the tree and its stretch of time. Drawn anew only when something of it changes. */
export const WaterfallRow = memo(function WaterfallRow(props: Props) {
  const {
    span,
    state,
    isLive,
    node,
    rowIndex,
    top,
    treeShare,
    tree,
    isCollapsed,
    isDimmed,
    isSelected,
  } = props;
  const hasChildren = (tree.size[node] ?? 1) > 1;
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the arrow keys are handled for the whole tree
    <div
      role="row"
      id={rowId(span.spanId)}
      data-span={span.spanId}
      data-status={span.status}
      aria-rowindex={rowIndex}
      aria-level={(tree.depth[node] ?? 0) + 1}
      aria-expanded={hasChildren ? !isCollapsed : undefined}
      aria-selected={isSelected}
      tabIndex={-1}
      onClick={() => props.onSelect(span.spanId)}
      className={`absolute inset-x-0 flex h-7 overflow-hidden [contain:strict] ${isSelected ? "bg-selected" : "hover:bg-hover"} ${isDimmed ? "opacity-55" : ""}`}
      style={{ transform: `translateY(${top}px)` }}
    >
      <div
        role="rowheader"
        tabIndex={-1}
        className="flex min-w-0 items-center gap-1.5 overflow-hidden pr-3 pl-2"
        style={{ flex: `0 0 ${treeShare}%` }}
      >
        <Guides tree={tree} node={node} />
        <DepthMark depth={tree.depth[node] ?? 0} />
        {hasChildren ? (
          <Fold isOpen={!isCollapsed} onToggle={() => props.onToggle(span.spanId)} />
        ) : (
          <span className="w-4 shrink-0" />
        )}
        <SpanTypeIcon type={span.type} />
        <Label span={span} flag={tree.flag[node] ?? 0} />
        {hasChildren && isCollapsed && (
          <span className="shrink-0 rounded bg-sunken px-1 text-faint text-xs">
            {(tree.size[node] ?? 1) - 1}
          </span>
        )}
        <span className="ml-auto flex shrink-0 items-center">
          {state !== "COMPLETED" && (
            <StatusMark status={state === "STARTED" && !isLive ? "QUIET" : state} />
          )}
        </span>
      </div>
      <div role="gridcell" tabIndex={-1} className="relative min-w-0 flex-1 overflow-hidden">
        <div className="grid-lines absolute inset-x-2 inset-y-0">
          <SpanBar
            span={span}
            state={state}
            isLive={isLive}
            window={props.window}
            endMs={props.endMs}
          />
        </div>
      </div>
    </div>
  );
});

function Label({ span, flag }: { readonly span: Span; readonly flag: number }) {
  return (
    <span className="flex min-w-0 items-baseline gap-2 overflow-hidden">
      <span
        className={`truncate ${span.status === "ERROR" ? "text-bad" : ""} ${span.type === "AGENT" ? "font-medium" : ""}`}
      >
        <Text value={span.name} />
      </span>
      {span.model !== null && (
        <span className="min-w-0 shrink-[99] truncate text-faint text-xs max-sm:hidden">
          <Text value={span.model} />
        </span>
      )}
      {flag === FLAG_ORPHAN && <FlagMark text="parent missing" />}
      {flag === FLAG_CYCLE && <FlagMark text="parent cycle" />}
    </span>
  );
}

function FlagMark({ text }: { readonly text: string }) {
  return <span className="shrink-0 rounded bg-warn-soft px-1 text-warn text-xs">{text}</span>;
}

function Fold({ isOpen, onToggle }: { readonly isOpen: boolean; readonly onToggle: () => void }) {
  return (
    <button
      type="button"
      tabIndex={-1}
      aria-label={isOpen ? "Collapse" : "Expand"}
      onClick={(event) => {
        event.stopPropagation();
        onToggle();
      }}
      className="inline-flex size-4 shrink-0 items-center justify-center rounded text-faint hover:bg-line hover:text-ink"
    >
      <Icon name="chevron" size={10} className={isOpen ? "rotate-90" : ""} />
    </button>
  );
}

/** Where the indent has come to its end the level is told as a number, as a screen reader counts it. */
function DepthMark({ depth }: { readonly depth: number }) {
  if (depth <= MAX_INDENT) return null;
  return (
    <span
      data-testid="depth"
      title={`Level ${depth + 1}`}
      className="shrink-0 rounded bg-sunken px-1 text-faint text-xs"
    >
      {depth + 1}
    </span>
  );
}

/** The lines from a step to its parents: one for each ancestor that has more steps to come. */
function Guides({ tree, node }: { readonly tree: Tree; readonly node: number }) {
  const depth = tree.depth[node] ?? 0;
  const shown = Math.min(depth, MAX_INDENT);
  const lines: boolean[] = [];
  for (let at = node, level = depth; level > 0; level -= 1) {
    if (level <= shown) lines[level - 1] = at === node || tree.last[at] !== 1;
    at = tree.parent[at] ?? -1;
  }
  return (
    <span
      aria-hidden="true"
      className="relative h-full shrink-0"
      style={{ width: shown * INDENT_PX }}
    >
      {lines.map((isDrawn, level) => {
        if (!isDrawn) return null;
        const isOwn = level === shown - 1;
        return (
          <span
            // biome-ignore lint/suspicious/noArrayIndexKey: a level is its index
            key={level}
            className={`absolute top-0 border-line-strong border-l ${isOwn && tree.last[node] === 1 ? "h-1/2" : "h-full"}`}
            style={{ left: level * INDENT_PX + 8 }}
          />
        );
      })}
      {shown > 0 && (
        <span
          className="absolute top-1/2 w-2 border-line-strong border-t"
          style={{ left: (shown - 1) * INDENT_PX + 8 }}
        />
      )}
    </span>
  );
}
