"""Where a cost comes from: which source wins, who is asked, and what is billed only once."""

from __future__ import annotations

import json
import logging
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from openai.types.chat import ChatCompletion

from agenttrace import SpanType, Tracer
from agenttrace.guard import Guard
from agenttrace.settings import Settings
from agenttrace.testing import MemoryExporter
from agenttrace.usage.price_file import PriceFile
from agenttrace.usage.prices import Price, PriceBook, PriceQuery
from agenttrace.usage.tables import list_builtin_tables
from agenttrace.wire.models import ValidSpan
from agenttrace.wire.validation import WireError, parse_line
from agenttrace.wrappers import trace_llm

from . import answers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ..conftest import Recording

ANSWER = {"model": "m", "usage": {"prompt_tokens": 10, "completion_tokens": 5}}
QUERY = PriceQuery(
    model="m",
    usage={"prompt_tokens": 10, "completion_tokens": 5, "source": "reported"},
    at_ns=1_795_000_000 * 10**9,
)


class Table:
    """A table that answers what it is given, and keeps what it was asked."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.asked: list[PriceQuery] = []

    def find_price(self, query: PriceQuery) -> Any:
        self.asked.append(query)
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


def give(answer: Any) -> Callable[[], Any]:
    """Return a model that always answers this."""
    return lambda: answer


def make_price(usd: str = "0.5") -> Price:
    return Price(usd=Decimal(usd), table="test 1")


@pytest.fixture
def priced(tmp_path: Path, recording: Recording) -> Iterator[Recording]:
    """Give a tracer with a file that prices the model `filed` and nothing else."""
    path = tmp_path / "prices.json"
    path.write_text('{"filed": {"prompt_usd_per_million": 1, "completion_usd_per_million": 2}}')
    memory = MemoryExporter()
    tracer = Tracer(exporter=memory, settings=Settings(prices=str(path)))
    yield recording._replace(tracer=tracer, memory=memory)
    tracer.shutdown(timeout_s=5)


def test_the_first_table_that_knows_is_believed() -> None:
    """In the order they are given; who comes later is not asked."""
    unknown, first, second = Table(None), Table(make_price()), Table(make_price("9"))
    book = PriceBook([("a", unknown), ("b", first), ("c", second)], guard=Guard())
    assert book.find_cost(QUERY) == {"usd": "0.5", "source": "price_table", "table": "test 1"}
    assert (unknown.asked, second.asked) == ([QUERY], [])
    assert PriceBook([("a", unknown)], guard=Guard()).find_cost(QUERY) is None


@pytest.mark.parametrize(
    "answer",
    [ValueError(), SystemExit(), RecursionError(), 0.5, "1", make_price("-1"), make_price("NaN")],
    ids=repr,
)
def test_a_table_that_misbehaves_is_passed_over(answer: Any) -> None:
    """It is counted under its name, and the next table is asked."""
    guard = Guard()
    book = PriceBook([("bad", Table(answer)), ("good", Table(make_price()))], guard=guard)
    cost = book.find_cost(QUERY)
    assert cost is not None
    assert cost["usd"] == "0.5"
    assert guard.counts() == {"price_table:bad": 1}


def test_a_keyboard_interrupt_is_the_users() -> None:
    """It goes through, as everywhere."""
    book = PriceBook([("bad", Table(KeyboardInterrupt()))], guard=Guard())
    with pytest.raises(KeyboardInterrupt):
        book.find_cost(QUERY)


def test_a_call_is_asked_for_with_all_that_its_price_depends_on(recording: Recording) -> None:
    """Provider, the model that answered, tokens, details, and when it began."""
    table = Table(make_price())
    recording.tracer.recorder.price_with(lambda: [("test", table)])
    answer = ChatCompletion.model_validate({**answers.CHAT, "service_tier": "flex"})

    @trace_llm(recording.tracer, model="gpt-4o")
    def ask() -> Any:
        return answer

    with recording.tracer.run("agent"):
        ask()
    span = recording.span("ask")
    assert table.asked == [
        PriceQuery(
            provider="openai",
            model="gpt-4o-2024-08-06",
            usage=answers.OPENAI,  # type: ignore[arg-type]  # a dict of the same
            at_ns=span["start_ns"],
            details={"service_tier": "flex"},
        )
    ]
    assert span["model"] == "gpt-4o"
    assert span["attributes"] == {
        "gen_ai.provider.name": "openai",
        "gen_ai.response.id": "chatcmpl-1",
        "gen_ai.response.model": "gpt-4o-2024-08-06",
        "agenttrace.usage.service_tier": "flex",
    }


def test_a_table_that_only_knows_the_model_asked_for_is_asked_for_it(recording: Recording) -> None:
    """The answer's name is the more exact one; a user's table has what the user calls it."""

    class Mine(Table):
        def find_price(self, query: PriceQuery) -> Any:
            super().find_price(query)
            return make_price() if query.model == "mine" else None

    table = Mine(None)
    recording.tracer.recorder.price_with(lambda: [("test", table)])
    with recording.tracer.run("agent"):
        trace_llm(recording.tracer, model="mine", name="ask")(give(ANSWER))()
    assert recording.span("ask")["cost"]["usd"] == "0.5"
    assert [query.model for query in table.asked] == ["m", "mine"]


def test_given_wins_over_reported_over_rates_over_tables(priced: Recording) -> None:
    """Each source only where the ones before it say nothing."""
    tracer = priced.tracer
    table = Table(make_price())
    tracer.recorder.price_with(lambda: [("test", table)])
    reported = {**ANSWER, "id": "gen-1", "usage": {**ANSWER["usage"], "cost": 0.25}}  # type: ignore[dict-item]  # a dict
    filed = {**ANSWER, "model": "filed"}
    rates = {"cost_per_prompt_token": "0.001", "cost_per_completion_token": "0.002"}

    def ask(name: str, answer: Any, **options: Any) -> None:
        @trace_llm(tracer, name=name, **options)
        def call() -> Any:
            span = tracer.current_span()
            if name == "given" and span is not None:
                span.set_cost("7")
            return answer

        call()

    with tracer.run("agent"):
        ask("given", reported, **rates)
        ask("reported", reported, **rates)
        ask("rates", filed, **rates)
        ask("file", filed)
        ask("table", ANSWER)
    costs = {span["name"]: span["cost"] for span in priced.spans()}
    assert costs == {
        "given": {"usd": "7", "source": "reported"},
        "reported": {"usd": "0.25", "source": "reported"},
        "rates": {"usd": "0.02", "source": "rates"},
        "file": {"usd": "0.00002", "source": "price_table", "table": "prices.json"},
        "table": {"usd": "0.5", "source": "price_table", "table": "test 1"},
    }
    assert len(table.asked) == 1


def test_usage_that_the_user_gives_is_priced_and_keeps_its_mark(recording: Recording) -> None:
    """An estimate stays one, and its cost says by its usage what it is worth."""
    recording.tracer.recorder.price_with(lambda: [("test", Table(make_price()))])
    with (
        recording.tracer.run("agent"),
        recording.tracer.span("ask", SpanType.LLM_CALL, model="m") as span,
    ):
        span.set_usage(prompt_tokens=1, completion_tokens=2, source="estimated")
    found = recording.span("ask")
    assert (found["usage"]["source"], found["cost"]["usd"]) == ("estimated", "0.5")


def test_only_model_calls_are_priced(recording: Recording) -> None:
    """The usage of an agent's span is a sum of what its calls have billed."""
    table = Table(make_price())
    recording.tracer.recorder.price_with(lambda: [("test", table)])
    with (
        recording.tracer.run("run"),
        recording.tracer.span("agent", SpanType.AGENT, model="m") as span,
    ):
        span.set_usage(prompt_tokens=1, completion_tokens=2)
    assert "cost" not in recording.span("agent")
    assert table.asked == []


