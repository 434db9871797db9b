import type { OrderField, RunListQuery, RunOrder } from "@/model/run-list";
import { COLUMNS, ROW_GRID } from "./columns";

/** The heads of the columns; those that the server can order by are buttons. */
export function RunsHeader({
  order,
  onChange,
}: {
  readonly order: RunOrder;
  readonly onChange: (part: Partial<RunListQuery>) => void;
}) {
  const sort = (field: OrderField) =>
    onChange({
      order: {
        field,
        direction: order.field === field && order.direction === "DESC" ? "ASC" : "DESC",
      },
    });
  return (
    <div role="rowgroup" className="sticky top-0 z-10">
      <div
        role="row"
        aria-rowindex={1}
        tabIndex={-1}
        className={`${ROW_GRID} h-8 border-line border-b bg-ground text-faint text-xs`}
      >
        {COLUMNS.map(({ key, label, field, className }) => (
          <div
            key={key}
            role="columnheader"
            tabIndex={-1}
            aria-sort={
              field === order.field
                ? order.direction === "ASC"
                  ? "ascending"
                  : "descending"
                : undefined
            }
            className={className}
          >
            {field === null ? (
              label
            ) : (
              <button type="button" onClick={() => sort(field)} className="hover:text-ink">
                {label}
                {field === order.field && (
                  <span aria-hidden="true" className="ml-1 text-accent">
                    {order.direction === "ASC" ? "↑" : "↓"}
                  </span>
                )}
              </button>
            )}
          </div>
        ))}
      </div>
    </div>
  );
}
