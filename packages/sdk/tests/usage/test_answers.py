"""What is read of an answer: the shapes of many providers, chunks of streams, and nobody's code."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from anthropic.types import Message, RawMessageDeltaEvent, RawMessageStartEvent
from google.genai.types import GenerateContentResponse
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.create_embedding_response import CreateEmbeddingResponse
from openai.types.responses import Response, ResponseCompletedEvent

from agenttrace.usage import FIELDS, Report, clean_usage, read_report
from agenttrace.usage.shapes import COUNTS

from . import answers


def read(*chunks: Any) -> Report:
    """Return what all chunks of one answer report together, as the recorder merges them."""
    report = Report()
    for chunk in chunks:
        found = read_report(chunk)
        if found is not None:
            report.merge(found)
    return report


def strip_source(usage: Any) -> Any:
    """Return the figures alone."""
    return None if usage is None else {k: v for k, v in usage.items() if k != "source"}


RESPONSE = {**answers.OPENAI, "cache_write_tokens": 0}
WHOLE = [
    (ChatCompletion, answers.CHAT, answers.OPENAI),
    (Response, answers.RESPONSE, RESPONSE),
    (Message, answers.MESSAGE, answers.ANTHROPIC),
    (GenerateContentResponse, answers.GENERATED, answers.OPENAI),
    (
        CreateEmbeddingResponse,
        answers.EMBEDDING,
        {"prompt_tokens": 7, "total_tokens": 7, "source": "reported"},
    ),
]


@pytest.mark.parametrize(("model", "content", "usage"), WHOLE)
@pytest.mark.parametrize("form", ["object", "json", "dump"])
def test_an_answer_reads_the_same_in_each_form(
    model: Any, content: Any, usage: Any, form: str
) -> None:
    """As the client's object, as the JSON that came, as the dict that the object dumps."""
    answer = content if form == "json" else model.model_validate(content)
    report = read(answer.model_dump() if form == "dump" else answer)
    assert report.usage() == usage
    assert report.model is not None


@pytest.mark.parametrize(
    ("chunks", "usage"),
    [
        (answers.CHAT_CHUNKS, answers.OPENAI),
        ([ChatCompletionChunk.model_validate(c) for c in answers.CHAT_CHUNKS], answers.OPENAI),
        (answers.RESPONSE_EVENTS, RESPONSE),
        (answers.MESSAGE_EVENTS, answers.ANTHROPIC),
        (answers.GENERATED_CHUNKS, answers.OPENAI),
    ],
)
def test_a_stream_reads_as_its_last_figures(chunks: Any, usage: Any) -> None:
    """They count up already: nothing is added, and a null does not erase what was told."""
    assert read(*chunks).usage() == usage
    assert read(*chunks, *chunks).usage() == usage  # once more changes nothing


