"""Where providers put each figure, as tables. A name that is not here is not read."""

from __future__ import annotations

from typing import Final

HOLDERS: Final = (None, "response", "message")
"""The answer itself, or what a stream's event holds: OpenAI's `response`, Anthropic's `message`."""

USAGE_NAMES: Final = ("usage", "usage_metadata", "usageMetadata")
"""OpenAI and Anthropic; Google and LangChain; Google's JSON."""

TOP_COUNTS: Final = (
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.output_tokens",
    "prompt_eval_count",
    "eval_count",
)
"""Names by which an answer itself is known to be what holds the counts."""

MODEL_NAMES: Final = (
    "model",
    "model_version",
    "modelVersion",
    "model_name",
    "gen_ai.response.model",
    "gen_ai.request.model",
)
ID_NAMES: Final = ("id", "response_id", "responseId", "gen_ai.response.id")

# `prompt` includes what came from a cache, `input` does so unless it is told `beside`; `output`
# includes reasoning, `candidates` do not include `thoughts`.
COUNTS: Final[dict[str, str]] = {
    "prompt_tokens": "prompt",  # OpenAI chat completions, embeddings
    "completion_tokens": "output",
    "total_tokens": "total",
    "cached_tokens": "cached",
    "cache_write_tokens": "cache_write",
    "reasoning_tokens": "reasoning",
    "prompt_cache_hit_tokens": "cached",  # DeepSeek
    "input_tokens": "input",  # OpenAI responses, Anthropic, LangChain
    "output_tokens": "output",
    "cache_read_input_tokens": "beside_read",  # Anthropic
    "cache_creation_input_tokens": "beside_write",
    "prompt_token_count": "prompt",  # Google
    "candidates_token_count": "candidates",
    "thoughts_token_count": "thoughts",
    "tool_use_prompt_token_count": "tool_prompt",
    "cached_content_token_count": "cached",
    "total_token_count": "total",
    "promptTokenCount": "prompt",  # Google's JSON
    "candidatesTokenCount": "candidates",
    "thoughtsTokenCount": "thoughts",
    "toolUsePromptTokenCount": "tool_prompt",
    "cachedContentTokenCount": "cached",
    "totalTokenCount": "total",
    "inputTokens": "input",  # Bedrock
    "outputTokens": "output",
    "totalTokens": "total",
    "cacheReadInputTokens": "beside_read",
    "cacheWriteInputTokens": "beside_write",
    "prompt_eval_count": "prompt",  # Ollama
    "eval_count": "output",
    "gen_ai.usage.input_tokens": "prompt",  # OpenTelemetry, newest name first
    "gen_ai.usage.output_tokens": "output",
    "gen_ai.usage.cache_read.input_tokens": "cached",
    "gen_ai.usage.cache_write.input_tokens": "cache_write",
    "gen_ai.usage.cache_creation.input_tokens": "cache_write",
    "gen_ai.usage.reasoning.output_tokens": "reasoning",
}

_INPUT_PARTS: Final = {
    "cached_tokens": "cached",
    "cache_write_tokens": "cache_write",
    "audio_tokens": "input_audio_tokens",
    "image_tokens": "input_image_tokens",
    "cache_read": "cached",  # LangChain
    "cache_creation": "cache_write",
    "audio": "input_audio_tokens",
}
_OUTPUT_PARTS: Final = {
    "reasoning_tokens": "reasoning",
    "thinking_tokens": "reasoning",  # Anthropic
    "audio_tokens": "output_audio_tokens",
    "image_tokens": "output_image_tokens",
    "reasoning": "reasoning",  # LangChain
    "audio": "output_audio_tokens",
}
PARTS: Final[dict[str, dict[str, str]]] = {
    "prompt_tokens_details": _INPUT_PARTS,
    "input_tokens_details": _INPUT_PARTS,
    "input_token_details": _INPUT_PARTS,
    "completion_tokens_details": _OUTPUT_PARTS,
    "output_tokens_details": _OUTPUT_PARTS,
    "output_token_details": _OUTPUT_PARTS,
    "cache_creation": {"ephemeral_1h_input_tokens": "cache_write_1h_tokens"},  # Anthropic
    "server_tool_use": {"web_search_requests": "web_searches"},
}
"""Objects within the usage, and what their fields count."""

MODALITY_LISTS: Final[dict[str, str]] = {
    "prompt_tokens_details": "input_{}_tokens",
    "promptTokensDetails": "input_{}_tokens",
    "candidates_tokens_details": "output_{}_tokens",
    "candidatesTokensDetails": "output_{}_tokens",
    "cache_tokens_details": "cache_{}_read_tokens",
    "cacheTokensDetails": "cache_{}_read_tokens",
}
"""Google's lists of counts by modality, and the name that each gets."""

MODALITIES: Final[dict[str, str]] = {
    "AUDIO": "audio",
    "IMAGE": "image",
    "DOCUMENT": "image",
    "VIDEO": "video",
}
"""Google's modalities besides text; a page of a document is billed as an image."""

BILLED: Final = frozenset(
    {
        "cache_write_1h_tokens",
        "web_searches",
        *(form.format(kind) for form in MODALITY_LISTS.values() for kind in MODALITIES.values()),
    }
)
"""Counts that have a price of their own but no field in the wire format's `usage`."""

PROVIDERS: Final = (
    ("openai.", "openai"),
    ("anthropic.", "anthropic"),
    ("google.genai.", "gcp.gen_ai"),
    ("mistralai.", "mistral_ai"),
    ("cohere.", "cohere"),
    ("groq.", "groq"),
)
"""Packages whose objects name their provider, with OpenTelemetry's name for it."""
