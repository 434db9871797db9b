import { getRouteApi, Link, Outlet, useLocation, useNavigate } from "@tanstack/react-router";
import { useEffect } from "react";
import type { Failure } from "@/graphql/failure";
import { useIdleMark, useScheduledRetry } from "@/graphql/hooks";
import type { Viewer } from "@/model/viewer";
import { useSessionState } from "@/session/context";
import { Notice } from "@/ui/notice";
import { Text } from "@/ui/text";
import { FailurePage } from "../shell/failure-page";
import { usePageTitle } from "../shell/page-title";
import { useKnownAnswer } from "./known";

const route = getRouteApi("__root__");
/** Pages that are about no project. */
const OF_NO_PROJECT = /^\/(settings|login|register)(\/|$)/;

/** The page, once it is clear of which project it is; that stands in its address, so that a link leads there. */
export function Gate() {
  const { phase } = useSessionState();
  const { data, failure } = useKnownAnswer();
  const { project } = route.useSearch();
  const { pathname } = useLocation();
  // Without accounts there is one project, and nothing to wait for.
  if (phase === "open") return <Outlet />;
  if (failure?.kind === "forbidden") return <ForeignProject />;
  if (data !== null && data.viewer.project === null)
    return OF_NO_PROJECT.test(pathname) ? <Outlet /> : <NoProject viewer={data.viewer} />;
  if (project !== undefined) return <Outlet />;
  if (data?.viewer.project) return <ToProject slug={data.viewer.project.slug} />;
  return failure === null ? <div aria-busy="true" /> : <Unknown failure={failure} />;
}

function ToProject({ slug }: { readonly slug: string }) {
  const navigate = useNavigate();
  useEffect(() => {
    void navigate({ to: ".", search: (old) => ({ ...old, project: slug }), replace: true });
  }, [navigate, slug]);
  return <div aria-busy="true" />;
}

function Unknown({ failure }: { readonly failure: Failure }) {
  const { again } = useKnownAnswer();
  useScheduledRetry(failure, again);
  return <FailurePage failure={failure} level={1} />;
}

function ForeignProject() {
  usePageTitle("No such project");
  // What the page had begun to ask for is asked for no more.
  const markIdle = useIdleMark();
  useEffect(markIdle, [markIdle]);
  const { project = "" } = route.useSearch();
  return (
    <Notice title="This project is not open to you" level={1}>
      <p>
        There is no project <Text value={project} className="font-mono text-ink" />, or you are no
        member of it. An admin of it can add you.
      </p>
      <p>
        <Link
          to="/"
          search={{ project: undefined }}
          reloadDocument
          className="text-accent hover:underline"
        >
          Go to your own projects
        </Link>
      </p>
    </Notice>
  );
}

function NoProject({ viewer }: { readonly viewer: Viewer }) {
  usePageTitle("No project yet");
  return (
    <Notice title="You are in no project yet" level={1}>
      <p>
        Runs belong to projects. An admin of one can add you to it by your address,{" "}
        <Text value={viewer.name} className="text-ink" />. Load this page again then.
      </p>
      {viewer.isOperator && (
        <p>
          As an operator of this server you can also{" "}
          <Link
            to="/settings/$page"
            params={{ page: "projects" }}
            className="text-accent hover:underline"
          >
            make a project
          </Link>
          .
        </p>
      )}
    </Notice>
  );
}