def test_events_of_clients_hold_the_answer_within() -> None:
    """OpenAI's event has a response, Anthropic's a message; its end tells only what is new."""
    completed = ResponseCompletedEvent.model_validate(answers.RESPONSE_EVENTS[-1])
    assert read(completed).usage() == RESPONSE
    started = RawMessageStartEvent.model_validate(answers.MESSAGE_EVENTS[0])
    ended = RawMessageDeltaEvent.model_validate(answers.MESSAGE_EVENTS[-2])
    assert read(started, ended).usage() == answers.ANTHROPIC
    assert strip_source(read(ended).usage()) == {
        "prompt_tokens": 40,
        "completion_tokens": 18,
        "reasoning_tokens": 8,
    }


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (  # LangChain's AIMessage: the input includes its cache
            SimpleNamespace(
                usage_metadata={
                    "input_tokens": 30,
                    "output_tokens": 9,
                    "total_tokens": 39,
                    "input_token_details": {"cache_read": 10, "cache_creation": 5},
                    "output_token_details": {"reasoning": 4},
                },
                response_metadata={"model_name": "m"},
            ),
            {"prompt_tokens": 30, "completion_tokens": 9, "total_tokens": 39}
            | {"cached_tokens": 10, "cache_write_tokens": 5, "reasoning_tokens": 4},
        ),
        (  # OpenTelemetry's attributes
            {
                "gen_ai.response.model": "m",
                "gen_ai.usage.input_tokens": 30,
                "gen_ai.usage.output_tokens": 9,
                "gen_ai.usage.cache_read.input_tokens": 10,
                "gen_ai.usage.reasoning.output_tokens": 4,
            },
            {"prompt_tokens": 30, "completion_tokens": 9}
            | {"cached_tokens": 10, "reasoning_tokens": 4},
        ),
        (  # Bedrock: the cache is beside the input
            {
                "model": "m",
                "usage": {"inputTokens": 3, "outputTokens": 4, "totalTokens": 17}
                | {"cacheReadInputTokens": 10, "cacheWriteInputTokens": 0},
            },
            {"prompt_tokens": 13, "completion_tokens": 4, "total_tokens": 17}
            | {"cached_tokens": 10, "cache_write_tokens": 0},
        ),
        (  # DeepSeek
            {
                "model": "m",
                "usage": {"prompt_tokens": 8, "completion_tokens": 2, "prompt_cache_hit_tokens": 6},
            },
            {"prompt_tokens": 8, "completion_tokens": 2, "cached_tokens": 6},
        ),
        (  # xAI: reasoning is beside the answer, which the total gives away
            {
                "model": "m",
                "usage": {"prompt_tokens": 8, "completion_tokens": 2, "total_tokens": 15}
                | {"completion_tokens_details": {"reasoning_tokens": 5}},
            },
            {"prompt_tokens": 8, "completion_tokens": 7, "total_tokens": 15, "reasoning_tokens": 5},
        ),
        (  # Google counts what its tools read beside the prompt
            {
                "model": "m",
                "usageMetadata": {"promptTokenCount": 8, "toolUsePromptTokenCount": 3}
                | {"candidatesTokenCount": 2, "totalTokenCount": 13},
            },
            {"prompt_tokens": 11, "completion_tokens": 2, "total_tokens": 13},
        ),
        (  # Google, cut off while it thought
            {"model": "m", "usageMetadata": {"promptTokenCount": 8, "thoughtsTokenCount": 5}},
            {"prompt_tokens": 8, "completion_tokens": 5, "reasoning_tokens": 5},
        ),
        (  # Ollama
            {"model": "m", "prompt_eval_count": 8, "eval_count": 2},
            {"prompt_tokens": 8, "completion_tokens": 2},
        ),
    ],
)
def test_other_shapes_are_read_into_the_same_meaning(answer: Any, expected: Any) -> None:
    """Prompt with its cache, answer with its reasoning, whoever counts how."""
    report = read(answer)
    assert strip_source(report.usage()) == expected
    assert report.model == "m"


class Struct(msgspec.Struct):
    """An answer of someone's own."""

    usage: dict[str, int]
    model: str = "m"


@dataclass(slots=True)
class Slotted:
    """The same, without a dict."""

    usage: dict[str, int]
    model: str = "m"


@dataclass
class Plain:
    """The same, with one."""

    usage: dict[str, int]
    model: str = "m"


class Mapped(dict[str, Any]):
    """A dict that would tell something else."""

    def get(self, *_: object) -> None:
        raise AssertionError

    __getitem__ = __iter__ = __contains__ = items = keys = get  # type: ignore[assignment]  # traps


@pytest.mark.parametrize(
    "answer",
    [
        Struct({"prompt_tokens": 3}),
        Slotted({"prompt_tokens": 3}),
        Plain({"prompt_tokens": 3}),
        Mapped(usage=Mapped(prompt_tokens=3), model="m"),
    ],
    ids=lambda answer: type(answer).__name__,
)
def test_fields_are_read_where_instances_keep_them(answer: Any) -> None:
    """In a dict, in slots, in a struct; an overridden method is not asked."""
    report = read(answer)
    assert (strip_source(report.usage()), report.model) == ({"prompt_tokens": 3}, "m")


def test_what_has_a_price_of_its_own_is_told_apart() -> None:
    """Audio, a cache that lives an hour, searches, a tier: details beside the usage."""
    chat: Any = {**answers.CHAT, "service_tier": "flex"}
    chat["usage"] = {**answers.CHAT_USAGE, "prompt_tokens_details": {"audio_tokens": 7}}
    assert read(chat).details() == {"input_audio_tokens": 7, "service_tier": "flex"}
    message: Any = {**answers.MESSAGE}
    message["usage"] = answers.MESSAGE_USAGE | {
        "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 16},
        "server_tool_use": {"web_search_requests": 2, "web_fetch_requests": 0},
        "service_tier": "batch",
    }
    assert read(Message.model_validate(message)).details() == {
        "cache_write_1h_tokens": 16,
        "web_searches": 2,
        "service_tier": "batch",
    }
    generated: Any = {**answers.GENERATED}
    generated["usageMetadata"] = answers.GENERATED["usageMetadata"] | {
        "promptTokensDetails": [
            {"modality": "TEXT", "tokenCount": 100},
            {"modality": "IMAGE", "tokenCount": 12},
            {"modality": "DOCUMENT", "tokenCount": 8},
        ]
    }
    assert read(generated).details() == {"input_image_tokens": 20}
    assert read(GenerateContentResponse.model_validate(generated)).details() == {
        "input_image_tokens": 20
    }
    assert read(answers.CHAT, answers.MESSAGE, answers.GENERATED).details() == {}


