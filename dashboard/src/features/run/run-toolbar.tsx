import { type Ref, useId, useRef, useState } from "react";
import { toggled } from "@/model/criterion";
import { isFiltering, NO_FILTER, type SpanFilter, stepCriteria } from "@/model/filter";
import { formatCount, spanTypeLabel } from "@/model/format";
import type { Run } from "@/model/run";
import { SPAN_TYPES, type SpanType } from "@/model/span";
import type { Timeline } from "@/model/timeline";
import { Button, IconButton } from "@/ui/button";
import { Icon } from "@/ui/icons";
import { SearchField } from "@/ui/search-field";
import { useShortcuts } from "@/ui/shortcuts";
import { ClearFilters, FilterChips } from "../parts/filter-chips";
import { SpanTypeIcon } from "../parts/span-type";
import { statusLabel } from "../parts/status";
import { StepsFilter } from "./steps-filter";
import type { Rows } from "./use-rows";
import type { Zoom } from "./use-time-window";

interface Props {
  readonly timeline: Timeline<Run>;
  readonly filter: SpanFilter;
  readonly rows: Rows;
  readonly zoom: Zoom;
  readonly isLive: boolean;
  readonly isFollowing: boolean;
  readonly onFilter: (part: Partial<SpanFilter>) => void;
  readonly onFollow: (following: boolean) => void;
}

/** Search, filters, and how tree and axis are shown. */
export function RunToolbar(props: Props) {
  const { timeline, filter, onFilter } = props;
  const [isPanelOpen, setPanelOpen] = useState(false);
  const panelId = useId();
  const togglePanel = () => setPanelOpen(!isPanelOpen);
  const searchRef = useRef<HTMLInputElement>(null);
  useShortcuts({ F: togglePanel, "/": () => searchRef.current?.focus() });
  return (
    <>
      <Bar
        {...props}
        searchRef={searchRef}
        panelId={panelId}
        isPanelOpen={isPanelOpen}
        onTogglePanel={togglePanel}
      />
      {isPanelOpen && (
        <StepsFilter
          id={panelId}
          timeline={timeline}
          filter={filter}
          onFilter={onFilter}
          onClose={togglePanel}
        />
      )}
    </>
  );
}

interface BarProps extends Props {
  readonly searchRef: Ref<HTMLInputElement>;
  readonly panelId: string;
  readonly isPanelOpen: boolean;
  readonly onTogglePanel: () => void;
}

function Bar(props: BarProps) {
  const { filter, searchRef, panelId, isPanelOpen, onTogglePanel, onFilter } = props;
  return (
    <div
      role="toolbar"
      aria-label="Steps"
      className="flex shrink-0 flex-wrap items-center gap-2 border-line border-b bg-surface px-4 py-1.5"
    >
      <SearchField
        value={filter.text}
        label="Search steps"
        placeholder="Search steps"
        inputRef={searchRef}
        onSearch={(text) => onFilter({ text })}
        className="w-48"
      />
      <TypeChoice types={filter.types} onFilter={onFilter} />
      <Button
        pressed={filter.statuses.includes("ERROR")}
        onClick={() => onFilter({ statuses: toggled(filter.statuses, "ERROR") })}
      >
        <Icon name="alert" size={12} className="text-bad" />
        Errors
      </Button>
      <Button
        pressed={isPanelOpen}
        aria-expanded={isPanelOpen}
        aria-controls={panelId}
        title="Status, name, model and figures (F)"
        onClick={onTogglePanel}
      >
        Filters
      </Button>
      <FilterChips
        criteria={stepCriteria(filter, statusLabel)}
        panelId={panelId}
        onChange={onFilter}
      />
      <Found {...props} />
      <ViewControls {...props} />
    </div>
  );
}

/** How many steps the filter finds, and the way out of it. */
function Found({ filter, rows, panelId, onFilter }: BarProps) {
  if (!isFiltering(filter)) return null;
  return (
    <>
      <span role="status" data-testid="match-count" className="text-faint text-sm">
        {formatCount(rows.matchCount)} {rows.matchCount === 1 ? "match" : "matches"}
      </span>
      <ClearFilters panelId={panelId} onClear={() => onFilter(NO_FILTER)} />
    </>
  );
}

function TypeChoice({
  types,
  onFilter,
}: {
  readonly types: readonly SpanType[];
  readonly onFilter: Props["onFilter"];
}) {
  return (
    <fieldset className="flex gap-0.5">
      <legend className="sr-only">Types of steps</legend>
      {SPAN_TYPES.map((type) => (
        <button
          key={type}
          type="button"
          aria-pressed={types.includes(type)}
          aria-label={spanTypeLabel(type)}
          title={`Only: ${spanTypeLabel(type)}`}
          onClick={() => onFilter({ types: toggled(types, type) })}
          className={`inline-flex size-7 items-center justify-center rounded-md ${types.includes(type) ? "bg-accent-soft ring-1 ring-accent" : "hover:bg-hover"}`}
        >
          <SpanTypeIcon type={type} />
        </button>
      ))}
    </fieldset>
  );
}

function ViewControls({ rows, zoom, isLive, isFollowing, onFollow }: Props) {
  return (
    <div className="ml-auto flex items-center gap-0.5">
      {isLive && (
        <Button pressed={isFollowing} onClick={() => onFollow(!isFollowing)} className="mr-2">
          <Icon name="follow" size={12} />
          Follow
        </Button>
      )}
      <IconButton icon="expand" label="Expand all" onClick={rows.expandAll} />
      <IconButton icon="collapse" label="Collapse all" onClick={rows.collapseAll} />
      <span className="mx-1 h-4 w-px bg-line" />
      <IconButton
        icon="minus"
        label="Zoom out (−)"
        disabled={zoom.isWhole}
        onClick={() => zoom.zoom(2)}
      />
      <IconButton icon="plus" label="Zoom in (+)" onClick={() => zoom.zoom(0.5)} />
      <IconButton
        icon="fit"
        label="Show the whole time (0)"
        disabled={zoom.isWhole}
        onClick={zoom.showAll}
      />
    </div>
  );
}
