import type { Ref } from "react";
import { isFiltering, type SpanFilter } from "@/model/filter";
import { formatCount, spanTypeLabel } from "@/model/format";
import { SPAN_TYPES, type SpanType } from "@/model/span";
import { Button, IconButton } from "@/ui/button";
import { Icon } from "@/ui/icons";
import { SearchField } from "@/ui/search-field";
import { SpanTypeIcon } from "../parts/span-type";
import type { Rows } from "./use-rows";
import type { Zoom } from "./use-time-window";

interface Props {
  readonly filter: SpanFilter;
  readonly rows: Rows;
  readonly zoom: Zoom;
  readonly isLive: boolean;
  readonly isFollowing: boolean;
  readonly searchRef: Ref<HTMLInputElement>;
  readonly onFilter: (part: Partial<SpanFilter>) => void;
  readonly onFollow: (following: boolean) => void;
}

/** Search, filters, and how tree and axis are shown. */
export function RunToolbar(props: Props) {
  const { filter, rows, searchRef, onFilter } = props;
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
        pressed={filter.errorsOnly}
        onClick={() => onFilter({ errorsOnly: !filter.errorsOnly })}
      >
        <Icon name="alert" size={12} className="text-bad" />
        Errors
      </Button>
      {isFiltering(filter) && (
        <span role="status" data-testid="match-count" className="text-faint text-sm">
          {formatCount(rows.matchCount)} {rows.matchCount === 1 ? "match" : "matches"}
        </span>
      )}
      <ViewControls {...props} />
    </div>
  );
}

function TypeChoice({
  types,
  onFilter,
}: {
  readonly types: readonly SpanType[];
  readonly onFilter: Props["onFilter"];
}) {
  const toggle = (type: SpanType) =>
    onFilter({
      types: types.includes(type) ? types.filter((other) => other !== type) : [...types, type],
    });
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
          onClick={() => toggle(type)}
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
