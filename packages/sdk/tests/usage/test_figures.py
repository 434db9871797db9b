"""Tokens and money: what is reported, what is estimated, and exact sums."""

from __future__ import annotations

from decimal import Context, Decimal
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from naming import name_value

from agenttrace import ConfigurationError, SpanType
from agenttrace.usage import compute_cost, estimate_tokens, read_rates, read_report, write_money
from agenttrace.wrappers import trace_llm

if TYPE_CHECKING:
    from ..conftest import Recording


@pytest.mark.parametrize(
    ("value", "tokens"),
    [
        ("", 0),
        ("a", 1),
        ("abcd", 1),
        ("abcde", 2),
        ("é", 1),
        ("日本語", 3),
        ({"role": "user", "content": "abcd", "n": 7}, 2),
        ([{"role": "user", "content": ["abcd", None]}, "abcd"], 3),
        (None, 0),
        (12345, 0),
    ],
    ids=repr,
)
def test_tokens_are_estimated_from_the_bytes_of_all_texts(value: Any, tokens: int) -> None:
    """A token for every four bytes of UTF-8, rounded up; keys and numbers do not count."""
    assert estimate_tokens(value) == tokens


OPENAI = {
    "prompt_tokens": 10,
    "completion_tokens": 5,
    "total_tokens": 15,
    "prompt_tokens_details": {"cached_tokens": 4},
    "completion_tokens_details": {"reasoning_tokens": 2},
}
REPORTED = {
    "prompt_tokens": 10,
    "completion_tokens": 5,
    "total_tokens": 15,
    "cached_tokens": 4,
    "reasoning_tokens": 2,
    "source": "reported",
}


def read_usage(answer: Any) -> Any:
    """Return the usage that an answer reports."""
    report = read_report(answer)
    return None if report is None else report.usage()


def to_object(value: Any) -> Any:
    """Return the same with attributes instead of keys, as clients have it."""
    if isinstance(value, dict):
        return SimpleNamespace(**{key: to_object(item) for key, item in value.items()})
    return value


@pytest.mark.parametrize("convert", [dict, to_object], ids=["dict", "object"])
def test_openai_usage_is_read(convert: Any) -> None:
    """Chat completions, as JSON and as the client's objects."""
    assert read_usage(convert({"usage": convert(OPENAI)})) == REPORTED


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (
            {"input_tokens": 3, "output_tokens": 4},
            {"prompt_tokens": 3, "completion_tokens": 4, "source": "reported"},
        ),
        (
            {
                "input_tokens": 3,
                "output_tokens": 4,
                "cache_read_input_tokens": 10,
                "cache_creation_input_tokens": 20,
            },
            {
                "prompt_tokens": 33,
                "completion_tokens": 4,
                "cached_tokens": 10,
                "cache_write_tokens": 20,
                "source": "reported",
            },
        ),
        (
            {"prompt_tokens": None, "completion_tokens": 4},
            {"completion_tokens": 4, "source": "reported"},
        ),
        ({"prompt_tokens": -1}, None),
        ({"prompt_tokens": True}, None),
        ({"prompt_tokens": "12"}, None),
        ({"prompt_tokens": 2**31}, None),
        ({}, None),
        (None, None),
        ("12", None),
    ],
    ids=repr,
)
def test_other_shapes_are_read_as_far_as_they_are_known(usage: Any, expected: Any) -> None:
    """Anthropic counts its cache beside the input; what is no count of tokens stays unknown."""
    assert read_usage({"usage": usage}) == expected


@pytest.mark.parametrize("answer", ["text", 5, None, [], {"usage": 0}, object()], ids=name_value)
def test_an_answer_without_usage_has_none(answer: Any) -> None:
    """Unknown stays absent."""
    assert read_usage(answer) is None


