"""Real answers of the providers' own packages come back as what they were."""

from __future__ import annotations

import json
from typing import Any

import anthropic.types
import attrs
import openai.types.chat
import openai.types.responses
import pytest
from google.genai import types as genai

from agenttrace.encoding.decode import decode_payload
from agenttrace.encoding.fidelity import RoundTrip
from agenttrace.encoding.payload import Policy, encode
from agenttrace.encoding.snapshot import take_snapshot

LIMIT = 2**20
COMPLETION: dict[str, Any] = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1_700_000_000,
    "model": "gpt-4o-2024-08-06",
    "system_fingerprint": "fp_1",
    "choices": [
        {
            "index": 0,
            "finish_reason": "tool_calls",
            "logprobs": None,
            "message": {
                "role": "assistant",
                "content": None,
                "refusal": None,
                "tool_calls": [
                    {
                        "id": "call_1",
                        "type": "function",
                        "function": {"name": "search", "arguments": '{"query": "spans"}'},
                    }
                ],
            },
        }
    ],
    "usage": {
        "prompt_tokens": 12,
        "completion_tokens": 8,
        "total_tokens": 20,
        "prompt_tokens_details": {"cached_tokens": 4},
    },
    "x_not_in_the_schema": {"a": [1]},
}
CHUNK: dict[str, Any] = {
    "id": "chatcmpl-1",
    "object": "chat.completion.chunk",
    "created": 1_700_000_000,
    "model": "gpt-4o",
    "choices": [{"index": 0, "delta": {"content": "Hi"}, "finish_reason": None}],
}
MESSAGE: dict[str, Any] = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-4",
    "stop_reason": "tool_use",
    "stop_sequence": None,
    "content": [
        {"type": "text", "text": "I will look."},
        {"type": "tool_use", "id": "toolu_1", "name": "search", "input": {"query": ["spans"]}},
    ],
    "usage": {"input_tokens": 12, "output_tokens": 8, "cache_read_input_tokens": 4},
}
GENERATED: dict[str, Any] = {
    "candidates": [
        {
            "content": {
                "role": "model",
                "parts": [
                    {"text": "Looking."},
                    {"function_call": {"name": "search", "args": {"query": "spans"}}},
                    {"inline_data": {"mime_type": "image/png", "data": "iVBORw=="}},
                ],
            },
            "finish_reason": "STOP",
            "index": 0,
        }
    ],
    "usage_metadata": {
        "prompt_token_count": 12,
        "candidates_token_count": 8,
        "total_token_count": 20,
    },
    "model_version": "gemini-2.5-flash",
}


def build_answers() -> list[Any]:
    """Return answers as the packages make them: validated, or constructed as on the way in."""
    completion = openai.types.chat.ChatCompletion.model_validate(COMPLETION)
    completion._request_id = "req_1"
    return [
        completion,
        openai.types.chat.ChatCompletion.construct(**COMPLETION),
        openai.types.chat.ChatCompletionChunk.model_validate(CHUNK),
        openai.types.CreateEmbeddingResponse.model_validate(
            {
                "object": "list",
                "model": "m",
                "data": [{"object": "embedding", "index": 0, "embedding": [0.1, -0.2]}],
                "usage": {"prompt_tokens": 1, "total_tokens": 1},
            }
        ),
        anthropic.types.Message.model_validate(MESSAGE),
        anthropic.types.Message.construct(**MESSAGE),
        genai.GenerateContentResponse.model_validate(GENERATED),
        genai.GenerateContentConfig(temperature=0.5, stop_sequences=["a"]),
    ]


def record(value: object) -> dict[str, Any]:
    """Return the payload of a value as a reader of the recording has it."""
    policy = Policy(round_trip=RoundTrip("always"))
    encoded = encode(take_snapshot(value, max_bytes=LIMIT), max_bytes=LIMIT, policy=policy)
    payload = {"value": json.loads(encoded.text), "codec": "json", "fidelity": encoded.fidelity}
    if encoded.types is not None:
        payload |= {"codec": "typed", "types": json.loads(encoded.types)}
    return payload


@pytest.mark.parametrize("value", build_answers(), ids=lambda value: type(value).__name__)
def test_an_answer_comes_back(value: Any) -> None:
    """`type(x) is T and x == rec`, with the fields that were set, and what serialises it alike."""
    payload = record({"answer": value})
    again = decode_payload(payload)["answer"]
    assert type(again) is type(value)
    assert again == value
    assert again.model_fields_set == value.model_fields_set
    assert again.model_dump_json(exclude_unset=True) == value.model_dump_json(exclude_unset=True)
    assert payload["fidelity"] == "exact"


def test_the_parts_of_an_answer_have_their_types() -> None:
    """An agent that goes on with a recorded answer finds methods and nested classes there."""
    value = openai.types.chat.ChatCompletion.model_validate(COMPLETION)
    value._request_id = "req_1"
    again: Any = decode_payload(record(value))
    (call,) = again.choices[0].message.tool_calls
    assert type(call) is openai.types.chat.ChatCompletionMessageFunctionToolCall
    assert call.function.arguments == '{"query": "spans"}'
    assert again._request_id == "req_1"
    assert again.x_not_in_the_schema == {"a": [1]}


@attrs.define
class Cart:
    """A class of the attrs package, with slots."""

    items: list[Any]
    note: Any = None


@attrs.frozen(slots=False)
class Fixed:
    """A class of the attrs package that refuses changes."""

    a: Any = attrs.field(default=1, validator=attrs.validators.instance_of((object,)))


@pytest.mark.parametrize("value", [Cart([1, (2,)], {3}), Fixed((1,)), [Fixed(Cart([]))]])
def test_attrs_objects_come_back(value: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """With slots, frozen, within each other."""
    import sys

    monkeypatch.setitem(sys.modules, __name__, sys.modules.get(__name__) or _this_module())
    payload = record(value)
    assert payload["fidelity"] == "exact"
    assert decode_payload(payload) == value


def _this_module() -> Any:
    import types

    module = types.ModuleType(__name__)
    module.__dict__.update(globals())
    return module
