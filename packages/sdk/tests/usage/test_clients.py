"""The clients of OpenAI, Anthropic and Google themselves, against a server: what is read of each.

Sync and async, whole and streamed; the recorded output is theirs to judge, the figures are ours.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import anthropic
import openai
import pytest
from google import genai

from agenttrace.wrappers import trace_agent, trace_llm

from .answers import ANTHROPIC, OPENAI
from .provider_server import ProviderServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from ..conftest import Recording

MESSAGES: Final[Any] = [{"role": "user", "content": "Hi"}]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with ProviderServer() as url:
        yield url


def make_openai(url: str) -> openai.OpenAI:
    return openai.OpenAI(api_key="k", base_url=f"{url}/v1", max_retries=0)


def make_async_openai(url: str) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(api_key="k", base_url=f"{url}/v1", max_retries=0)


def make_google(url: str) -> genai.Client:
    return genai.Client(api_key="k", http_options=genai.types.HttpOptions(base_url=url))


def chat(url: str) -> Any:
    with make_openai(url) as client:
        return client.chat.completions.create(model="gpt-4o", messages=MESSAGES)


def stream_chat(url: str) -> Iterator[Any]:
    with make_openai(url) as client:
        yield from client.chat.completions.create(
            model="gpt-4o", messages=MESSAGES, stream=True, stream_options={"include_usage": True}
        )


async def chat_async(url: str) -> Any:
    async with make_async_openai(url) as client:
        return await client.chat.completions.create(model="gpt-4o", messages=MESSAGES)


async def stream_chat_async(url: str) -> AsyncIterator[Any]:
    async with make_async_openai(url) as client:
        async for chunk in await client.chat.completions.create(
            model="gpt-4o", messages=MESSAGES, stream=True, stream_options={"include_usage": True}
        ):
            yield chunk


def respond(url: str) -> Any:
    with make_openai(url) as client:
        return client.responses.create(model="gpt-4o", input="Hi")


def stream_response(url: str) -> Iterator[Any]:
    with make_openai(url) as client:
        yield from client.responses.create(model="gpt-4o", input="Hi", stream=True)


async def respond_async(url: str) -> Any:
    async with make_async_openai(url) as client:
        return await client.responses.create(model="gpt-4o", input="Hi")


async def stream_response_async(url: str) -> AsyncIterator[Any]:
    async with make_async_openai(url) as client:
        async for event in await client.responses.create(model="gpt-4o", input="Hi", stream=True):
            yield event


def ask_claude(url: str) -> Any:
    with anthropic.Anthropic(api_key="k", base_url=url, max_retries=0) as client:
        return client.messages.create(model="claude-sonnet-5", max_tokens=9, messages=MESSAGES)


def stream_claude(url: str) -> Iterator[Any]:
    with anthropic.Anthropic(api_key="k", base_url=url, max_retries=0) as client:
        yield from client.messages.create(
            model="claude-sonnet-5", max_tokens=9, messages=MESSAGES, stream=True
        )


def stream_claude_with_helper(url: str) -> Iterator[Any]:
    client = anthropic.Anthropic(api_key="k", base_url=url, max_retries=0)
    with (
        client,
        client.messages.stream(model="claude-sonnet-5", max_tokens=9, messages=MESSAGES) as stream,
    ):
        yield from stream


async def ask_claude_async(url: str) -> Any:
    async with anthropic.AsyncAnthropic(api_key="k", base_url=url, max_retries=0) as client:
        return await client.messages.create(
            model="claude-sonnet-5", max_tokens=9, messages=MESSAGES
        )


async def stream_claude_async(url: str) -> AsyncIterator[Any]:
    async with anthropic.AsyncAnthropic(api_key="k", base_url=url, max_retries=0) as client:
        async for event in await client.messages.create(
            model="claude-sonnet-5", max_tokens=9, messages=MESSAGES, stream=True
        ):
            yield event


def generate(url: str) -> Any:
    with make_google(url) as client:
        return client.models.generate_content(model="gemini-2.5-flash", contents="Hi")


def stream_generated(url: str) -> Iterator[Any]:
    with make_google(url) as client:
        yield from client.models.generate_content_stream(model="gemini-2.5-flash", contents="Hi")


async def generate_async(url: str) -> Any:
    async with make_google(url).aio as client:
        return await client.models.generate_content(model="gemini-2.5-flash", contents="Hi")


async def stream_generated_async(url: str) -> AsyncIterator[Any]:
    async with make_google(url).aio as client:
        async for chunk in await client.models.generate_content_stream(
            model="gemini-2.5-flash", contents="Hi"
        ):
            yield chunk


GPT: Final = ("gpt-4o-2024-08-06", "openai", OPENAI)
RESPONSE: Final = ("gpt-4o-2024-08-06", "openai", {**OPENAI, "cache_write_tokens": 0})
CLAUDE: Final = ("claude-sonnet-5", "anthropic", ANTHROPIC)
GEMINI: Final = ("gemini-2.5-flash", "gcp.gen_ai", OPENAI)


@pytest.mark.parametrize(
    ("ask", "expected"),
    [
        (chat, GPT),
        (stream_chat, GPT),
        (respond, RESPONSE),
        (stream_response, RESPONSE),
        (ask_claude, CLAUDE),
        (stream_claude, CLAUDE),
        (stream_claude_with_helper, CLAUDE),
        (generate, GEMINI),
        (stream_generated, GEMINI),
    ],
)
def test_a_call_is_read_to_its_price(
    ask: Callable[[str], Any], expected: Any, url: str, recording: Recording
) -> None:
    """Tokens, model, provider and id from the client's own objects; the cost from the list."""
    call = trace_llm(recording.tracer)(ask)
    with recording.tracer.run("agent"):
        answer = call(url)
        if hasattr(answer, "__next__"):
            list(answer)
    check(recording.span(ask.__name__), expected)