@pytest.mark.parametrize(
    ("prompt", "completion", "usage", "cost"),
    [
        (0.00003, 0.00006, {"prompt_tokens": 5, "completion_tokens": 6}, "0.00051"),
        ("0.00003", Decimal("0.00006"), {"prompt_tokens": 5, "completion_tokens": 6}, "0.00051"),
        (1e-9, 0, {"prompt_tokens": 3, "completion_tokens": 9}, "0.000000003"),
        (2, 3, {"prompt_tokens": 5, "completion_tokens": 10}, "40"),
        (0, 0, {"prompt_tokens": 5, "completion_tokens": 10}, "0"),
        (0.1, None, {"prompt_tokens": 3}, "0.3"),
        (0.1, None, {"prompt_tokens": 3, "completion_tokens": 0}, "0.3"),
        (0.1, None, {"prompt_tokens": 3, "completion_tokens": 1}, None),
        (None, 0.1, {"prompt_tokens": 3, "completion_tokens": 1}, None),
        (0.1, 0.1, {"prompt_tokens": 3}, None),
        (0.1, 0.1, {"total_tokens": 3}, None),
        (1_000_000, 0, {"prompt_tokens": 2, "completion_tokens": 0}, None),
    ],
)
def test_cost_is_exact_or_unknown(
    prompt: Any, completion: Any, usage: Any, cost: str | None
) -> None:
    """A float counts as it is written, there is no exponent, and no part of a sum is guessed."""
    assert compute_cost(usage, read_rates(prompt, completion)) == cost


@pytest.mark.parametrize("rate", [-0.1, "x", float("nan"), float("inf"), 2_000_000])
def test_a_rate_that_cannot_be_meant_is_an_error(rate: Any, recording: Recording) -> None:
    """It is told when the function is decorated."""
    with pytest.raises(ConfigurationError, match="cost_per_completion_token is"):
        trace_llm(recording.tracer, cost_per_completion_token=rate)


@given(
    st.decimals(0, 1, places=12),
    st.decimals(0, 1, places=12),
    st.integers(0, 10**5),
    st.integers(0, 10**5),
)
def test_cost_is_the_sum_of_its_parts(p: Decimal, c: Decimal, prompt: int, completion: int) -> None:
    """Read back, the text is the exact sum, whatever the figures."""
    text = compute_cost(
        {"prompt_tokens": prompt, "completion_tokens": completion, "source": "reported"},
        read_rates(p, c),
    )
    assert text is not None
    assert Decimal(text) == p * prompt + c * completion
    assert "E" not in text


@given(st.decimals(0, 10**6, allow_nan=False))
def test_money_is_written_without_exponent(amount: Decimal) -> None:
    """And without needless zeros; exactly, as far as 40 decimals go."""
    text = write_money(amount)
    assert text is not None
    assert Decimal(text) == amount.quantize(Decimal("1e-40"), context=Context(prec=60))
    assert set(text) <= set("0123456789.")
    assert not ("." in text and text.endswith(("0", ".")))


@pytest.mark.parametrize("amount", ["-0", "0E+999999", "1E-999999", "0.00"])
def test_money_that_is_next_to_nothing_is_written_as_nothing(amount: str) -> None:
    """In one digit, whatever the exponent: the server would refuse a longer text or a sign."""
    assert write_money(Decimal(amount)) == "0"


def test_reported_usage_is_priced(recording: Recording) -> None:
    """What the provider says wins over an estimate."""

    @trace_llm(recording.tracer, cost_per_prompt_token="0.001", cost_per_completion_token="0.002")
    def ask(messages: list[dict[str, str]]) -> dict[str, Any]:
        return {"model": "gpt-x", "usage": OPENAI}

    with recording.tracer.run("agent"):
        ask([{"role": "user", "content": "hi"}])
    span = recording.span("ask")
    assert (span["usage"], span["model"]) == (REPORTED, "gpt-x")
    assert span["cost"] == {"usd": "0.02", "source": "rates"}
    assert "attributes" not in span


def test_without_rates_nothing_is_estimated(recording: Recording) -> None:
    """Unknown is absent: a token count that nobody asked for would only look like knowledge."""

    @trace_llm(recording.tracer, model="m")
    def ask(prompt: str) -> str:
        return prompt

    with recording.tracer.run("agent"):
        ask("abcd")
    assert not {"usage", "cost"} & recording.span("ask").keys()


def test_what_is_cut_from_a_payload_counts_by_its_text(recording: Recording) -> None:
    """Four bytes of the text a token, not of its escaped JSON, keys left out."""
    text = '"\n' * 400_000

    @trace_llm(recording.tracer, cost_per_prompt_token=1)
    def ask(prompt: object) -> str:
        return text

    with recording.tracer.run("agent"):
        ask({"key": [text]})
    span = recording.span("ask")
    assert span["input"]["fidelity"] == span["output"]["fidelity"] == "truncated"
    assert span["usage"] == {
        "prompt_tokens": 200_000,
        "completion_tokens": 200_000,
        "total_tokens": 400_000,
        "source": "estimated",
    }


