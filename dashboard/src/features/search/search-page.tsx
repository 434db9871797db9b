import { getRouteApi } from "@tanstack/react-router";
import { useCallback, useEffect, useRef } from "react";
import { useSearchFeed } from "@/graphql/hooks";
import type { SearchFeed } from "@/graphql/search-feed";
import { formatCount } from "@/model/format";
import { Button } from "@/ui/button";
import { Notice } from "@/ui/notice";
import { SearchField } from "@/ui/search-field";
import { useShortcuts } from "@/ui/shortcuts";
import { InlineFailure } from "../parts/inline-failure";
import { usePageTitle } from "../shell/page-title";
import { HitRow } from "./hit-row";

const route = getRouteApi("/search");

/** Every step in whose texts something was said; the question stands in the address. */
export function SearchPage() {
  const { q = "" } = route.useSearch();
  const navigate = route.useNavigate();
  const feed = useSearchFeed(q);
  const searchRef = useRef<HTMLInputElement>(null);
  const search = useCallback(
    (text: string) => void navigate({ search: { q: text || undefined }, replace: true }),
    [navigate],
  );
  const isEmpty = q === "";
  useEffect(() => {
    if (isEmpty) searchRef.current?.focus();
  }, [isEmpty]);
  usePageTitle(isEmpty ? "Search" : `${q} · Search`);
  useShortcuts({ "/": () => searchRef.current?.focus() });
  return (
    <div className="flex h-full flex-col">
      <div className="flex shrink-0 flex-wrap items-center gap-2 border-line border-b bg-surface px-4 py-2">
        <h1 className="mr-1 font-semibold">Search</h1>
        <SearchField
          value={q}
          label="Search what was said"
          placeholder={'Words, "a phrase", or the beginning of a word*'}
          inputRef={searchRef}
          onSearch={search}
          className="w-[28rem] max-sm:w-full"
        />
        {feed.lag > 0 && (
          <Button onClick={feed.reload} title="Search again">
            {formatCount(feed.lag)} recent changes are not searchable yet
          </Button>
        )}
      </div>
      <SearchBody feed={feed} />
    </div>
  );
}

function SearchBody({ feed }: { readonly feed: SearchFeed }) {
  if (feed.text === "") return <Hint />;
  if (feed.phase === "failed" && feed.failure !== null)
    return <InlineFailure failure={feed.failure} onRetry={feed.reload} />;
  if (feed.phase === "loading") return <div aria-busy="true" className="flex-1" />;
  if (feed.items.length === 0)
    return (
      <Notice title="No step says that">
        <p>
          All words must occur in one step: in its name, model, error, attributes, input or output.
          Try fewer words, or the beginning of one with a star: <code>summar*</code>.
        </p>
      </Notice>
    );
  return <HitList feed={feed} />;
}

function Hint() {
  return (
    <Notice title="Search what was said">
      <p>
        In the inputs, outputs, errors, names and attributes of every step of every run. All words
        must occur; words in quotes stand next to each other; a star ends the beginning of a word.
      </p>
    </Notice>
  );
}

function HitList({ feed }: { readonly feed: SearchFeed }) {
  return (
    <div className="min-h-0 flex-1 overflow-auto">
      <ol aria-label="Steps found">
        {feed.items.map((hit) => (
          <HitRow key={hit.id} hit={hit} query={feed.text} />
        ))}
      </ol>
      <div className="flex items-center gap-3 px-4 py-3 text-faint text-sm">
        {feed.failure !== null && <InlineFailure failure={feed.failure} onRetry={feed.loadMore} />}
        {feed.hasNextPage ? (
          <Button disabled={feed.isLoadingMore} onClick={feed.loadMore}>
            {feed.isLoadingMore ? "Loading…" : "More"}
          </Button>
        ) : (
          <span data-testid="hit-count">
            {formatCount(feed.items.length)} {feed.items.length === 1 ? "step" : "steps"}
          </span>
        )}
      </div>
    </div>
  );
}
