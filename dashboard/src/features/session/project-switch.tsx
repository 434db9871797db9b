import { useLocation, useNavigate } from "@tanstack/react-router";
import { plainMarks } from "@/ui/marks";
import { useViewer } from "./known";

/** The project that the page is about, and the way to another one. Nothing on a server without accounts. */
export function ProjectSwitch() {
  const viewer = useViewer();
  const navigate = useNavigate();
  const { pathname } = useLocation();
  if (viewer?.kind !== "USER" || viewer.project === null) return null;
  const { project, projects } = viewer;
  if (projects.length < 2)
    return (
      <span
        title={`Project ${plainMarks(project.slug)}`}
        className="min-w-0 max-w-48 truncate text-dim text-sm max-md:max-w-24"
      >
        {plainMarks(project.name)}
      </span>
    );
  // A run, or what was searched for, is of one project: in another one there is nothing of it to show.
  const isOfAll = pathname.startsWith("/settings");
  return (
    <select
      aria-label="Project"
      title="Project"
      value={project.slug}
      onChange={({ target }) =>
        void navigate({ to: isOfAll ? "." : "/", search: { project: target.value } })
      }
      className="h-7 min-w-0 max-w-48 shrink rounded-md max-md:max-w-24 border border-line bg-surface px-1.5 text-sm hover:bg-hover"
    >
      {projects.map(({ slug, name }) => (
        <option key={slug} value={slug}>
          {plainMarks(name)}
        </option>
      ))}
    </select>
  );
}
