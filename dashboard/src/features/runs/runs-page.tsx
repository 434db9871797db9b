import { getRouteApi } from "@tanstack/react-router";
import { useCallback, useMemo, useRef } from "react";
import { useRunListFeed } from "@/graphql/hooks";
import type { RunListFeed } from "@/graphql/run-list-feed";
import type { RunListQuery } from "@/model/run-list";
import { readRunsSearch, writeRunsSearch } from "@/model/search";
import { Button } from "@/ui/button";
import { Notice } from "@/ui/notice";
import { useShortcuts } from "@/ui/shortcuts";
import { FailurePage } from "../shell/failure-page";
import { usePageTitle } from "../shell/page-title";
import { FirstRun } from "./first-run";
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
  usePageTitle("Runs");
  useShortcuts({ "/": () => searchRef.current?.focus() });
  return (
    <div className="flex h-full flex-col">
      <RunsToolbar
        query={query}
        totalCount={feed.phase === "ready" ? feed.totalCount : null}
        searchRef={searchRef}
        onChange={change}
      />
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

function isNarrowed({ text, statuses, correlationId, tag }: RunListQuery): boolean {
  return text.trim() !== "" || statuses.length > 0 || correlationId !== null || tag !== null;
}

function NoMatch({ onChange }: Pick<BodyProps, "onChange">) {
  const clear = () => onChange({ text: "", statuses: [], correlationId: null, tag: null });
  return (
    <Notice title="No run matches" action={<Button onClick={clear}>Clear the filters</Button>}>
      <p>A run that matches will appear here as soon as it starts.</p>
    </Notice>
  );
}
