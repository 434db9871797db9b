"""Tokens and money of a model call: what the provider reported, else an estimate that says so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from agenttrace.errors import ConfigurationError

if TYPE_CHECKING:
    from decimal import Decimal

    from agenttrace.wire import UsageRecord

ESTIMATE_METHOD: Final = "utf8-bytes/4"
"""The name under which estimated spans carry the method, so that a better one can be told apart."""

_BYTES_PER_TOKEN: Final = 4
_MAX_TOKENS: Final = 2**31 - 1
_MAX_COST_USD: Final = 1_000_000
FIELDS: Final = (
    "prompt_tokens",
    "completion_tokens",
    "total_tokens",
    "cached_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
)
# Where providers put each figure: OpenAI's chat and responses APIs, Anthropic's messages API.
_SOURCES: Final[dict[str, tuple[tuple[str, ...], ...]]] = {
    "prompt_tokens": (("prompt_tokens",), ("input_tokens",)),
    "completion_tokens": (("completion_tokens",), ("output_tokens",)),
    "total_tokens": (("total_tokens",),),
    "cached_tokens": (
        ("prompt_tokens_details", "cached_tokens"),
        ("input_tokens_details", "cached_tokens"),
        ("cached_tokens",),
    ),
    "cache_write_tokens": (("cache_write_tokens",),),
    "reasoning_tokens": (
        ("completion_tokens_details", "reasoning_tokens"),
        ("output_tokens_details", "reasoning_tokens"),
        ("reasoning_tokens",),
    ),
}


class Rates(NamedTuple):
    """US dollars a token; None is unknown."""

    prompt: Decimal | None
    completion: Decimal | None


def estimate_tokens(value: Any) -> int:
    """Return the estimated number of tokens of a text, or of all texts within a JSON value.

    One token for every four bytes of UTF-8, rounded up. English prose has about four characters a
    token in the byte-pair vocabularies of current models; counting bytes instead of characters
    comes nearer for scripts whose characters take several tokens. It needs no vocabulary, gives
    the same figure everywhere, and is marked `estimated` wherever it is used. Keys, numbers and
    the framing of messages are not counted.
    """
    return divide_bytes(count_text_bytes(value))


def divide_bytes(count: int) -> int:
    """Return the estimated number of tokens of so many bytes of text."""
    return -(-count // _BYTES_PER_TOKEN)


def count_text_bytes(value: Any) -> int:
    """Return the bytes of UTF-8 of all texts within a JSON value, keys left out."""
    total = 0
    rest = [value]
    while rest:
        item = rest.pop()
        if isinstance(item, str):
            total += len(item.encode("utf-8", "surrogatepass"))
        elif isinstance(item, Mapping):
            rest.extend(item.values())
        elif isinstance(item, list | tuple):
            rest.extend(item)
    return total


def read_rates(
    prompt: float | str | Decimal | None, completion: float | str | Decimal | None
) -> Rates:
    """Return exact rates; a float counts as the decimal number that it is written as.

    Raises:
        ConfigurationError: when a rate is negative or no number.

    """
    return Rates(
        _read_money(prompt, "cost_per_prompt_token"),
        _read_money(completion, "cost_per_completion_token"),
    )


def _read_money(value: float | str | Decimal | None, name: str) -> Decimal | None:
    if value is None:
        return None
    from decimal import Decimal, InvalidOperation  # noqa: PLC0415 -- 2 ms that only priced calls pay

    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or not 0 <= amount <= _MAX_COST_USD:
        raise ConfigurationError(
            f"{name} is {value!r}; expected US dollars a token, from 0 to {_MAX_COST_USD}"
        )
    return amount


def compute_cost(usage: UsageRecord, rates: Rates) -> str | None:
    """Return the exact cost as decimal text; None when a figure or a rate it needs is unknown."""
    from decimal import Decimal, localcontext  # noqa: PLC0415 -- as in _read_money

    prompt, completion = usage.get("prompt_tokens"), usage.get("completion_tokens")
    total = Decimal(0)
    with localcontext() as context:
        context.prec = 200
        for tokens, rate in ((prompt, rates.prompt), (completion, rates.completion)):
            if tokens is None and rate is None:
                continue
            if tokens is None or (rate is None and tokens > 0):
                return None
            total += tokens * (rate or Decimal(0))
        if prompt is None and completion is None:
            return None
        return write_money(total)


def write_money(amount: Decimal) -> str | None:
    """Return decimal text without sign, exponent or needless zeros; None beyond the limit.

    What is smaller than 10^-40 dollars is rounded away: the wire carries 40 decimals.
    """
    from decimal import Context, Decimal  # noqa: PLC0415 -- as in _read_money

    if not amount.is_finite() or not 0 <= amount <= _MAX_COST_USD:
        return None
    exact = amount.quantize(Decimal("1e-40"), context=Context(prec=60))
    return f"{exact.copy_abs():f}".rstrip("0").rstrip(".")


def clean_usage(figures: Mapping[str, object], source: str) -> UsageRecord | None:
    """Return a usage record of the figures that are known and possible; None when none is."""
    found = {
        name: value
        for name in FIELDS
        if type(value := figures.get(name)) is int and 0 <= value <= _MAX_TOKENS
    }
    if not found:
        return None
    record: UsageRecord = {"source": "estimated" if source == "estimated" else "reported"}
    record.update(cast("UsageRecord", found))
    return record


def find_usage(result: object) -> UsageRecord | None:
    """Return the usage that a model's answer reports, OpenAI- or Anthropic-shaped, else None."""
    usage = _get(result, "usage")
    if usage is None:
        return None
    figures: dict[str, object] = {}
    for name, paths in _SOURCES.items():
        for path in paths:
            found: object = usage
            for step in path:
                found = _get(found, step)
            if type(found) is int:
                figures[name] = found
                break
    _add_anthropic_cache(usage, figures)
    return clean_usage(figures, "reported")


def _add_anthropic_cache(usage: object, figures: dict[str, object]) -> None:
    # Anthropic counts cached input beside input_tokens; here it is a part of prompt_tokens.
    read = _get(usage, "cache_read_input_tokens")
    written = _get(usage, "cache_creation_input_tokens")
    prompt = figures.get("prompt_tokens")
    if type(prompt) is int and (type(read) is int or type(written) is int):
        read = read if type(read) is int else 0
        written = written if type(written) is int else 0
        figures["prompt_tokens"] = prompt + read + written
        figures["cached_tokens"] = read
        figures["cache_write_tokens"] = written


def find_model(result: object) -> str | None:
    """Return the model that an answer names, else None."""
    model = _get(result, "model")
    return model if type(model) is str and model else None


def _get(value: object, name: str) -> object:
    if value is None or isinstance(value, str | bytes | int | float | list | tuple):
        return None
    if isinstance(value, dict):
        return dict.get(value, name)
    return getattr(value, name, None)