def test_what_is_not_captured_is_not_counted(recording: Recording) -> None:
    """Half an estimate would look like a whole one."""

    @trace_llm(recording.tracer, cost_per_prompt_token=1, capture_input=False)
    def ask(prompt: str) -> str:
        return prompt

    with recording.tracer.run("agent"):
        ask("abcd")
    assert not {"usage", "cost"} & recording.span("ask").keys()


def test_what_is_not_known_is_not_counted(recording: Recording) -> None:
    """Of an opaque answer only the class is recorded: the text of its name is no answer."""

    @trace_llm(recording.tracer, cost_per_prompt_token=1, cost_per_completion_token=1)
    def ask(prompt: str) -> object:
        return object()

    with recording.tracer.run("agent"):
        ask("abcd")
    assert not {"usage", "cost"} & recording.span("ask").keys()


def test_a_failed_call_has_no_estimate(recording: Recording) -> None:
    """Nothing came back, so nothing is known of its price."""

    @trace_llm(recording.tracer, cost_per_prompt_token=1)
    def ask(prompt: str) -> str:
        raise TimeoutError

    with recording.tracer.run("agent"), pytest.raises(TimeoutError):
        ask("abcd")
    assert not {"usage", "cost"} & recording.span("ask").keys()


def test_users_set_usage_and_cost_themselves(recording: Recording) -> None:
    """With the source that they name; what is impossible is left out."""
    with recording.tracer.run("agent"):
        with recording.tracer.span("one", SpanType.LLM_CALL, model="m") as span:
            span.set_usage(prompt_tokens=1, reasoning_tokens=2, source="estimated")
            span.set_cost("0.10", source="price_table")
        with recording.tracer.span("two", SpanType.LLM_CALL) as span:
            span.set_usage(prompt_tokens=-1)
            span.set_cost("-1")
            span.set_cost(0.1)
            span.set_model("m2")
    one, two = recording.spans()
    assert one["usage"] == {"prompt_tokens": 1, "reasoning_tokens": 2, "source": "estimated"}
    assert (one["cost"], one["model"]) == ({"usd": "0.1", "source": "price_table"}, "m")
    assert ("usage" in two, two["cost"], two["model"]) == (
        False,
        {"usd": "0.1", "source": "reported"},
        "m2",
    )


def test_a_cost_of_an_unknown_source_is_counted(recording: Recording) -> None:
    """It is not recorded: a server would refuse the span's end for it."""
    with recording.tracer.run("agent"), recording.tracer.span("ask") as span:
        span.set_cost("1", source="guess")  # type: ignore[arg-type]  # the point
    assert "cost" not in recording.span("ask")
    assert recording.tracer.stats().errors == {"set_cost": 1}


def test_an_answers_own_code_is_not_run(recording: Recording) -> None:
    """A property may do anything, at any price: only what the instance holds is read."""

    class Answer:
        def __init__(self) -> None:
            self.model = "m"

        @property
        def usage(self) -> None:
            raise SystemExit

        def __getattr__(self, name: str) -> None:
            raise SystemExit

    answer = Answer()

    @trace_llm(recording.tracer)
    def ask() -> Answer:
        return answer

    with recording.tracer.run("agent"):
        assert ask() is answer
    span = recording.span("ask")
    assert (span["status"], span["model"]) == ("COMPLETED", "m")
    assert recording.tracer.stats().errors == {}


def test_h13_a_text_too_long_to_read_costs_no_record_and_no_guess(recording: Recording) -> None:
    """The call is recorded with the beginning; of tokens that nobody counted nothing is said."""

    @trace_llm(recording.tracer, cost_per_prompt_token=1, cost_per_completion_token=1)
    def answer(prompt: str) -> str:
        return prompt * 100_000_000

    with recording.tracer.run("agent"):
        answer("x")
    span = recording.span("answer")
    assert span["output"] == {"value": "x" * 262_144, "codec": "json", "fidelity": "truncated"}
    assert "usage" not in span
    assert recording.tracer.stats().dropped == {}
