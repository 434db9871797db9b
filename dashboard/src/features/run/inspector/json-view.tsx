import { useState } from "react";
import { childCount, type JsonNode } from "@/model/json";
import {
  CHILDREN_STEP,
  type JsonRow,
  type JsonView as JsonViewState,
  jsonRows,
} from "@/model/json-rows";
import { CopyButton } from "@/ui/copy-button";
import { Icon } from "@/ui/icons";
import { Text, TextBlock } from "@/ui/text";

const OPEN_DEPTH = 3;
/** Of a longer text the beginning is shown. */
const LONG_TEXT = 400;
const INDENT_PX = 16;

type ValueRow = Extract<JsonRow, { kind: "value" }>;

/** A JSON value as a tree that opens and closes; numbers stand as they were written. */
export function JsonView({ node, source }: { readonly node: JsonNode; readonly source: string }) {
  const [state, setState] = useState<JsonViewState>({
    toggled: new Map(),
    shown: new Map(),
    openDepth: OPEN_DEPTH,
  });
  const toggle = (path: string, expanded: boolean) =>
    setState((old) => ({ ...old, toggled: new Map(old.toggled).set(path, !expanded) }));
  const more = (path: string) =>
    setState((old) => ({
      ...old,
      shown: new Map(old.shown).set(path, (old.shown.get(path) ?? CHILDREN_STEP) * 5),
    }));
  return (
    <div className="font-mono text-sm" data-testid="json">
      {jsonRows(node, state).map((row) =>
        row.kind === "more" ? (
          <button
            key={`${row.path} more`}
            type="button"
            onClick={() => more(row.path)}
            className="block text-accent hover:underline"
            style={{ marginLeft: row.depth * INDENT_PX }}
          >
            {row.hidden.toLocaleString("en-US")} more…
          </button>
        ) : (
          <Row key={row.path} row={row} source={source} onToggle={toggle} />
        ),
      )}
    </div>
  );
}

function Row({
  row,
  source,
  onToggle,
}: {
  readonly row: ValueRow;
  readonly source: string;
  readonly onToggle: (path: string, expanded: boolean) => void;
}) {
  const { node, label, depth, expanded, path } = row;
  return (
    <div
      className="group relative flex items-start gap-1 rounded pr-14 hover:bg-hover"
      style={{ paddingLeft: depth * INDENT_PX }}
    >
      {expanded === null ? (
        depth > 0 && <span className="w-4 shrink-0" />
      ) : (
        <button
          type="button"
          aria-expanded={expanded}
          aria-label={expanded ? "Collapse" : "Expand"}
          onClick={() => onToggle(path, expanded)}
          className="inline-flex h-[18px] w-4 shrink-0 items-center justify-center text-faint hover:text-ink"
        >
          <Icon name="chevron" size={9} className={expanded ? "rotate-90" : ""} />
        </button>
      )}
      {label !== null && (
        <span className={`shrink-0 ${row.isIndex ? "text-faint" : "max-w-[40%] text-accent"}`}>
          <Text value={label} />
          <span className="text-faint">:</span>
        </span>
      )}
      <span className="min-w-0 flex-1">
        <Value node={node} expanded={expanded} />
      </span>
      <span className="absolute top-[-3px] right-0 opacity-0 focus-within:opacity-100 group-hover:opacity-100">
        <CopyButton text={() => copyText(node, source)} label="Copy the value" />
        <CopyButton text={path} label={`Copy the path ${path.slice(0, 80)}`} />
      </span>
    </div>
  );
}

/** A text as itself, anything else as its JSON, byte for byte. */
function copyText(node: JsonNode, source: string): string {
  return node.kind === "string" ? node.value : source.slice(node.start, node.end);
}

function Value({ node, expanded }: { readonly node: JsonNode; readonly expanded: boolean | null }) {
  switch (node.kind) {
    case "object":
      return <Summary open="{" close="}" count={childCount(node)} noun="key" expanded={expanded} />;
    case "array":
      return (
        <Summary open="[" close="]" count={childCount(node)} noun="item" expanded={expanded} />
      );
    case "string":
      return <StringValue value={node.value} />;
    case "number":
      return <span className="break-all text-(--type-retrieval)">{node.text}</span>;
    case "boolean":
      return <span className="text-(--type-decision)">{String(node.value)}</span>;
    case "null":
      return <span className="text-faint">null</span>;
  }
}

function Summary({
  open,
  close,
  count,
  noun,
  expanded,
}: {
  readonly open: string;
  readonly close: string;
  readonly count: number;
  readonly noun: string;
  readonly expanded: boolean | null;
}) {
  return (
    <span className="text-faint">
      {count === 0
        ? `${open}${close}`
        : `${count.toLocaleString("en-US")} ${noun}${count === 1 ? "" : "s"}`}
      {expanded === false && ` ${open}…${close}`}
    </span>
  );
}

function Quote() {
  return <span className="text-faint">"</span>;
}

function StringValue({ value }: { readonly value: string }) {
  const [isOpen, setOpen] = useState(false);
  if (value === "") return <span className="text-faint">""</span>;
  if (isOpen || (value.length <= LONG_TEXT && value.includes("\n"))) {
    return <TextBlock value={value} />;
  }
  if (value.length <= LONG_TEXT) {
    return (
      <>
        <Quote />
        <Text value={value} />
        <Quote />
      </>
    );
  }
  return (
    <>
      <TextBlock value={value.slice(0, LONG_TEXT)} />
      <button type="button" onClick={() => setOpen(true)} className="text-accent hover:underline">
        … {(value.length - LONG_TEXT).toLocaleString("en-US")} more characters
      </button>
    </>
  );
}
