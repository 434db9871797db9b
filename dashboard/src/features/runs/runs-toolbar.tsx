import type { Ref } from "react";
import { toggled } from "@/model/criterion";
import { formatCount } from "@/model/format";
import { isNarrowed, listCriteria, NO_RUN_FILTER } from "@/model/run-filter";
import type { RunListQuery } from "@/model/run-list";
import { RUN_STATUSES, type RunStatus } from "@/model/span";
import { Button } from "@/ui/button";
import { SearchField } from "@/ui/search-field";
import { ClearFilters, FilterChips } from "../parts/filter-chips";
import { StatusMark, statusLabel } from "../parts/status";

interface Props {
  readonly query: RunListQuery;
  readonly totalCount: number | null;
  readonly searchRef: Ref<HTMLInputElement>;
  readonly panelId: string;
  readonly isPanelOpen: boolean;
  readonly onTogglePanel: () => void;
  readonly onChange: (part: Partial<RunListQuery>) => void;
}

/** Search, status, and every other filter that is set. */
export function RunsToolbar(props: Props) {
  const { query, totalCount, searchRef, panelId, isPanelOpen, onTogglePanel, onChange } = props;
  return (
    <div className="flex shrink-0 flex-wrap items-center gap-2 border-line border-b bg-surface px-4 py-2">
      <h1 className="mr-1 font-semibold">Runs</h1>
      <SearchField
        value={query.text}
        label="Search runs"
        placeholder="Name, correlation id or run id"
        inputRef={searchRef}
        onSearch={(text) => onChange({ text })}
        className="w-64 max-sm:w-full"
      />
      <StatusChoice statuses={query.statuses} onChange={onChange} />
      <Button
        pressed={isPanelOpen}
        aria-expanded={isPanelOpen}
        aria-controls={panelId}
        onClick={onTogglePanel}
      >
        Filters
      </Button>
      <FilterChips criteria={listCriteria(query)} panelId={panelId} onChange={onChange} />
      {isNarrowed(query) && (
        <ClearFilters panelId={panelId} onClear={() => onChange(NO_RUN_FILTER)} />
      )}
      <span className="ml-auto text-faint text-sm" data-testid="run-count">
        {totalCount === null
          ? ""
          : `${formatCount(totalCount)} ${totalCount === 1 ? "run" : "runs"}`}
      </span>
    </div>
  );
}

function StatusChoice({
  statuses,
  onChange,
}: {
  readonly statuses: readonly RunStatus[];
  readonly onChange: Props["onChange"];
}) {
  const toggle = (status: RunStatus) => onChange({ statuses: toggled(statuses, status) });
  return (
    <fieldset className="flex flex-wrap gap-1">
      <legend className="sr-only">Status</legend>
      {RUN_STATUSES.map((status) => (
        <Button key={status} pressed={statuses.includes(status)} onClick={() => toggle(status)}>
          <span aria-hidden="true" className="contents">
            <StatusMark status={status} />
          </span>
          {statusLabel(status)}
        </Button>
      ))}
    </fieldset>
  );
}
