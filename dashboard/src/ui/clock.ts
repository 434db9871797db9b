import { useEffect, useState } from "react";

const REDUCED_MOTION_MS = 1000;

/** The wall clock (epoch milliseconds), read anew every so often while `isTicking`; slower for those who asked for less motion. */
export function useNow(isTicking: boolean, everyMs: number): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    if (!isTicking) return;
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const timer = setInterval(
      () => setNow(Date.now()),
      calm ? Math.max(everyMs, REDUCED_MOTION_MS) : everyMs,
    );
    return () => clearInterval(timer);
  }, [isTicking, everyMs]);
  return now;
}
