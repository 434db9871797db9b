"""The table of genai-prices: its rates, remembered, say what the package itself would say."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import genai_prices
import pytest
from genai_prices.data_snapshot import get_snapshot
from hypothesis import given, settings
from hypothesis import strategies as st

from agenttrace.usage.list_prices import GenaiPrices
from agenttrace.usage.prices import PriceQuery
from agenttrace.usage.token_rates import TokenRates, compute_price

MODELS = sorted(
    {(provider.id, model.id) for provider in get_snapshot().providers for model in provider.models}
)
NOW_NS = 1_795_000_000 * 10**9  # November 2026
TABLE = GenaiPrices()
NAMES = {
    "prompt_tokens": "input_tokens",
    "completion_tokens": "output_tokens",
    "cached_tokens": "cache_read_tokens",
    "cache_write_tokens": "cache_write_tokens",
    "reasoning_tokens": "output_reasoning_tokens",
}


def make_query(provider: str | None, model: str, at_ns: int = NOW_NS, **figures: int) -> PriceQuery:
    """Return a query with these tokens; what has a price of its own goes into the details."""
    usage: Any = {name: count for name, count in figures.items() if name in NAMES}
    details = {name: count for name, count in figures.items() if name not in NAMES}
    usage["source"] = "reported"
    return PriceQuery(provider=provider, model=model, usage=usage, at_ns=at_ns, details=details)


def ask_package(query: PriceQuery) -> Decimal:
    """Return what the package computes for the same call, without any memory."""
    figures = {NAMES[name]: count for name, count in query.usage.items() if name in NAMES}
    return genai_prices.calc_price(
        genai_prices.Usage(**figures),  # type: ignore[arg-type]  # counts, all of them
        query.model,
        provider_id=query.provider,
        genai_request_timestamp=datetime.fromtimestamp(query.at_ns // 10**9, UTC),
    ).total_price


@given(
    st.sampled_from(MODELS),
    st.integers(1, 1_200_000),
    st.integers(0, 100_000),
    st.data(),
)
@settings(max_examples=400)
def test_remembered_rates_give_what_the_package_computes(
    model: tuple[str, str], prompt: int, completion: int, data: st.DataObject
) -> None:
    """For every listed model, over thresholds and dates; or nothing, where a price is lacking."""
    query = make_query(
        *model,
        at_ns=data.draw(st.integers(1_600_000_000, 1_900_000_000)) * 10**9,
        prompt_tokens=prompt,
        completion_tokens=completion,
        cached_tokens=data.draw(st.integers(0, prompt)),
        reasoning_tokens=data.draw(st.integers(0, completion)),
    )
    for _ in range(2):  # looked up, then remembered
        price = TABLE.find_price(query)
        assert price is None or price.usd == ask_package(query)


def test_nearly_every_listed_model_has_a_price() -> None:
    """Unknown is for what has no price per token: transcription, images, reranking."""
    queries = [make_query(*model, prompt_tokens=7, completion_tokens=9) for model in MODELS]
    prices = [(TABLE.find_price(query), query) for query in queries]
    known = [(price, query) for price, query in prices if price is not None]
    assert len(known) > 0.8 * len(MODELS)
    assert all(price.usd == ask_package(query) for price, query in known)


@pytest.mark.parametrize(
    ("model", "tokens"), [("gemini-2.5-pro", 200_000), ("gemini-2.5-pro", 200_001)]
)
def test_a_threshold_belongs_to_the_lower_price(model: str, tokens: int) -> None:
    """Above it, all of the prompt costs the higher rate."""
    query = make_query("google", model, prompt_tokens=tokens, completion_tokens=1)
    price = TABLE.find_price(query)
    assert price is not None
    assert price.usd == ask_package(query)


def test_a_price_of_the_hour_is_that_of_the_hour() -> None:
    """Where a model is cheaper at night, nothing is remembered over the hours."""
    by_hour = [
        (provider.id, model.id)
        for provider in get_snapshot().providers
        for model in provider.models
        if isinstance(model.prices, list)
        and any(type(each.constraint).__name__ == "TimeOfDateConstraint" for each in model.prices)
    ]
    assert by_hour
    for name in by_hour:
        prices = set()
        for hour in range(24):
            query = make_query(
                *name,
                at_ns=NOW_NS // (86_400 * 10**9) * 86_400 * 10**9 + hour * 3_600 * 10**9,
                prompt_tokens=1000,
                completion_tokens=1000,
            )
            price = TABLE.find_price(query)
            assert price is not None
            assert price.usd == ask_package(query)
            prices.add(price.usd)
        assert len(prices) > 1


@pytest.mark.parametrize(
    ("provider", "model", "is_known"),
    [
        ("openai", "gpt-4o", True),
        (None, "gpt-4o-2024-08-06", True),
        ("azure.ai.openai", "gpt-4o", True),
        ("gcp.gen_ai", "gemini-2.5-flash", True),
        ("aws.bedrock", "anthropic.claude-3-5-sonnet-20241022-v2:0", True),
        ("openai", "deepseek-chat", True),  # OpenAI's client, another's server
        ("ollama", "deepseek-chat", False),  # one's own machine has no list price
        ("openai", "my-own-model", False),
        (None, "my-own-model", False),
        (None, "x" * 512, False),
        ("no such provider", "gpt-4o", False),
    ],
)
def test_a_model_is_found_by_its_provider_or_by_its_name(
    provider: str | None, model: str, is_known: bool
) -> None:
    """A provider that is told and not known has no price: it may be anyone's machine."""
    price = TABLE.find_price(make_query(provider, model, prompt_tokens=10, completion_tokens=5))
    assert (price is not None) is is_known


