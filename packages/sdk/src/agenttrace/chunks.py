"""The text within a chunk of a model's stream, as the providers' SDKs and plain dicts have it."""

from __future__ import annotations

from typing import Any, Final

_TEXT_DELTAS: Final = ("response.output_text.delta", "content.delta")  # of OpenAI's two helpers


def find_text(chunk: object) -> str | None:
    """Return the text that a chunk adds to the answer, perhaps none; None for what is no chunk.

    OpenAI's chat completions and responses, Anthropic's messages.
    """
    kind = _get(chunk, "type")
    if type(kind) is str:
        if kind in _TEXT_DELTAS:
            return _read_text(_get(chunk, "delta"))
        if kind == "content_block_delta":
            return _read_text(_get(_get(chunk, "delta"), "text"))
        return ""
    choices = _get(chunk, "choices")
    if type(choices) is not list:
        return None
    return _read_text(_get(_get(choices[0], "delta"), "content")) if choices else ""


def _read_text(value: object) -> str:
    return value if type(value) is str else ""


def _get(value: Any, name: str) -> object:
    if value is None or isinstance(value, str | bytes | int | float | list | tuple):
        return None
    if isinstance(value, dict):
        return dict.get(value, name)
    return getattr(value, name, None)
