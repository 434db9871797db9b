"""Looking for a text or a regular expression, in bounded time whatever the expression.

Expressions are those of Rust's `regex`, which pydantic-core carries: it never tries a text again
from an earlier place, so there is no look-around and no back-reference. Its time still grows with
the size of the compiled expression, so that is bounded before.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

from agenttrace.steps.errors import BreakpointError

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_TEXT_CHARS: Final = 1_000
MAX_REGEX_CHARS: Final = 256
MAX_REGEX_WEIGHT: Final = 300
"""Of an expression: a character or class is 1, `\\w` and the like 15, and what is repeated `{n}`
times counts so many times. At the limit no expression that was tried took over 10 ms for 256 KiB;
beyond, at 1,500, one took 13 s for 1 MiB."""

PART_CHARS: Final = 256 * 1024
OVERLAP_CHARS: Final = 64 * 1024
"""A longer text is searched in parts that overlap by this; `^` and `$` hold at their ends too."""

_CLASS_WEIGHT: Final = 15
_PART: Final = re.compile(
    r"\\[pP](?:\{[^}]*\}|.)|\\[wWdDsSbB]|\\.|\[(?:\\.|[^\]\\])+\]|\{(\d+)(,?)(\d*)\}|\(\?[^:)]*[:)]?|.",
    re.DOTALL,
)


class TextPattern:
    """What a text is searched for: `wanted` as it stands, or as a regular expression.

    Raises:
        BreakpointError: it is empty, too long or no expression, or its time would not be bounded.

    """

    def __init__(self, wanted: str, *, is_regex: bool = False) -> None:
        limit = MAX_REGEX_CHARS if is_regex else MAX_TEXT_CHARS
        if not 1 <= len(wanted) <= limit:
            raise BreakpointError(
                f"a text to look for has {len(wanted)} characters; it must have 1 to {limit}"
            )
        self.wanted = wanted
        self.is_regex = is_regex
        self._matches = _compile(wanted) if is_regex else wanted.__eq__
        # A text stands in JSON as JSON writes it: a quote as \", a line end as \n.
        self._written = "" if is_regex else _write(wanted)

    def occurs_in(self, text: str) -> bool:
        """Tell whether it is anywhere in a text, which may be JSON."""
        if "\\u" in text:
            text = _unescape(text)
        if self.is_regex:
            return any(self._matches(part) for part in split_text(text))
        return self.wanted in text or self._written in text


def split_text(text: str) -> Iterator[str]:
    """Yield a text in overlapping parts of bounded length."""
    yield text[:PART_CHARS]
    for at in range(PART_CHARS - OVERLAP_CHARS, len(text) - OVERLAP_CHARS, PART_CHARS):
        if at + OVERLAP_CHARS < len(text) and len(text) > PART_CHARS:
            yield text[at : at + PART_CHARS + OVERLAP_CHARS]


def weigh(expression: str) -> int:
    """Return how large an expression is when it is compiled, roughly; see `MAX_REGEX_WEIGHT`."""
    sums, last = [0], 0
    for found in _PART.finditer(expression):
        part = found[0]
        if found[1] is not None:
            low, high = min(int(found[1][:6]), 10**6), found[3][:6]
            times = max(1, low, int(high) if high else 0)
            sums[-1] += last * (times - 1)
            last *= times
        elif part.startswith("("):
            sums.append(0)
        elif part == ")":
            last = sums.pop() if len(sums) > 1 else 0
            sums[-1] += last
        elif part not in "?*+|^$":
            is_wide = re.search(r"\\[wWdDsSpPbB]", part)
            last = _CLASS_WEIGHT if is_wide else 1
            sums[-1] += last
    return sum(sums)


class _Regex:
    def __init__(self, expression: str) -> None:
        # Here and not above: most breakpoints need no expression, and it takes 20 ms to import.
        from pydantic_core import SchemaError, SchemaValidator, core_schema  # noqa: PLC0415

        try:
            schema = core_schema.str_schema(pattern=expression, regex_engine="rust-regex")
            self._validator = SchemaValidator(schema)
        except SchemaError as error:
            reason = [line.strip() for line in str(error).splitlines() if line.strip()][-1]
            raise BreakpointError(
                f"{expression!r} is no regular expression that can be searched for in bounded "
                f"time: {reason.removeprefix('error: ')}"
            ) from error

    def __call__(self, text: str) -> bool:
        return self._validator.isinstance_python(text)


def _compile(expression: str) -> _Regex:
    weight = weigh(expression)
    if weight > MAX_REGEX_WEIGHT:
        raise BreakpointError(
            f"{expression!r} is too large to be searched for in bounded time (weight {weight}, at "
            f"most {MAX_REGEX_WEIGHT}); repeat less with {{n}}"
        )
    return _Regex(expression)


def _write(wanted: str) -> str:
    return json.dumps(wanted, ensure_ascii=False)[1:-1]


def _unescape(text: str) -> str:
    """Return JSON with its letters as they are; another text as it is."""
    try:
        return json.dumps(json.loads(text), ensure_ascii=False)
    except (ValueError, RecursionError):
        return text
