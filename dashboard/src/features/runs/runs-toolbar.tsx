import type { Ref } from "react";
import { formatCount } from "@/model/format";
import type { RunListQuery } from "@/model/run-list";
import { RUN_STATUSES, type RunStatus } from "@/model/span";
import { Button } from "@/ui/button";
import { Icon } from "@/ui/icons";
import { SearchField } from "@/ui/search-field";
import { Text } from "@/ui/text";
import { StatusMark, statusLabel } from "../parts/status";

interface Props {
  readonly query: RunListQuery;
  readonly totalCount: number | null;
  readonly searchRef: Ref<HTMLInputElement>;
  readonly onChange: (part: Partial<RunListQuery>) => void;
}

/** Search, status and the filters that a click elsewhere has set. */
export function RunsToolbar({ query, totalCount, searchRef, onChange }: Props) {
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
      {query.correlationId !== null && (
        <FilterChip
          name="correlation"
          value={query.correlationId}
          onClear={() => onChange({ correlationId: null })}
        />
      )}
      {query.tag !== null && (
        <FilterChip name="tag" value={query.tag} onClear={() => onChange({ tag: null })} />
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
  const toggle = (status: RunStatus) =>
    onChange({
      statuses: statuses.includes(status)
        ? statuses.filter((other) => other !== status)
        : [...statuses, status],
    });
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

function FilterChip({
  name,
  value,
  onClear,
}: {
  readonly name: string;
  readonly value: string;
  readonly onClear: () => void;
}) {
  return (
    <span className="inline-flex h-7 max-w-72 items-center gap-1 rounded-md bg-accent-soft pl-2.5 text-sm">
      <span className="text-dim">{name}</span>
      <span className="truncate font-mono">
        <Text value={value} />
      </span>
      <button
        type="button"
        aria-label={`Clear the ${name} filter`}
        onClick={onClear}
        className="inline-flex size-7 items-center justify-center rounded-md text-dim hover:text-ink"
      >
        <Icon name="close" size={11} />
      </button>
    </span>
  );
}
