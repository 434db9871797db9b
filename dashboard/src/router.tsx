import {
  createRootRoute,
  createRoute,
  createRouter,
  type ErrorComponentProps,
  retainSearchParams,
} from "@tanstack/react-router";
import { RunPage } from "@/features/run/run-page";
import { RunsPage } from "@/features/runs/runs-page";
import { SearchPage } from "@/features/search/search-page";
import { Entrance } from "@/features/session/entrance";
import { Root } from "@/features/session/root";
import { SettingsPage } from "@/features/settings/settings-page";
import { CrashPage, LostPage } from "@/features/shell/failure-page";
import {
  type ProjectSearch,
  RUN_KEYS,
  RUNS_KEYS,
  type RunSearch,
  type RunsSearch,
  type SearchSearch,
  textValues,
} from "@/model/search";

const rootRoute = createRootRoute({
  component: Root,
  validateSearch: (search: Record<string, unknown>): ProjectSearch =>
    textValues(search, ["project"]),
  // Every link leads within the project of its page, unless it names another.
  search: { middlewares: [retainSearchParams<ProjectSearch>(["project"])] },
});

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

const settingsRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/settings",
  component: () => <SettingsPage asked={null} />,
});

const settingsPageRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/settings/$page",
  component: AskedSettings,
});

function AskedSettings() {
  return <SettingsPage asked={settingsPageRoute.useParams().page} />;
}

// Who is not signed in is asked to at every address; these two are for links that should lead there.
const entryRoutes = (["/login", "/register"] as const).map((path) =>
  createRoute({
    getParentRoute: () => rootRoute,
    path,
    component: Entrance,
  }),
);

export const router = createRouter({
  routeTree: rootRoute.addChildren([
    runsRoute,
    runRoute,
    searchRoute,
    settingsRoute,
    settingsPageRoute,
    ...entryRoutes,
  ]),
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