def test_tables_that_cannot_be_had_leave_the_built_in_ones(recording: Recording) -> None:
    """Whatever loading plugins does: it is counted, and list prices are there."""

    def fail() -> Any:
        raise SystemExit

    recording.tracer.recorder.price_with(fail)
    with recording.tracer.run("agent"):
        trace_llm(recording.tracer, name="ask")(give(answers.CHAT))()
    assert recording.span("ask")["cost"]["table"].startswith("genai-prices ")
    assert recording.tracer.stats().errors == {"price_tables": 1}


def test_a_price_that_cannot_be_looked_for_costs_no_record(
    recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever goes wrong with prices, the span is recorded, and its tokens with it."""

    def fail(*_: object, **__: object) -> Any:
        raise RecursionError

    monkeypatch.setattr("agenttrace.pipeline.billing.make_price_book", fail)
    with recording.tracer.run("agent"):
        trace_llm(recording.tracer, name="ask")(give(answers.CHAT))()
    span = recording.span("ask")
    assert ("usage" in span, "cost" in span) == (True, False)
    assert recording.tracer.stats().errors == {"price": 1}


def test_an_unknown_model_costs_nothing_that_is_known(recording: Recording) -> None:
    """Absent, never 0."""
    with recording.tracer.run("agent"):
        trace_llm(recording.tracer, name="ask")(give(ANSWER))()
    assert "cost" not in recording.span("ask")


def test_without_the_package_there_are_no_list_prices(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an extra: `agenttrace[prices]`."""
    assert [name for name, _ in list_builtin_tables()] == ["genai-prices"]
    monkeypatch.setattr("agenttrace.usage.tables.find_spec", lambda _: None)
    assert list_builtin_tables() == []


# What is billed once


def test_an_answer_that_is_passed_on_is_billed_once(recording: Recording) -> None:
    """By the innermost model call that had it; another answer is billed as it was."""
    answer = ChatCompletion.model_validate(answers.CHAT)
    other = ChatCompletion.model_validate({**answers.CHAT, "id": "chatcmpl-2"})
    inner = trace_llm(recording.tracer, name="inner")(give(answer))
    tracer = recording.tracer

    @trace_llm(tracer)
    def outer() -> Any:
        with tracer.span("between", "AGENT"):
            return inner()

    @trace_llm(tracer)
    def asks_again() -> Any:
        inner()
        return other

    with tracer.run("agent"):
        outer()
    with tracer.run("agent"):
        asks_again()
    billed = [(span["name"], "usage" in span, "cost" in span) for span in recording.spans()]
    assert billed == [
        ("inner", True, True),
        ("between", False, False),
        ("outer", False, False),
        ("inner", True, True),
        ("asks_again", True, True),
    ]
    assert recording.span("outer")["attributes"]["agenttrace.usage.billed_within"] is True


@pytest.mark.parametrize(
    "rates", [{}, {"cost_per_prompt_token": 1, "cost_per_completion_token": 1}]
)
def test_figures_that_are_passed_on_are_billed_once(
    recording: Recording, rates: dict[str, Any]
) -> None:
    """An answer that is made of another's text and usage has no id: the figures say whose it is."""
    answer = ChatCompletion.model_validate(answers.CHAT)
    inner = trace_llm(recording.tracer, name="inner")(give(answer))

    @trace_llm(recording.tracer, model="gpt-4o", **rates)
    def outer(*, more: int) -> Any:
        usage = inner().usage.model_dump()
        return {"text": "a", "usage": {**usage, "prompt_tokens": usage["prompt_tokens"] + more}}

    with recording.tracer.run("agent"):
        outer(more=0)
        outer(more=1)
    billed = [(span["name"], "usage" in span, "cost" in span) for span in recording.spans()]
    assert billed == [
        ("inner", True, True),
        ("outer", False, False),
        ("inner", True, True),
        ("outer", True, True),
    ]


def test_calls_side_by_side_are_billed_each(recording: Recording) -> None:
    """Servers of tests and caches repeat ids: only a call around another is not billed again."""
    ask = trace_llm(recording.tracer, name="ask")(give(answers.CHAT))
    with recording.tracer.run("agent"):
        ask()
        ask()
    assert all("usage" in span for span in recording.spans())


def test_a_stream_that_is_passed_on_is_billed_once(recording: Recording) -> None:
    """Chunk by chunk, the same answer goes through both."""
    inner = trace_llm(recording.tracer, name="inner")(make_chunks)
    tracer = recording.tracer

    @trace_llm(tracer)
    def outer() -> Iterator[Any]:
        yield from inner()

    with tracer.run("agent"):
        assert len(list(outer())) == 3
    assert recording.span("inner")["usage"] == answers.OPENAI
    assert "usage" not in recording.span("outer")


def make_chunks() -> Iterator[Any]:
    yield from answers.CHAT_CHUNKS


def test_around_a_call_that_reported_nothing_is_estimated(recording: Recording) -> None:
    """The texts of the outer call are those of the inner one: they would count twice."""
    inner = trace_llm(recording.tracer, name="inner")(give(answers.CHAT))

    @trace_llm(recording.tracer, cost_per_prompt_token=1, cost_per_completion_token=1)
    def outer() -> str:
        inner()
        return "Hello there"

    with recording.tracer.run("agent"):
        outer()
    assert not {"usage", "cost"} & recording.span("outer").keys()


# The user's file


def write(path: Path, content: Any) -> PriceFile:
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return PriceFile(str(path))


def test_a_file_finds_the_closest_name(tmp_path: Path) -> None:
    """Provider and model, then the model, then the longest pattern."""
    rates = {"completion_usd_per_million": 0}
    file = write(
        tmp_path / "own.json",
        {
            name: {"prompt_usd_per_million": price, **rates}
            for name, price in {"a/m": "1", "m": "2", "m*": "3", "m-l*": 4, "b/*": "0.1"}.items()
        },
    )

    def ask(provider: str | None, model: str) -> Any:
        usage: Any = {"prompt_tokens": 1_000_000, "completion_tokens": 1, "source": "reported"}
        query = PriceQuery(provider=provider, model=model, usage=usage, at_ns=0)
        price = file.find_price(query)
        return None if price is None else (price.usd, price.table)

    assert ask("a", "m") == (1, "own.json")
    assert ask(None, "m") == ask("z", "m") == (2, "own.json")
    assert ask("a", "m-small") == (3, "own.json")
    assert ask("a", "m-large") == (4, "own.json")
    assert ask("b", "x") == (Decimal("0.1"), "own.json")
    assert ask(None, "x") is None


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        '{"m": 1}',
        '{"m": {}}',
        '{"m": {"prompt": 1}}',
        '{"m": {"prompt_usd_per_million": -1}}',
        '{"m": {"prompt_usd_per_million": "x"}}',
        '{"m": {"prompt_usd_per_million": NaN}}',
        '{"m": {"prompt_usd_per_million": true}}',
        "[" * 100_000,
    ],
)
def test_a_file_that_cannot_be_meant_is_told_once(
    content: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """One warning names it; it prices nothing, and nothing fails."""
    file = write(tmp_path / "own.json", content)
    with caplog.at_level(logging.WARNING, logger="agenttrace"):
        assert [file.find_price(QUERY) for _ in range(3)] == [None] * 3
    assert [record.message.startswith("AGENTTRACE_PRICES is ") for record in caplog.records] == [
        True
    ]


def test_a_file_that_is_not_there_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """As one that holds nonsense."""
    with caplog.at_level(logging.WARNING, logger="agenttrace"):
        assert PriceFile("./no such file.json").find_price(QUERY) is None
    assert len(caplog.records) == 1


def test_the_wire_carries_the_name_of_the_table() -> None:
    """Beside the figure, as text of 1 to 512 characters; a cost without it is as good."""
    span = {"v": 1, "type": "span", "run_id": "0" * 31 + "1", "span_id": "0" * 15 + "1", "rev": 1}
    span |= {"name": "n", "span_type": "LLM_CALL", "status": "COMPLETED", "start_ns": 1, "seq": 1}
    span |= {"lane": 0, "effect": "read"}

    def parse(table: object) -> Any:
        cost = {"usd": "1", "source": "price_table", "table": table}
        return parse_line(json.dumps({**span, "cost": cost}).encode())

    record = parse("genai-prices 0.2.3")
    assert isinstance(record, ValidSpan)
    assert record.cost is not None
    assert record.cost.table == "genai-prices 0.2.3"
    assert parse(None).cost.table is None
    with pytest.raises(WireError, match=r"cost\.table"):
        parse("")
