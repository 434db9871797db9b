const GROUPED = new Intl.NumberFormat("en-US");
const UNKNOWN = "–";

/** "0.42 ms", "412 ms", "1.24 s", "3m 04s", "2h 05m", "1d 03h"; "–" for what is not known. */
export function formatDuration(durationMs: number | null): string {
  if (durationMs === null || !Number.isFinite(durationMs)) return UNKNOWN;
  if (durationMs < 0) return `-${formatDuration(-durationMs)}`;
  if (durationMs === 0) return "0 ms";
  if (durationMs < 0.9995) return `${Math.max(1, Math.round(durationMs * 1000))} µs`;
  if (durationMs < 99.95) return `${durationMs.toFixed(durationMs < 9.995 ? 2 : 1)} ms`;
  if (durationMs < 999.5) return `${Math.round(durationMs)} ms`;
  if (durationMs < 59_950) return `${(durationMs / 1000).toFixed(durationMs < 9995 ? 2 : 1)} s`;
  const seconds = Math.round(durationMs / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m ${two(seconds % 60)}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 1440) return `${Math.floor(minutes / 60)}h ${two(minutes % 60)}m`;
  return `${GROUPED.format(Math.floor(minutes / 1440))}d ${two(Math.floor(minutes / 60) % 24)}h`;
}

/** The same for a figure that grows while one looks: whole tenths of a second, so that it does not flicker. */
export function formatElapsed(durationMs: number | null): string {
  if (durationMs === null || !Number.isFinite(durationMs)) return UNKNOWN;
  if (durationMs < 59_950) return `${(Math.max(0, durationMs) / 1000).toFixed(1)} s`;
  return formatDuration(durationMs);
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}

export function formatCount(count: number | null): string {
  return count === null ? UNKNOWN : GROUPED.format(count);
}

/** Tokens with "~" before them when they are an estimate, wholly or in part. */
export function formatTokens(tokens: number | null, estimated: boolean): string {
  return tokens === null ? UNKNOWN : `${estimated ? "~" : ""}${GROUPED.format(tokens)}`;
}

/** US dollars for reading: cents from a dollar on, else three significant digits. The exact text goes in a title. */
export function formatCost(costUsd: string | null): string {
  if (costUsd === null) return UNKNOWN;
  const value = Number(costUsd);
  if (!Number.isFinite(value)) return UNKNOWN;
  if (value === 0) return "$0";
  if (Math.abs(value) >= 1) {
    return `$${value.toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`;
  }
  const digits = Math.min(12, 2 - Math.floor(Math.log10(Math.abs(value))));
  const text = value.toFixed(digits).replace(/0+$/, "");
  const [whole, decimals = ""] = text.split(".");
  return `$${whole}.${decimals.padEnd(2, "0")}`;
}

export function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  const units = ["KiB", "MiB", "GiB"];
  let value = bytes / 1024;
  let unit = 0;
  while (value >= 1023.95 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value.toFixed(1)} ${units[unit]}`;
}

/** "42 s", "5 min", "3 h", "2 d": whole units, rounded down. */
export function formatAge(ageMs: number): string {
  const seconds = Math.floor(ageMs / 1000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h`;
  return `${GROUPED.format(Math.floor(seconds / 86_400))} d`;
}

/** "now", "42 s ago", "5 min ago", "3 h ago", "2 d ago". */
export function formatAgo(thenMs: number, nowMs: number): string {
  if (!Number.isFinite(thenMs)) return UNKNOWN;
  const seconds = Math.floor((nowMs - thenMs) / 1000);
  if (seconds < -5) return formatMoment(thenMs);
  if (seconds < 2) return "now";
  return `${formatAge(nowMs - thenMs)} ago`;
}

/** Local date and time with milliseconds: "2026-11-05 14:03:22.118". */
export function formatMoment(atMs: number): string {
  const date = new Date(atMs);
  if (Number.isNaN(date.getTime())) return UNKNOWN;
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return `${day} ${time}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}

/** "LLM_CALL" as people say it: "LLM call". */
export function spanTypeLabel(type: string): string {
  const text = type.replaceAll("_", " ").toLowerCase();
  return type.startsWith("LLM")
    ? text.replace("llm", "LLM")
    : `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}

/** "42 s", "14 min 20 s": how long there is to wait, to the second. */
export function formatWait(seconds: number): string {
  const minutes = Math.floor(seconds / 60);
  return minutes === 0 ? `${seconds} s` : `${minutes} min ${seconds % 60} s`;
}

/** Local date and time of day to the minute: "2026-11-05 14:03". */
export function formatDay(atMs: number): string {
  return Number.isFinite(atMs) ? formatMoment(atMs).slice(0, 16) : UNKNOWN;
}
