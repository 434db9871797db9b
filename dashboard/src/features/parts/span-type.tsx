import { spanTypeLabel } from "@/model/format";
import type { SpanType } from "@/model/span";
import { Icon, type IconName } from "@/ui/icons";

const LOOK: Record<SpanType, { readonly icon: IconName; readonly color: string }> = {
  AGENT: { icon: "agent", color: "var(--type-agent)" },
  LLM_CALL: { icon: "llm", color: "var(--type-llm)" },
  TOOL_CALL: { icon: "tool", color: "var(--type-tool)" },
  RETRIEVAL: { icon: "retrieval", color: "var(--type-retrieval)" },
  DECISION: { icon: "decision", color: "var(--type-decision)" },
  CUSTOM: { icon: "custom", color: "var(--type-custom)" },
};

/** The colour of a kind of span, as a CSS value. */
export function spanColor(type: SpanType): string {
  return LOOK[type].color;
}

/** The kind of a span as an icon in its colour. */
export function SpanTypeIcon({ type }: { readonly type: SpanType }) {
  const label = spanTypeLabel(type);
  return (
    <span
      role="img"
      aria-label={label}
      title={label}
      className="inline-flex shrink-0"
      style={{ color: LOOK[type].color }}
    >
      <Icon name={LOOK[type].icon} size={13} />
    </span>
  );
}
