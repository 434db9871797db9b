"""Filters of a run's spans, held against a plain search in Python."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from agenttrace_server.money import parse_pico
from agenttrace_server.storage import span_filters, spans
from agenttrace_server.storage.criteria import AttributeCondition, NumberRange, SpanFilter
from agenttrace_server.storage.engine import Database
from agenttrace_server.storage.spans import BEFORE_ALL, list_spans

from ..support.lines import START_NS, Record, check_records, make_run, make_run_id, make_span
from ..support.own import append_records

RUN: Final = make_run_id(0)
COSTS: Final = (None, "0", "0.1", "0.10", "0.100000000001", "1", "9.99", "10")
KEYS: Final = ("a", 'q"u.o[te]', "\ufffd", "ä")
VALUES: Final[tuple[Any, ...]] = (
    *("x", "1", "", 'say "x"', "a\0b", "y" * 256, "y" * 257, "\u2028"),
    *(1, 1.0, 1.5, 10**20, 1e300, True, False),
    *([], ["x", 1], ["y" * 257, "z"], [1.0, True]),
)
ASKED: Final = (
    *("x", "1", "", 'say "x"', "a\ufffdb", "y" * 256, "y" * 257, "\u2028"),
    *("1.0", "1.5", "100000000000000000000", "1e+300", "true", "false", "z", "nothing"),
)
_EACH = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

kept_spans = st.lists(
    st.tuples(
        st.sampled_from(COSTS),
        st.none() | st.dictionaries(st.sampled_from(KEYS), st.sampled_from(VALUES), max_size=3),
    ),
    min_size=1,
    max_size=12,
)
costs = st.none() | st.sampled_from([cost for cost in COSTS if cost is not None])
moments = st.none() | st.integers(-1, 12)
attributes = st.lists(
    st.builds(AttributeCondition, st.sampled_from([*KEYS, "b"]), st.none())
    | st.builds(
        AttributeCondition,
        st.sampled_from(KEYS),
        st.lists(st.sampled_from(ASKED), max_size=3, unique=True).map(tuple),
    )
    | st.builds(AttributeCondition, st.sampled_from(KEYS), st.none(), st.just(False)),
    max_size=2,
).map(tuple)


@dataclass(frozen=True)
class Asked:
    """What a filter asks for: costs as texts, starts as the numbers of spans."""

    low: str | None
    high: str | None
    start: int | None
    end: int | None
    attributes: tuple[AttributeCondition, ...]

    def make_filter(self) -> SpanFilter:
        """Return the filter."""
        low, high = (None if usd is None else parse_pico(usd) for usd in (self.low, self.high))
        start, end = (
            None if number is None else START_NS + number * 1_000_000
            for number in (self.start, self.end)
        )
        return SpanFilter(
            cost_pico=None if low is None and high is None else NumberRange(low, high),
            started_from_ns=start,
            started_before_ns=end,
            attributes=self.attributes,
        )

    def finds(self, number: int, cost: str | None, attrs: dict[str, Any] | None) -> bool:
        """Tell whether a span is one of those."""
        return (
            _is_in(cost, self.low, self.high)
            and (self.start is None or number >= self.start)
            and (self.end is None or number < self.end)
            and all(_has(attrs, condition) for condition in self.attributes)
        )


asked_filters = st.builds(Asked, costs, costs, moments, moments, attributes)


class _Undone(Exception):  # noqa: N818 -- no error, a way out
    """Carries what was found out of a transaction that is undone."""

    def __init__(self, found: list[int]) -> None:
        super().__init__()
        self.found = found


def _make_record(number: int, cost: str | None, attrs: dict[str, Any] | None) -> Record:
    record = make_span(number)
    if cost is not None:
        record["cost"] = {"usd": cost, "source": "rates"}
    if attrs is not None:
        record["attributes"] = attrs
    return record


def _list_pages(connection: Connection, span_filter: SpanFilter, first: int) -> list[int]:
    """Return the places of all spans that a walk through the pages finds."""
    found: list[int] = []
    after = BEFORE_ALL
    while True:
        page = list_spans(connection, RUN, first=first, after=after, span_filter=span_filter)
        found += [span.seq for span in page.items]
        assert len(page.items) == first or not page.has_next
        if not page.has_next:
            return found
        after = (page.items[-1].seq, page.items[-1].span_id)


def _try_out(connection: Connection, records: list[Any], *asked: Any) -> None:
    append_records(connection, records)
    raise _Undone(_list_pages(connection, *asked))


def _is_in(cost: str | None, low: str | None, high: str | None) -> bool:
    if low is None and high is None:
        return True
    return cost is not None and (
        (low is None or Decimal(low) <= Decimal(cost))
        and (high is None or Decimal(cost) <= Decimal(high))
    )


def _has(attrs: dict[str, Any] | None, condition: AttributeCondition) -> bool:
    """Tell whether the attribute is there, read as its documentation says it."""
    kept = attrs or {}
    if condition.key not in kept:
        return not condition.exists
    if condition.values is None:
        return condition.exists
    value = kept[condition.key]
    items = value if isinstance(value, list) else [value]
    texts = [
        each.replace("\0", "\ufffd") if isinstance(each, str) else json.dumps(each)
        for each in items
    ]
    return any(text in condition.values for text in texts if len(text) <= 256)


@_EACH
@given(kept_spans, asked_filters, st.data())
async def test_a_filter_finds_the_spans_that_a_search_finds(
    database: Database,
    kept: list[tuple[str | None, dict[str, Any] | None]],
    asked: Asked,
    data: st.DataObject,
) -> None:
    """Costs, attributes and starts: whatever the page, the stretch and what is held at once."""
    spans_of_run = [_make_record(number, *each) for number, each in enumerate(kept)]
    records = check_records([make_run(), *spans_of_run])
    first = data.draw(st.integers(1, 4))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spans, "STRETCH", data.draw(st.integers(1, 5)))
        patch.setattr(span_filters, "MAX_TEXT_BYTES", data.draw(st.integers(1, 300)))
        with pytest.raises(_Undone) as undone:
            await database.write(_try_out, records, asked.make_filter(), first)
    expected = [number for number, each in enumerate(kept) if asked.finds(number, *each)]
    assert undone.value.found == expected


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        (NumberRange(0, None), [1, 2, 3, 4]),
        (NumberRange(1, None), [1, 3, 4]),
        (NumberRange(None, 2**31), [1, 2, 3]),
        (NumberRange(2**31, None), [3, 4]),
        (NumberRange(3 * 10**9, 2**63 - 1), [4]),
    ],
)
async def test_tokens_are_within_limits_where_they_are_known(
    database: Database, limits: NumberRange, expected: list[int]
) -> None:
    """The total, or else the sum of what is known of it, which 31 bits may not hold."""
    most = 2**31 - 1
    figures: list[dict[str, int]] = [
        {"cached_tokens": 1},
        {"prompt_tokens": 5},
        {"completion_tokens": 0},
        {"prompt_tokens": most, "completion_tokens": 1},
        {"prompt_tokens": most, "completion_tokens": most},
    ]
    lines = [make_run(), make_span(5)]
    for number, usage in enumerate(figures):
        lines.append({**make_span(number), "usage": {"source": "reported", **usage}})
    await database.write(append_records, check_records(lines))
    asked = SpanFilter(total_tokens=limits)
    assert await database.read(_list_pages, asked, 2) == expected
