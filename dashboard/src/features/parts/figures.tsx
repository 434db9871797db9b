import { formatCost, formatTokens } from "@/model/format";

const ESTIMATED =
  "Estimated: at least one of these figures was computed by the recorder, not reported by the provider.";

const COST_ESTIMATED =
  "An estimate: prices times tokens, of which at least some were estimated by the recorder.";

/** A number of tokens; an estimate carries "~" and says why. */
export function Tokens({
  count,
  isEstimated,
}: {
  readonly count: number | null;
  readonly isEstimated: boolean;
}) {
  return (
    <span title={count !== null && isEstimated ? ESTIMATED : undefined}>
      {formatTokens(count, isEstimated)}
    </span>
  );
}

/** Money, short; the exact figure is its tooltip. A cost of estimated tokens carries "~" and says why. */
export function Cost({
  usd,
  isEstimated,
}: {
  readonly usd: string | null;
  readonly isEstimated: boolean;
}) {
  if (usd === null) return <span title="Not known">{formatCost(usd)}</span>;
  return (
    <span title={isEstimated ? `$${usd}. ${COST_ESTIMATED}` : `$${usd}`}>
      {isEstimated && "~"}
      {formatCost(usd)}
    </span>
  );
}
