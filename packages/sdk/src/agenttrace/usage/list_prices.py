"""List prices of hosted models, as the package genai-prices collects them. No network, ever."""

from __future__ import annotations

import os
from bisect import bisect_left
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from agenttrace.usage.prices import GENAI_PRICES, Price, PriceQuery
from agenttrace.usage.shapes import PROVIDERS
from agenttrace.usage.token_rates import TokenRates, compute_price, shift_money

if TYPE_CHECKING:
    from types import ModuleType

    from genai_prices.types import ModelInfo, ModelPrice, PriceCalculation

_NS_PER_S: Final = 1_000_000_000
_S_PER_DAY: Final = 86_400
_MAX_MODELS: Final = 4_096
# OpenTelemetry's names of providers, where genai-prices does not find them under these.
_PROVIDERS: Final = {
    "aws.bedrock": "aws",
    "azure.ai.openai": "azure",
    "azure.ai.inference": "azure",
    "gcp.gemini": "google",
    "gcp.gen_ai": "google",
    "gcp.vertex_ai": "google",
    "mistral_ai": "mistral",
    "moonshot_ai": "moonshotai",
    "x_ai": "x-ai",
}
# A client library tells how a server is spoken to, not always who runs it: DeepSeek and others are
# called through OpenAI's. Where its provider has no such model, the model's own name decides.
_CLIENTS: Final = frozenset(provider for _, provider in PROVIDERS)
_RATES: Final = {
    "input_mtok": "prompt",
    "output_mtok": "completion",
    "cache_read_mtok": "cached",
    "cache_write_mtok": "cache_write",
    "output_reasoning_mtok": "reasoning",
}
_REQUESTS: Final = "requests_kcount"
_FIGURES: Final = {
    "prompt_tokens": "input_tokens",
    "completion_tokens": "output_tokens",
    "cached_tokens": "cache_read_tokens",
    "cache_write_tokens": "cache_write_tokens",
    "reasoning_tokens": "output_reasoning_tokens",
}
_CONTEXTS: Final = {
    "batch": {"processing": "batch"},
    "ON_DEMAND_FLEX": {"service_tier": "flex"},
    "ON_DEMAND_PRIORITY": {"service_tier": "priority"},
}


class _Model:
    """A model's prices, and what they depend on beside the tokens."""

    __slots__ = ("has_dates", "has_hours", "info", "provider", "rates", "starts")

    def __init__(self, found: PriceCalculation) -> None:
        self.info = found.model
        self.provider = found.provider
        prices = found.model.prices
        conditions = prices if isinstance(prices, list) else []
        each_price = [each.prices for each in conditions]
        if not isinstance(prices, list):
            each_price.append(prices)
        kinds = {type(each.constraint).__name__ for each in conditions if each.constraint}
        self.has_dates = bool(kinds)
        self.has_hours = not kinds <= {"StartDateConstraint"}
        # Above so many tokens of prompt another price holds: of all prices that ever held.
        self.starts = sorted({start for price in each_price for start in _list_starts(price)})
        self.rates: dict[tuple[int, int], TokenRates] = {}


