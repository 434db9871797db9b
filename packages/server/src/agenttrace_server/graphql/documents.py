"""What a document may be before it is parsed: small, and not nested without end.

The parser recurses, so the nesting must be known before it starts.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from agenttrace_server.errors import InvalidArgumentError

MAX_DOCUMENT_BYTES: Final = 16 * 1024
MAX_TOKENS: Final = 2_000
MAX_NESTING: Final = 40
MAX_DIGITS: Final = 1_000
"""Of a number: no scalar has so many, and Python refuses to read over 4,300."""

# GraphQL's tokens, without telling apart what the parser will. A pattern, since graphql-core's own
# lexer takes 56 ms for the 16,384 tokens that fit into the limit of bytes, and this one 6.
_TOKEN: Final = re.compile(
    r"""
    \"{3}(?:\\"{3}|[^"]|"(?!""))*+(?:"{3}|\Z)   # a block string, or one that never ends
    | "(?:\\.|[^"\\\r\n])*+"?                   # a string, or one that never ends
    | \#[^\r\n]*+                               # a comment, which is no token
    | [{(\[] | [})\]]
    | [_A-Za-z]\w*+ | -?\d[\w.+-]*+ | \.\.\. | [^\s,\ufeff]
    """,
    re.VERBOSE | re.ASCII,
)
_LONG_NUMBER: Final = re.compile(rf"\d{{{MAX_DIGITS + 1},}}+")
_OPENING: Final = frozenset("{([")
_CLOSING: Final = frozenset("})]")


class LimitError(InvalidArgumentError):
    """An operation is over a limit, which the text names together with what was found."""


def check_document(text: str) -> None:
    """Do nothing if the document is within the limits of what is parsed.

    Raises:
        LimitError: it is too long, has too many tokens or digits, or is nested too deeply.

    """
    size_bytes = len(text.encode("utf-8", "surrogatepass"))
    if size_bytes > MAX_DOCUMENT_BYTES:
        raise LimitError(describe_limit(f"{size_bytes} bytes", MAX_DOCUMENT_BYTES))
    if found := _LONG_NUMBER.search(text):
        raise LimitError(describe_limit(f"a number of {len(found[0])} digits", MAX_DIGITS))
    tokens, nesting = count_tokens(text)
    if tokens > MAX_TOKENS:
        raise LimitError(describe_limit(f"{tokens} tokens", MAX_TOKENS))
    if nesting > MAX_NESTING:
        raise LimitError(describe_limit(f"brackets nested {nesting} deep", MAX_NESTING))


def describe_limit(found: str, limit: int) -> str:
    """Return the message for a document that is over a limit."""
    return f"the document has {found}; the limit is {limit}"


@lru_cache(maxsize=256)
def count_tokens(text: str) -> tuple[int, int]:
    """Return how many tokens a document has, and how deep its brackets nest.

    The nesting of one with too many tokens is not looked at: it is 0.
    """
    tokens = [token for token in _TOKEN.findall(text) if token[0] != "#"]
    if len(tokens) > MAX_TOKENS:
        return len(tokens), 0
    nesting = deepest = 0
    for token in tokens:
        if token in _OPENING:
            nesting += 1
            deepest = max(deepest, nesting)
        elif token in _CLOSING:
            nesting -= 1
    return len(tokens), deepest
