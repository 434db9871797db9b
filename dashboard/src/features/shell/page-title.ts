import { useEffect } from "react";
import { plainMarks } from "@/ui/marks";

/** Set the title of the browser's tab; recorded text in it is text, its hidden characters shown. */
export function usePageTitle(title: string): void {
  useEffect(() => {
    document.title = `${plainMarks(title).slice(0, 200)} · AgentTrace`;
  }, [title]);
}
