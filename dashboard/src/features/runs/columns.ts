import type { OrderField } from "@/model/run-list";

export interface Column {
  readonly key: string;
  readonly label: string;
  /** What the server can order by; null: it cannot. */
  readonly field: OrderField | null;
  readonly className: string;
}

const NUMBER = "text-right";

/** One grid for the heads and every row; columns give way as the window narrows, the least needed first. */
export const ROW_GRID =
  "grid items-center gap-x-4 px-4 " +
  "grid-cols-[minmax(0,1fr)_80px_72px_88px] " +
  "max-[479px]:grid-cols-[minmax(0,1fr)_80px_72px] " +
  "sm:grid-cols-[minmax(0,1fr)_88px_76px_52px_88px] " +
  "md:grid-cols-[100px_minmax(0,1fr)_96px_80px_60px_56px_84px_88px] " +
  "lg:grid-cols-[100px_minmax(0,2fr)_96px_84px_64px_60px_88px_92px_minmax(0,1fr)] " +
  "xl:grid-cols-[100px_minmax(0,2fr)_96px_84px_64px_60px_88px_92px_minmax(0,1fr)_minmax(0,1fr)]";

export const COLUMNS: readonly Column[] = [
  { key: "status", label: "Status", field: null, className: "max-md:hidden" },
  { key: "name", label: "Name", field: "NAME", className: "" },
  { key: "started", label: "Started", field: "START_TIME", className: "" },
  { key: "duration", label: "Duration", field: "DURATION", className: NUMBER },
  { key: "spans", label: "Spans", field: "SPANS", className: `${NUMBER} max-md:hidden` },
  { key: "errors", label: "Errors", field: "ERRORS", className: `${NUMBER} max-sm:hidden` },
  { key: "tokens", label: "Tokens", field: "TOKENS", className: `${NUMBER} max-md:hidden` },
  { key: "cost", label: "Cost", field: "COST", className: `${NUMBER} max-[479px]:hidden` },
  { key: "correlation", label: "Correlation id", field: null, className: "max-lg:hidden" },
  { key: "tags", label: "Tags", field: null, className: "max-xl:hidden" },
];

/** The class of a column, for its cells. */
export function columnClass(key: string): string {
  return COLUMNS.find((column) => column.key === key)?.className ?? "";
}
