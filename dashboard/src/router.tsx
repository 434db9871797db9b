import {
  createRootRoute,
  createRoute,
  createRouter,
  type ErrorComponentProps,
} from "@tanstack/react-router";
import { RunPage } from "@/features/run/run-page";
import { RunsPage } from "@/features/runs/runs-page";
import { SearchPage } from "@/features/search/search-page";
import { CrashPage, LostPage } from "@/features/shell/failure-page";
import { Shell } from "@/features/shell/shell";
import {
  RUN_KEYS,
  RUNS_KEYS,
  type RunSearch,
  type RunsSearch,
  type SearchSearch,
  textValues,
} from "@/model/search";

const rootRoute = createRootRoute({ component: Shell });

const runsRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/",
  component: RunsPage,
  validateSearch: (search: Record<string, unknown>): RunsSearch => textValues(search, RUNS_KEYS),
});

const runRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/runs/$runId",
  component: RunPage,
  validateSearch: (search: Record<string, unknown>): RunSearch => textValues(search, RUN_KEYS),
});

const searchRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/search",
  component: SearchPage,
  validateSearch: (search: Record<string, unknown>): SearchSearch => textValues(search, ["q"]),
});

export const router = createRouter({
  routeTree: rootRoute.addChildren([runsRoute, runRoute, searchRoute]),
  defaultErrorComponent: ({ error }: ErrorComponentProps) => <CrashPage error={error} />,
  defaultNotFoundComponent: LostPage,
  // Plain text both ways: `?q=123` is the text 123, never a number.
  parseSearch: (text) => Object.fromEntries(new URLSearchParams(text)),
  stringifySearch: (search) => {
    const kept = Object.entries(search).filter(([, value]) => typeof value === "string");
    const text = new URLSearchParams(kept).toString();
    return text === "" ? "" : `?${text}`;
  },
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
