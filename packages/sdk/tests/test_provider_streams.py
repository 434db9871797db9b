"""The streams of the real OpenAI and Anthropic SDKs, against a server of this test's own."""

from __future__ import annotations

import asyncio
import gc
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from agenttrace.wrappers import trace_llm

from .fake_provider import WORDS, FakeProvider

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .conftest import Recording

openai = pytest.importorskip("openai")
anthropic = pytest.importorskip("anthropic")

MESSAGES = [{"role": "user", "content": "hi"}]
TEXT = "".join(WORDS)


@pytest.fixture(scope="module")
def provider() -> Iterator[FakeProvider]:
    """Give a provider that streams."""
    provider = FakeProvider()
    yield provider
    provider.stop()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask no proxy of the machine's."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def make_call(recording: Recording, provider: FakeProvider, kind: str) -> Callable[..., Any]:
    """Return a traced function that asks a model and returns the SDK's stream."""
    options: dict[str, Any] = {"api_key": "none", "max_retries": 0}
    if kind.startswith("openai"):
        module, path = openai, f"{provider.url}/v1"
    else:
        module, path = anthropic, provider.url
    names = {"openai": ("OpenAI", "AsyncOpenAI"), "anthropic": ("Anthropic", "AsyncAnthropic")}
    sync_name, async_name = names[kind.split(maxsplit=1)[0]]
    is_async = "async" in kind
    client = getattr(module, async_name if is_async else sync_name)(base_url=path, **options)

    def ask(model: str) -> Any:
        request: dict[str, Any] = {"model": model, "messages": MESSAGES}
        if kind.startswith("openai"):
            if "manager" in kind:
                return client.chat.completions.stream(**request)
            return client.chat.completions.create(**request, stream=True)
        if "manager" in kind:
            return client.messages.stream(**request, max_tokens=9)
        return client.messages.create(**request, max_tokens=9, stream=True)

    return trace_llm(recording.tracer, name="ask")(ask)


SYNC = ["openai", "openai manager", "anthropic", "anthropic manager"]
ASYNC = ["openai async", "openai async manager", "anthropic async", "anthropic async manager"]


def consume(stream: Any, kind: str, limit: int | None = None) -> Any:
    """Take so many chunks of a stream, or all, and return its type and their number."""
    if "manager" in kind:
        with stream as entered:
            return type(entered).__name__, take(entered, limit)
    with stream:
        return type(stream).__name__, take(stream, limit)


def take(stream: Any, limit: int | None) -> int:
    """Take so many chunks, or all."""
    count = 0
    for _ in stream:
        count += 1
        if count == limit:
            break
    return count


async def consume_async(call: Callable[..., Any], kind: str, model: str, limit: int | None) -> int:
    """Take so many chunks of an asynchronous stream, or all, and return their number."""
    stream = call(model)
    if "manager" not in kind:
        stream = await stream
    count = 0
    async with stream as entered:
        async for _ in entered:
            count += 1
            if count == limit:
                break
    return count


def run(
    recording: Recording, provider: FakeProvider, kind: str, model: str, limit: int | None
) -> int:
    """Ask a model in a run, and take so many chunks of what it answers."""
    call = make_call(recording, provider, kind)

    async def work() -> int:
        async with recording.tracer.run("agent"):
            return await consume_async(call, kind, model, limit)

    if "async" in kind:
        return asyncio.run(work())
    with recording.tracer.run("agent"):
        count: int = consume(call(model), kind, limit)[1]
    return count


@pytest.mark.parametrize("kind", SYNC + ASYNC)
def test_a_stream_is_recorded_to_its_end(
    recording: Recording, provider: FakeProvider, kind: str
) -> None:
    """Its text is the output, its chunks are events, usage is read from them."""
    count = run(recording, provider, kind, "m-1", None)
    gc.collect()
    span = recording.span("ask")
    assert (span["outcome"], span["output"]["value"]) == ("ok", TEXT)
    assert span["attributes"]["agenttrace.stream.chunks"] == count == len(recording.events())
    assert span["attributes"]["gen_ai.response.time_to_first_chunk"] > 0
    if kind.startswith("anthropic") or "manager" not in kind:
        assert span["usage"]["completion_tokens"] == 3
    offsets = [event["offset_ns"] for event in recording.events()]
    assert offsets == sorted(offsets)
    assert recording.tracer.stats().errors == {}


@pytest.mark.parametrize("kind", SYNC + ASYNC)
def test_a_consumer_that_stops_early_closes_it(
    recording: Recording, provider: FakeProvider, kind: str
) -> None:
    """With what had come by then."""
    assert run(recording, provider, kind, "m-1", 2) == 2
    span = recording.span("ask")
    assert (span["status"], span["outcome"]) == ("COMPLETED", "closed")
    assert span["attributes"]["agenttrace.stream.chunks"] == 2


@pytest.mark.parametrize("kind", SYNC + ASYNC)
def test_an_error_in_the_middle_ends_it(
    recording: Recording, provider: FakeProvider, kind: str
) -> None:
    """The SDK's own error comes out, and is on record after the chunks before it."""
    module = openai if kind.startswith("openai") else anthropic
    with pytest.raises(module.APIError):
        run(recording, provider, kind, "broken", None)
    span = recording.span("ask")
    assert (span["status"], span["outcome"]) == ("ERROR", "error")
    assert span["error"]["type"].split(".")[0] == kind.split(maxsplit=1)[0]
    assert span["attributes"]["agenttrace.stream.chunks"] >= 2


@pytest.mark.parametrize("kind", SYNC)
def test_the_stream_is_what_it_was(recording: Recording, provider: FakeProvider, kind: str) -> None:
    """Of the SDK's class for whoever asks, and of no other when it is over."""
    call = make_call(recording, provider, kind)
    plain = consume(call.__wrapped__("m-1"), kind)  # type: ignore[attr-defined]  # functools.wraps
    stream = call("m-1")
    module = openai if kind.startswith("openai") else anthropic
    if "manager" not in kind:
        assert isinstance(stream, module.Stream)
    assert consume(stream, kind) == plain
    gc.collect()
    assert not hasattr(type(stream), "__agenttrace_streams__")


@pytest.mark.parametrize("kind", ["anthropic manager"])
def test_what_the_sdk_builds_of_a_stream_is_there(
    recording: Recording, provider: FakeProvider, kind: str
) -> None:
    """Its helpers consume the very stream that is recorded."""
    call = make_call(recording, provider, kind)
    with recording.tracer.run("agent"):
        with call("m-1") as stream:
            assert list(stream.text_stream) == list(WORDS)
            assert stream.get_final_message().usage.output_tokens == 3
        with call("m-1") as stream, suppress(StopIteration):
            assert stream.get_final_text() == TEXT
    assert [s["output"]["value"] for s in recording.spans()] == [TEXT, TEXT]