@pytest.mark.parametrize(
    "figures",
    [
        {"completion_tokens": 5},
        {"prompt_tokens": 5},
        {"prompt_tokens": 5, "completion_tokens": 1, "cached_tokens": 6},
        {"prompt_tokens": 5, "completion_tokens": 1, "service_tier": "no such tier"},
        {"cached_tokens": 5},
        {},
    ],
    ids=repr,
)
def test_half_a_price_is_none(figures: Any) -> None:
    """What is not known is never taken for free, and what contradicts itself has no price."""
    assert TABLE.find_price(make_query("openai", "gpt-4o", **figures)) is None


def test_an_embedding_needs_no_answer_tokens() -> None:
    """Nothing is asked for its output."""
    price = TABLE.find_price(
        make_query("openai", "text-embedding-3-small", prompt_tokens=1_000_000)
    )
    assert price is not None
    assert price.usd == Decimal("0.02")


def test_details_are_priced_where_there_is_a_price_for_them() -> None:
    """A cache that lives an hour, a tier, a search: each changes what is paid."""

    def price(**figures: Any) -> Decimal:
        query = make_query(
            "anthropic", "claude-sonnet-4-5", prompt_tokens=1000, completion_tokens=10, **figures
        )
        found = TABLE.find_price(query)
        assert found is not None
        return found.usd

    assert price(cache_write_tokens=500, cache_write_1h_tokens=500) > price(cache_write_tokens=500)
    assert price(web_searches=1) == price() + Decimal("0.01")
    assert price(service_tier="batch") == price() / 2
    early = make_query(
        "anthropic",
        "claude-sonnet-4-5",
        at_ns=1_760_000_000 * 10**9,
        prompt_tokens=1,
        completion_tokens=1,
        service_tier="batch",  # type: ignore[arg-type]  # a detail, which is a text here
    )
    assert TABLE.find_price(early) is None  # the list does not say what it cost then


def test_the_table_tells_its_version() -> None:
    """Prices change: whoever reads a cost can tell which list it came from."""
    price = TABLE.find_price(make_query("openai", "gpt-4o", prompt_tokens=1, completion_tokens=1))
    assert price is not None
    assert price.table == f"genai-prices {genai_prices.__version__}"


def test_other_prices_given_to_the_package_count_at_once() -> None:
    """A program may give genai-prices a newer list: nothing old is remembered beyond it."""
    from genai_prices.data_snapshot import DataSnapshot, set_custom_snapshot

    table = GenaiPrices()
    query = make_query("openai", "gpt-4o", prompt_tokens=1, completion_tokens=1)
    assert table.find_price(query) is not None
    try:
        set_custom_snapshot(DataSnapshot(providers=[], from_auto_update=False))
        assert table.find_price(query) is None
    finally:
        set_custom_snapshot(None)
    assert table.find_price(query) is not None


def test_a_process_forked_during_the_import_does_not_wait_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No one there releases the lock of the half-imported module: no prices, no deadlock."""
    monkeypatch.setitem(sys.modules, "genai_prices", None)
    table = GenaiPrices()
    table._importing_pid = 1  # another process's import, as a fork would copy it
    query = make_query("openai", "gpt-4o", prompt_tokens=1, completion_tokens=1)
    assert table.find_price(query) is None


RATE = st.one_of(st.none(), st.decimals(0, 1, places=12))
COUNT = st.integers(0, 10**6)


@given(RATE, RATE, RATE, RATE, RATE, st.tuples(COUNT, COUNT, COUNT, COUNT, COUNT))
def test_a_price_is_the_sum_of_tokens_times_rate(  # noqa: PLR0917 -- what hypothesis draws
    prompt: Any, completion: Any, cached: Any, write: Any, reasoning: Any, parts: Any
) -> None:
    """Over disjoint parts, exactly; without a rate of its own a part costs the whole's."""
    plain, read, written, answer, thought = parts
    rates = TokenRates(prompt, completion, cached, write, reasoning)
    usage: Any = {
        "prompt_tokens": plain + read + written,
        "completion_tokens": answer + thought,
        "cached_tokens": read,
        "cache_write_tokens": written,
        "reasoning_tokens": thought,
        "source": "reported",
    }
    owed = (
        (plain, prompt),
        (read, prompt if cached is None else cached),
        (written, prompt if write is None else write),
        (answer, completion),
        (thought, completion if reasoning is None else reasoning),
    )
    found = compute_price(usage, rates)
    if any(count and rate is None for count, rate in owed):
        assert found is None
    else:
        assert found is not None
        assert Fraction(found) == sum(Fraction(rate or 0) * count for count, rate in owed)
