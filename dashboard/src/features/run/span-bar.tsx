import { formatDuration, formatElapsed, formatTokens } from "@/model/format";
import type { SpanState } from "@/model/run";
import type { Span } from "@/model/span";
import { fraction, type TimeWindow } from "@/model/time-scale";
import { spanColor } from "../parts/span-type";

/** A step's stretch on the axis, with what it took beside it. */
export function SpanBar({
  span,
  state,
  isLive,
  window,
  endMs,
}: {
  readonly span: Span;
  readonly state: SpanState;
  readonly isLive: boolean;
  readonly window: TimeWindow;
  readonly endMs: number;
}) {
  const start = fraction(window, span.offsetMs);
  const end = fraction(window, endMs);
  const isMoving = state === "STARTED" && isLive;
  const isInSight = end >= 0 && start <= 1;
  return (
    <>
      {isInSight ? (
        <>
          {span.type === "DECISION" ? (
            <Diamond span={span} isMoving={isMoving} at={start} />
          ) : (
            <Bar span={span} state={state} isMoving={isMoving} start={start} end={end} />
          )}
          <BarLabel
            span={span}
            state={state}
            start={start}
            end={end}
            elapsedMs={endMs - span.offsetMs}
          />
        </>
      ) : (
        <span className={`absolute top-1 text-faint text-xs ${end < 0 ? "left-1" : "right-1"}`}>
          {end < 0 ? "←" : "→"}
        </span>
      )}
    </>
  );
}

function Bar({
  span,
  state,
  isMoving,
  start,
  end,
}: {
  readonly span: Span;
  readonly state: SpanState;
  readonly isMoving: boolean;
  readonly start: number;
  readonly end: number;
}) {
  const left = Math.max(-0.01, start);
  const right = Math.min(1.01, end);
  const isError = state === "ERROR";
  const isCut = state === "CANCELLED" || state === "INTERRUPTED" || state === "UNFINISHED";
  return (
    <span
      className={`absolute top-[8px] h-3 min-w-[3px] rounded-[3px] ${isMoving ? "bar-running" : ""} ${isCut ? "opacity-50" : ""}`}
      style={{
        left: `${left * 100}%`,
        width: `${(right - left) * 100}%`,
        backgroundColor: isError ? "var(--bad)" : spanColor(span.type),
      }}
    />
  );
}

function Diamond({
  span,
  isMoving,
  at,
}: {
  readonly span: Span;
  readonly isMoving: boolean;
  readonly at: number;
}) {
  return (
    <span
      className={`absolute top-[9px] size-[10px] -translate-x-1/2 rotate-45 rounded-[2px] ${isMoving ? "live-mark" : ""}`}
      style={{
        left: `${Math.max(0, at) * 100}%`,
        backgroundColor: span.status === "ERROR" ? "var(--bad)" : spanColor(span.type),
      }}
    />
  );
}

/** Where there is room on its right, the label stands there; else on the left, else within the bar. */
function BarLabel({
  span,
  state,
  start,
  end,
  elapsedMs,
}: {
  readonly span: Span;
  readonly state: SpanState;
  readonly start: number;
  readonly end: number;
  readonly elapsedMs: number;
}) {
  const isRunning = state === "STARTED";
  const time = isRunning ? formatElapsed(elapsedMs) : knownTime(span, state);
  const tokens =
    span.totalTokens === null
      ? ""
      : ` · ${formatTokens(span.totalTokens, span.tokensEstimated)} tok`;
  const gap = span.type === "DECISION" ? 10 : 6;
  const style =
    end < 0.78
      ? { left: `calc(${Math.max(0, end) * 100}% + ${gap}px)` }
      : start > 0.22
        ? { right: `calc(${(1 - Math.min(1, start)) * 100}% + ${gap}px)` }
        : { right: "8px" };
  const isInside = end >= 0.78 && start <= 0.22;
  return (
    <span
      className={`absolute top-[6px] whitespace-nowrap text-xs ${isRunning && !isInside ? "text-accent" : ""} ${isInside ? "rounded bg-surface px-1 text-ink" : isRunning ? "" : "text-dim"}`}
      style={style}
    >
      {time}
      {tokens}
    </span>
  );
}

function knownTime(span: Span, state: SpanState): string {
  return state === "UNFINISHED" ? "unfinished" : formatDuration(span.durationMs);
}
