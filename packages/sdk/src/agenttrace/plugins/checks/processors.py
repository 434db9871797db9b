"""The contract of processors and price tables: they stand whatever comes, and answer in kind."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from agenttrace.encoding.payload import write_json
from agenttrace.plugins.checks.samples import START_NS, copy_records, make_odd_records, make_runs
from agenttrace.usage.prices import PriceQuery

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from agenttrace.pipeline.processor import Processor
    from agenttrace.plugins.checks.findings import Findings
    from agenttrace.plugins.manager import PluginManager
    from agenttrace.plugins.protocols import PriceTableLike
    from agenttrace.wire import Record, UsageRecord


def check_processors(manager: PluginManager, own: set[str], *, findings: Findings) -> None:
    """Check each processor of the plugin that is active under the manager's settings."""
    for name, processor in manager.make_processors():
        if name in own:
            _check_processor(f"processor {name}", processor, findings)


def _check_processor(where: str, processor: Processor, findings: Findings) -> None:
    given = [*make_runs(3), *make_odd_records()]
    for number, batch in enumerate([*given, *given]):  # what is repeated, too
        records = copy_records(batch)
        kind = "an empty batch" if not batch else f"batch {number % len(given)}: {_show(batch)}"
        with findings.catch(where, f"process() of {kind}", "pass on what it does not understand"):
            _check_records(where, "process()", list(processor.process(records)), findings)
    for attempt, function in (("flush()", processor.flush), ("shutdown()", processor.shutdown)):
        with findings.catch(where, attempt, "return what is still held back, or nothing"):
            held = list(function())
            _check_records(where, attempt, held, findings)
            again = list(function())
            if again:
                findings.add(
                    where,
                    f"a second {attempt} returned {len(again)} records again",
                    "forget what was returned: it would be counted twice",
                )
    if type(processor.held) is not int or processor.held != 0:
        findings.add(
            where,
            f"after shutdown() it still holds {processor.held!r} records",
            "count in `held` what is held back, and return all of it at the end",
        )
    with findings.catch(where, "reset()", "forget what is held back: the child of a fork calls it"):
        processor.reset()


def _check_records(where: str, what: str, records: list[Record], findings: Findings) -> None:
    from agenttrace.wire.validation import (  # noqa: PLC0415 -- pydantic, when it is needed
        WireError,
        parse_line,
    )

    for record in records:
        try:
            parse_line(write_json(record))
        except WireError as error:
            findings.add(
                where,
                f"{what} returned what is no valid record: {error.message}",
                "return wire records as docs/wire-format.md has them",
            )
        except (TypeError, ValueError) as error:
            findings.add(
                where,
                f"{what} returned a {type(record).__name__} that is no JSON object: {error}",
                "return wire records: dicts of what JSON can hold",
            )


_NONE_REPORTED: Final[UsageRecord] = {"source": "reported"}
_ALL_REPORTED: Final[UsageRecord] = {
    "prompt_tokens": 1_000,
    "completion_tokens": 10,
    "total_tokens": 1_010,
    "cached_tokens": 900,
    "cache_write_tokens": 50,
    "reasoning_tokens": 3,
    "source": "reported",
}
_DETAILS: Final[Mapping[str, int | str]] = {
    "service_tier": "no such tier",
    "a_detail_of_a_later_version": 3,
}
_ESTIMATED: Final[UsageRecord] = {"prompt_tokens": 10**12, "source": "estimated"}


def check_price_tables(
    manager: PluginManager, own: set[str], models: Iterable[str], *, findings: Findings
) -> None:
    """Check each price table of the plugin with models that it knows and ones that nobody does."""
    for name, table in manager.make_price_tables():
        if name in own:
            _check_table(f"price table {name}", table, list(models), findings)


def _check_table(where: str, table: PriceTableLike, models: list[str], findings: Findings) -> None:
    unknown = ["", "no-such-model", "gpt-4", "ünknown/модель", "x" * 10_000]
    is_known = dict.fromkeys(models, False)
    ask: Any = table.find_price  # the protocol leaves the query's type to the table
    for model in [*models, *unknown]:
        for provider in (None, "", "openai", "no such provider"):
            for usage in (_ALL_REPORTED, _NONE_REPORTED, _ESTIMATED):
                for at_ns, details in ((0, {}), (START_NS, {}), (START_NS, _DETAILS)):
                    query = PriceQuery(
                        provider=provider, model=model, usage=usage, at_ns=at_ns, details=details
                    )
                    with findings.catch(
                        where, f"find_price() of model {model[:50]!r}", "return None instead"
                    ):
                        price = ask(query)
                        _check_price(where, price, findings)
                        is_known[model] = is_known.get(model, False) or price is not None
    for model in models:
        if not is_known[model]:
            findings.add(where, f"it knows no price of {model!r}", "correct the name of the model")


def _check_price(where: str, price: object, findings: Findings) -> None:
    if price is None:
        return
    usd = getattr(price, "usd", None)
    if not isinstance(usd, Decimal) or not usd.is_finite() or usd < 0:
        findings.add(
            where,
            f"find_price() returned {price!r}"[:200],
            "return a Price whose usd is a Decimal from 0, or None for what is not known: money "
            "in binary fractions is not exact",
        )
    if not isinstance(getattr(price, "table", None), str) or not getattr(price, "table", None):
        findings.add(
            where, "a price does not name its table", "set Price.table, with the table's date"
        )


def _show(batch: list[Record]) -> str:
    return ", ".join(f"{record['type']} {record.get('status', '')}".strip() for record in batch)
