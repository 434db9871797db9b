"""The final outputs of runs, as gates and baselines compare them."""

from __future__ import annotations

import json
import re
from hashlib import sha256
from typing import Final

from agenttrace.diff.lcs import match_sequences

_WORD: Final = re.compile(r"\w+|[^\w\s]")
_MAX_CELLS: Final = 400_000_000
"""20,000 words against 20,000: longer texts are compared line by line."""


def write_canonical(text: str) -> str:
    """Return JSON text with sorted keys and without blanks; what is no JSON as it stands."""
    try:
        value = json.loads(text)
        return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    except (ValueError, RecursionError):
        return text


def digest_output(text: str) -> str:
    """Return what a baseline keeps of an output."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def measure_similarity(base: str, head: str) -> float:
    """Return the share of words, or of very long texts of lines, that are common: 0 to 1."""
    if base == head:
        return 1.0
    before, after = _WORD.findall(base), _WORD.findall(head)
    if len(before) * len(after) > _MAX_CELLS:
        before, after = base.splitlines(), head.splitlines()
    total = len(before) + len(after)
    if not total:
        return 0.0  # nothing but blanks, and not the same ones
    return 2 * len(match_sequences(before, after)) / total


def read_words(text: str) -> str:
    """Return what of JSON text is compared word by word: a text itself, else the JSON."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value if isinstance(value, str) else text