@pytest.mark.parametrize(
    ("answer", "cost"),
    [
        ({"id": "gen-1", "model": "m", "usage": {"cost": 0.00014}}, 0.00014),
        ({"id": "gen-1", "model": "m", "usage": {"cost": 0.00014, "is_byok": True}}, None),
        ({"id": "chatcmpl-1", "model": "m", "usage": {"cost": 0.00014}}, None),
        ({"id": "p", "model": "m", "usage": {"cost": {"total_cost": 0.006}}}, 0.006),
        (
            SimpleNamespace(
                model="m", usage={"total_tokens": 1}, _hidden_params={"response_cost": 2}
            ),
            2,
        ),
        ({"id": "gen-1", "model": "m", "usage": {"cost": "0.1"}}, None),
    ],
    ids=repr,
)
def test_a_cost_is_taken_where_it_has_one_meaning(answer: Any, cost: Any) -> None:
    """OpenRouter, Perplexity and LiteLLM say US dollars; anyone else's number may be anything."""
    assert read(answer).cost == cost


def test_the_provider_is_told_by_the_clients_classes() -> None:
    """Or by OpenTelemetry's attribute; JSON that many servers send tells none."""
    assert read(ChatCompletion.model_validate(answers.CHAT)).provider() == "openai"
    assert read(Message.model_validate(answers.MESSAGE)).provider() == "anthropic"
    assert (
        read(GenerateContentResponse.model_validate(answers.GENERATED)).provider() == "gcp.gen_ai"
    )
    assert read(answers.CHAT).provider() is None
    assert (
        read({"gen_ai.provider.name": "x_ai", "gen_ai.usage.input_tokens": 1}).provider() == "x_ai"
    )

    class Mine(ChatCompletion):
        """A client's class, extended."""

    assert read(Mine.model_validate(answers.CHAT)).provider() == "openai"


NAMES = ["usage", "response", "message", "usage_metadata", "id", "model", "cost", "service_tier"]
NAMES += ["prompt_tokens_details", "cache_creation", "modality", "token_count", *COUNTS]
PARTS = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 2**70) | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=6)
    ),
    max_leaves=20,
)


@given(PARTS)
def test_whatever_an_answer_holds_is_read_or_left(answer: Any) -> None:
    """Total: a record that the wire takes, or nothing; never an exception."""
    report = read_report(answer)
    if report is not None:
        usage = report.usage()
        assert usage is None or usage == clean_usage(usage, "reported")
        assert all(type(value) in {int, str} for value in report.details().values())


FIGURES = st.dictionaries(st.sampled_from(sorted(set(COUNTS.values()))), st.integers(0, 10**6))


def make_report(counts: dict[str, int]) -> Report:
    """Return a report that tells these counts."""
    report = Report()
    report.counts.update(counts)
    return report


@given(FIGURES, FIGURES)
def test_the_order_of_chunks_matters_only_where_both_tell_a_figure(a: Any, b: Any) -> None:
    """The later one holds for what both tell; what one tells is kept, whichever comes first."""
    forth, back = Report(), Report()
    for order, merged in (((a, b), forth), ((b, a), back)):
        for counts in order:
            merged.merge(make_report(counts))
    assert forth.counts == {**a, **b}
    assert back.counts == {**b, **a}
    if not a.keys() & b.keys():
        assert forth.usage() == back.usage()


@given(
    st.dictionaries(st.sampled_from([*FIELDS, "other"]), st.integers() | st.booleans() | st.text())
)
def test_usage_is_cleaned_to_what_the_wire_takes(figures: dict[str, Any]) -> None:
    """Total: only the fields, only counts, never a 0 for what is not known."""
    usage = clean_usage(figures, "reported")
    kept = {
        name: value
        for name, value in figures.items()
        if name in FIELDS and type(value) is int and 0 <= value < 2**31
    }
    assert strip_source(usage) == (kept or None)
