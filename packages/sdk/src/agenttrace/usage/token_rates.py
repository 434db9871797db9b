"""What a price table knows of a model, and the exact price of a call by it. Not on the hot path."""

from __future__ import annotations

from decimal import Context, Decimal, localcontext
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from agenttrace.wire import UsageRecord

_EXACT: Final = Context(prec=200)
_ZERO: Final = Decimal(0)


class TokenRates(NamedTuple):
    """US dollars a token, as a price table has them; what has no rate of its own counts as a whole.

    So cached tokens without a rate cost what the prompt costs, reasoning what the answer costs.
    `request` is a fee for the call itself.
    """

    prompt: Decimal | None = None
    completion: Decimal | None = None
    cached: Decimal | None = None
    cache_write: Decimal | None = None
    reasoning: Decimal | None = None
    request: Decimal | None = None


def compute_price(usage: UsageRecord, rates: TokenRates) -> Decimal | None:
    """Return the exact price in US dollars; None when a figure or a rate it needs is unknown.

    The sum of tokens times rate over disjoint parts: of the prompt what was cached, what was
    written to a cache and the rest; of the answer the reasoning and the rest. Figures that cannot
    be, such as more cached tokens than the prompt has, have no price.
    """
    inputs = (
        (usage.get("cached_tokens"), rates.cached),
        (usage.get("cache_write_tokens"), rates.cache_write),
    )
    outputs = ((usage.get("reasoning_tokens"), rates.reasoning),)
    with localcontext(_EXACT):
        prompt = _sum_side(usage.get("prompt_tokens"), rates.prompt, inputs)
        completion = _sum_side(usage.get("completion_tokens"), rates.completion, outputs)
        if prompt is None or completion is None:
            return None
        return prompt + completion + (rates.request or _ZERO)


def _sum_side(
    tokens: int | None, rate: Decimal | None, parts: tuple[tuple[int | None, Decimal | None], ...]
) -> Decimal | None:
    if tokens is None:
        # An embedding has no answer, and nothing is asked for one; else something is not known.
        is_free = not rate and not any(count for count, _ in parts)
        return _ZERO if is_free else None
    total = _ZERO
    rest = tokens
    for count, own in parts:
        if count and own is not None:
            rest -= count
            total += count * own
    if rest < 0 or (rest and rate is None):
        return None
    return total + rest * (rate or _ZERO)


def shift_money(amount: Decimal, places: int) -> Decimal:
    """Return `amount` times 10 to the power of `places`, exactly."""
    return amount.scaleb(places, context=_EXACT)
