import { getRouteApi } from "@tanstack/react-router";
import { useCallback, useId, useMemo, useRef, useState } from "react";
import { useRunListFeed } from "@/graphql/hooks";
import type { RunListFeed } from "@/graphql/run-list-feed";
import { isNarrowed, NO_RUN_FILTER } from "@/model/run-filter";
import type { RunListQuery } from "@/model/run-list";
import { readRunsSearch, writeRunsSearch } from "@/model/search";
import { Button } from "@/ui/button";
import { Notice } from "@/ui/notice";
import { useShortcuts } from "@/ui/shortcuts";
import { FailurePage } from "../shell/failure-page";
import { usePageTitle } from "../shell/page-title";
import { FirstRun } from "./first-run";
import { RunsFilter } from "./runs-filter";
import { RunsTable } from "./runs-table";
import { RunsToolbar } from "./runs-toolbar";

const route = getRouteApi("/");

/** The list of runs, live; what it shows stands in the address. */
export function RunsPage() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const query = useMemo(() => readRunsSearch(search), [search]);
  const feed = useRunListFeed(query);
  const searchRef = useRef<HTMLInputElement>(null);
  const change = useCallback(
    (part: Partial<RunListQuery>) =>
      void navigate({
        search: (old) => writeRunsSearch({ ...readRunsSearch(old), ...part }),
        replace: true,
      }),
    [navigate],
  );
  const [isPanelOpen, setPanelOpen] = useState(false);
  const panelId = useId();
  const togglePanel = () => setPanelOpen(!isPanelOpen);
  usePageTitle("Runs");
  useShortcuts({ "/": () => searchRef.current?.focus(), f: togglePanel });
  return (
    <div className="flex h-full flex-col">
      <RunsToolbar
        query={query}
        totalCount={feed.phase === "ready" ? feed.totalCount : null}
        searchRef={searchRef}
        panelId={panelId}
        isPanelOpen={isPanelOpen}
        onTogglePanel={togglePanel}
        onChange={change}
      />
      {isPanelOpen && (
        <RunsFilter id={panelId} query={query} onChange={change} onClose={togglePanel} />
      )}
      <RunsBody feed={feed} query={query} onChange={change} />
    </div>
  );
}

interface BodyProps {
  readonly feed: RunListFeed;
  readonly query: RunListQuery;
  readonly onChange: (part: Partial<RunListQuery>) => void;
}

function RunsBody({ feed, query, onChange }: BodyProps) {
  if (feed.phase === "failed" && feed.failure !== null)
    return <FailurePage failure={feed.failure} />;
  if (feed.phase === "loading") return <div aria-busy="true" className="flex-1" />;
  if (feed.list.rows.length > 0) return <RunsTable feed={feed} query={query} onChange={onChange} />;
  return isNarrowed(query) ? <NoMatch onChange={onChange} /> : <FirstRun />;
}

function NoMatch({ onChange }: Pick<BodyProps, "onChange">) {
  const clear = <Button onClick={() => onChange(NO_RUN_FILTER)}>Clear the filters</Button>;
  return (
    <Notice title="No run matches" action={clear}>
      <p>A run that matches will appear here as soon as it starts.</p>
    </Notice>
  );
}
