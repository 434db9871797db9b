// Where a reader was when their login ended. Path, query and the chosen step stand in the address, which stays
// as it is; this is the rest.

/** The first row in sight. */
export interface Anchor {
  readonly id: string;
  /** How far its top is above the top of the view. */
  readonly cutPx: number;
}

export interface Place {
  /** The page: a path. */
  readonly path: string;
  readonly anchor: Anchor | null;
  /** Whether the view kept to the newest. */
  readonly isFollowing: boolean;
}

export function writePlace(place: Place): string {
  return JSON.stringify(place);
}

/** What `writePlace` wrote of this page; null when there is nothing, or it is of another. */
export function readPlace(text: string | null, path: string): Place | null {
  if (text === null) return null;
  try {
    const place = JSON.parse(text) as Partial<Place> | null;
    if (place?.path !== path || typeof place.isFollowing !== "boolean") return null;
    const { id, cutPx } = place.anchor ?? {};
    const anchor = typeof id === "string" && typeof cutPx === "number" ? { id, cutPx } : null;
    return { path, anchor, isFollowing: place.isFollowing };
  } catch {
    return null;
  }
}
