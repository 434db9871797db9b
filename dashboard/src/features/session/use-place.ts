import { type RefObject, useEffect, useLayoutEffect, useRef, useState } from "react";
import { type Place, readPlace, writePlace } from "@/model/place";
import { useSession } from "@/session/context";

// Of this tab alone, and over a reload of the page that asks who one is.
const KEY = "agenttrace.place";

/** Where the reader was on this page when their login ended; null when it did not. */
export function readKeptPlace(): Place | null {
  try {
    return readPlace(sessionStorage.getItem(KEY), location.pathname);
  } catch {
    return null;
  }
}

function keepPlace(place: Place): void {
  try {
    sessionStorage.setItem(KEY, writePlace(place));
  } catch {
    // Blocked storage: the page begins at its top.
  }
}

function forgetPlace(): void {
  try {
    sessionStorage.removeItem(KEY);
  } catch {
    // There is none.
  }
}

interface List {
  readonly scrollRef: RefObject<HTMLElement | null>;
  readonly rowHeight: number;
  readonly idAt: (index: number) => string | undefined;
  /** -1: it has no row. */
  readonly indexOf: (id: string) => number;
  /** Whether the view keeps to the newest. */
  readonly isFollowing: boolean;
}

/**
 * Keeps where the reader is in a list when their login ends. Returns where the list is to begin, in pixels, for who
 * comes back; null: where it begins for everybody.
 */
export function usePlace(list: List): number | null {
  const session = useSession();
  const latest = useRef(list);
  latest.current = list;
  const [offsetPx] = useState(() => {
    const anchor = readKeptPlace()?.anchor ?? null;
    const index = anchor === null ? -1 : list.indexOf(anchor.id);
    return anchor === null || index === -1 ? null : index * list.rowHeight + anchor.cutPx;
  });
  useEffect(forgetPlace, []);
  useLayoutEffect(
    () => () => {
      const { scrollRef, rowHeight, idAt, isFollowing } = latest.current;
      if (session.getState().phase !== "out" || scrollRef.current === null) return;
      const { scrollTop } = scrollRef.current;
      const index = Math.floor(scrollTop / rowHeight);
      const id = idAt(index);
      const anchor = id === undefined ? null : { id, cutPx: scrollTop - index * rowHeight };
      keepPlace({ path: location.pathname, anchor, isFollowing });
    },
    [session],
  );
  return offsetPx;
}
