import { formatCost, formatTokens } from "@/model/format";

const ESTIMATED =
  "Estimated: at least one of these figures was computed by the recorder, not reported by the provider.";

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

/** Money, short; the exact figure is its tooltip. */
export function Cost({ usd }: { readonly usd: string | null }) {
  return <span title={usd === null ? "Not known" : `$${usd}`}>{formatCost(usd)}</span>;
}
