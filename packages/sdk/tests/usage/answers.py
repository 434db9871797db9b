"""Answers as the providers' servers send them, and the usage that is in them."""

from __future__ import annotations

from typing import Any, Final

CHAT_USAGE: Final = {
    "prompt_tokens": 120,
    "completion_tokens": 18,
    "total_tokens": 138,
    "prompt_tokens_details": {"cached_tokens": 64, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 8, "audio_tokens": 0},
}
CHAT: Final[dict[str, Any]] = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1_795_000_000,
    "model": "gpt-4o-2024-08-06",
    "service_tier": "default",
    "choices": [
        {
            "index": 0,
            "finish_reason": "stop",
            "message": {"role": "assistant", "content": "Hello there"},
        }
    ],
    "usage": CHAT_USAGE,
}


def _make_chunk(choices: list[Any], usage: Any = None) -> dict[str, Any]:
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_795_000_000}
    return {**head, "model": "gpt-4o-2024-08-06", "choices": choices, "usage": usage}


CHAT_CHUNKS: Final = [
    _make_chunk([{"index": 0, "delta": {"role": "assistant", "content": "Hello"}}]),
    _make_chunk([{"index": 0, "delta": {"content": " there"}, "finish_reason": "stop"}]),
    _make_chunk([], CHAT_USAGE),
]

RESPONSE: Final[dict[str, Any]] = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1_795_000_000,
    "status": "completed",
    "model": "gpt-4o-2024-08-06",
    "parallel_tool_calls": True,
    "tool_choice": "auto",
    "tools": [],
    "output": [
        {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": "Hello there", "annotations": []}],
        }
    ],
    "usage": {
        "input_tokens": 120,
        "input_tokens_details": {"cached_tokens": 64, "cache_write_tokens": 0},
        "output_tokens": 18,
        "output_tokens_details": {"reasoning_tokens": 8},
        "total_tokens": 138,
    },
}
RESPONSE_EVENTS: Final[list[dict[str, Any]]] = [
    {
        "type": "response.created",
        "sequence_number": 0,
        "response": {**RESPONSE, "status": "in_progress", "output": [], "usage": None},
    },
    {
        "type": "response.output_text.delta",
        "sequence_number": 1,
        "item_id": "msg_1",
        "output_index": 0,
        "content_index": 0,
        "delta": "Hello there",
        "logprobs": [],
    },
    {"type": "response.completed", "sequence_number": 2, "response": RESPONSE},
]

EMBEDDING: Final[dict[str, Any]] = {
    "object": "list",
    "model": "text-embedding-3-small",
    "data": [{"object": "embedding", "index": 0, "embedding": [0.5, 0.25]}],
    "usage": {"prompt_tokens": 7, "total_tokens": 7},
}

MESSAGE_USAGE: Final = {
    "input_tokens": 40,
    "cache_read_input_tokens": 64,
    "cache_creation_input_tokens": 16,
    "cache_creation": {"ephemeral_5m_input_tokens": 16, "ephemeral_1h_input_tokens": 0},
    "output_tokens": 18,
    "output_tokens_details": {"thinking_tokens": 8},
    "service_tier": "standard",
}
MESSAGE: Final[dict[str, Any]] = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-5",
    "content": [{"type": "text", "text": "Hello there"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": MESSAGE_USAGE,
}
MESSAGE_EVENTS: Final[list[dict[str, Any]]] = [
    {
        "type": "message_start",
        "message": {
            **MESSAGE,
            "content": [],
            "stop_reason": None,
            "usage": {**MESSAGE_USAGE, "output_tokens": 1, "output_tokens_details": None},
        },
    },
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {
        "type": "content_block_delta",
        "index": 0,
        "delta": {"type": "text_delta", "text": "Hello there"},
    },
    {"type": "content_block_stop", "index": 0},
    {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn", "stop_sequence": None},
        # The counts are cumulative, and what is null here was told before.
        "usage": {
            "input_tokens": 40,
            "output_tokens": 18,
            "cache_read_input_tokens": None,
            "cache_creation_input_tokens": None,
            "output_tokens_details": {"thinking_tokens": 8},
        },
    },
    {"type": "message_stop"},
]


def _generate(text: str, **usage: int) -> dict[str, Any]:
    return {
        "candidates": [{"index": 0, "content": {"role": "model", "parts": [{"text": text}]}}],
        "modelVersion": "gemini-2.5-flash",
        "responseId": "gen_1",
        "usageMetadata": {"promptTokenCount": 120, "cachedContentTokenCount": 64, **usage},
    }


GENERATED: Final = _generate(
    "Hello there", candidatesTokenCount=10, thoughtsTokenCount=8, totalTokenCount=138
)
GENERATED_CHUNKS: Final = [
    _generate("", thoughtsTokenCount=8, totalTokenCount=128),
    _generate("Hello", candidatesTokenCount=4, thoughtsTokenCount=8, totalTokenCount=132),
    _generate(" there", candidatesTokenCount=10, thoughtsTokenCount=8, totalTokenCount=138),
]

OPENAI: Final = {
    "prompt_tokens": 120,
    "completion_tokens": 18,
    "total_tokens": 138,
    "cached_tokens": 64,
    "reasoning_tokens": 8,
    "source": "reported",
}
"""What is to be read from every answer of OpenAI and Google above but the embedding."""

ANTHROPIC: Final = {
    "prompt_tokens": 120,
    "completion_tokens": 18,
    "cached_tokens": 64,
    "cache_write_tokens": 16,
    "reasoning_tokens": 8,
    "source": "reported",
}