@pytest.mark.parametrize(
    ("ask", "expected"),
    [
        (chat_async, GPT),
        (stream_chat_async, GPT),
        (respond_async, RESPONSE),
        (stream_response_async, RESPONSE),
        (ask_claude_async, CLAUDE),
        (stream_claude_async, CLAUDE),
        (generate_async, GEMINI),
        (stream_generated_async, GEMINI),
    ],
)
def test_an_async_call_is_read_to_its_price(
    ask: Callable[[str], Any], expected: Any, url: str, recording: Recording
) -> None:
    """The same, awaited."""
    call = trace_llm(recording.tracer)(ask)

    async def main() -> None:
        answer = call(url)
        if hasattr(answer, "__anext__"):
            async for _ in answer:
                pass
        else:
            await answer

    with recording.tracer.run("agent"):
        asyncio.run(main())
    check(recording.span(ask.__name__), expected)


def check(span: dict[str, Any], expected: Any) -> None:
    model, provider, usage = expected
    assert (span["usage"], span["model"]) == (usage, model)
    assert span["attributes"]["gen_ai.provider.name"] == provider
    assert span["attributes"]["gen_ai.response.id"]
    assert span["cost"]["source"] == "price_table"
    assert span["cost"]["table"].startswith("genai-prices ")


def test_an_embedding_is_read_to_its_price(url: str, recording: Recording) -> None:
    """It has a prompt and no answer."""

    @trace_llm(recording.tracer)
    def embed() -> Any:
        with make_openai(url) as client:
            return client.embeddings.create(
                model="text-embedding-3-small", input="Hi", encoding_format="float"
            )

    with recording.tracer.run("agent"):
        embed()
    span = recording.span("embed")
    assert span["usage"] == {"prompt_tokens": 7, "total_tokens": 7, "source": "reported"}
    assert span["cost"]["usd"] == "0.00000014"


def test_a_stream_that_its_consumer_leaves_keeps_what_was_told(
    url: str, recording: Recording
) -> None:
    """Anthropic tells the prompt first: of what was never told nothing is claimed, nor priced."""
    call = trace_llm(recording.tracer)(stream_chat)
    with recording.tracer.run("agent"):
        stream: Any = call(url)
        next(stream)
        stream.close()
    span = recording.span("stream_chat")
    assert span["model"] == "gpt-4o-2024-08-06"
    assert not {"usage", "cost"} & span.keys()


def test_an_agents_answer_is_not_billed(url: str, recording: Recording) -> None:
    """What it returns sums up, or passes on, what its model calls have billed."""
    ask = trace_llm(recording.tracer)(chat)

    @trace_agent(recording.tracer)
    def agent() -> Any:
        return ask(url)

    with recording.tracer.run("run"):
        agent()
    assert not {"usage", "cost"} & recording.span("agent").keys()
    assert "usage" in recording.span("chat")