class GenaiPrices:
    """The table of genai-prices. Rates are remembered for as long as they are exact.

    A model's rates hold for all calls of one UTC day (prices begin on dates) whose prompts lie
    between the same two thresholds (prices change above a number of tokens). A call that has
    details, or a model whose price depends on the hour, is computed by the package each time.
    """

    def __init__(self) -> None:
        self._package: ModuleType | None = None
        self._importing_pid = 0
        self._snapshot: object = None
        self._models: dict[tuple[str | None, str], _Model | None] = {}
        self._name = GENAI_PRICES

    def find_price(self, query: PriceQuery, /) -> Price | None:
        """Return the list price of a call; None for models that are not listed."""
        if self._package is None and not self._import():
            return None
        model = self._find_model(query)
        if model is None:
            return None
        if query.details or model.has_hours:
            usd = self._calculate(model, query)
        else:
            usd = compute_price(query.usage, _find_rates(model, query))
        return None if usd is None else Price(usd=usd, table=self._name)

    def _import(self) -> bool:
        pid = os.getpid()
        if self._importing_pid not in {0, pid}:
            # Forked while another thread imported it: that module's lock is never released here.
            return False
        self._importing_pid = pid
        try:
            import genai_prices  # noqa: PLC0415 -- an extra, 0.3 s: for the first price only
        finally:
            self._importing_pid = 0
        self._package = genai_prices
        self._name = f"{GENAI_PRICES} {genai_prices.__version__}"
        return True

    def _find_model(self, query: PriceQuery) -> _Model | None:
        assert self._package is not None
        snapshot = self._package.data_snapshot.get_snapshot()
        if snapshot is not self._snapshot or len(self._models) >= _MAX_MODELS:
            self._models.clear()  # the program gave the package other prices
            self._snapshot = snapshot
        key = (query.provider, query.model)
        if key in self._models:
            return self._models[key]
        provider = None if query.provider is None else query.provider.lower()
        found = self._look_up(query.model, _PROVIDERS.get(provider or "", provider))
        if found is None and provider in _CLIENTS:
            found = self._look_up(query.model, None)
        self._models[key] = found
        return found

    def _look_up(self, model: str, provider: str | None) -> _Model | None:
        package: Any = self._package
        try:
            return _Model(package.calc_price(package.Usage(), model, provider_id=provider))
        except LookupError:
            return None

    def _calculate(self, model: _Model, query: PriceQuery) -> Decimal | None:
        package: Any = self._package
        details = dict(query.details)
        tier = details.pop("service_tier", None)
        moment = datetime.fromtimestamp(query.at_ns // _NS_PER_S, UTC)
        context = None if tier is None else _find_context(model.info, str(tier), moment)
        if tier is not None and context is None:
            return None
        figures = {
            name: query.usage[field]  # type: ignore[literal-required]  # the fields of the table
            for field, name in _FIGURES.items()
            if field in query.usage
        }
        prices = model.info.get_prices(moment, context)
        if not _is_priced(prices, query):
            return None
        try:
            found = model.info.calc_price(
                package.Usage(**figures, **details),
                model.provider,
                genai_request_timestamp=moment,
                price_context=context,
            )
        except ValueError:  # figures that contradict each other
            return None
        total: Decimal = found.total_price
        return total


def _find_context(info: ModelInfo, tier: str, moment: datetime) -> dict[str, str] | None:
    """Return what selects the price of a tier, if this model had one of its own at the moment."""
    active = [
        variant.when
        for variant in info.price_variants or ()
        if variant.constraint is None or variant.constraint.active(moment)
    ]
    for context in (_CONTEXTS.get(tier), {"service_tier": tier}, {"speed": tier}):
        if context in active:
            return context
    return None


def _find_rates(model: _Model, query: PriceQuery) -> TokenRates:
    second = query.at_ns // _NS_PER_S
    tier = bisect_left(model.starts, query.usage.get("prompt_tokens", 0)) if model.starts else 0
    key = (second // _S_PER_DAY if model.has_dates else 0, tier)
    rates = model.rates.get(key)
    if rates is None:
        prices = model.info.get_prices(datetime.fromtimestamp(second, UTC))
        # A number of tokens within the band: the threshold itself still belongs to the lower one.
        tokens = model.starts[tier - 1] + 1 if tier else 0
        rates = model.rates[key] = _read_rates(prices, tokens)
    return rates


def _read_rates(prices: ModelPrice, prompt_tokens: int) -> TokenRates:
    found: dict[str, Decimal] = {}
    for key, field in _RATES.items():
        price = vars(prices).get(key)
        if price is not None:
            found[field] = shift_money(_pick(price, prompt_tokens), -6)
    fee = vars(prices).get(_REQUESTS)
    if fee is not None:
        found["request"] = shift_money(_pick(fee, prompt_tokens), -3)
    return TokenRates(**found)


def _pick(price: Any, prompt_tokens: int) -> Decimal:
    picked: Decimal = price if isinstance(price, Decimal) else price.base
    for tier in getattr(price, "tiers", ()):
        if prompt_tokens > tier.start:
            picked = tier.price
    return picked


def _list_starts(prices: ModelPrice) -> list[int]:
    return [tier.start for price in vars(prices).values() for tier in getattr(price, "tiers", ())]


def _is_priced(prices: ModelPrice, query: PriceQuery) -> bool:
    # The package takes what has no price for free; here it is unknown.
    known, usage = vars(prices), query.usage
    has_prompt = known.get("input_mtok") is not None or not usage.get("prompt_tokens")
    has_answer = known.get("output_mtok") is not None or not usage.get("completion_tokens")
    # An embedding has no answer, and nothing is asked for one.
    is_whole = "completion_tokens" in usage or not known.get("output_mtok")
    return has_prompt and has_answer and is_whole and "prompt_tokens" in usage
