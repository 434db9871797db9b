"""What a document may be before it is parsed: small, and not nested without end.

The parser recurses, so the nesting must be known before it starts; the lexer does not.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from graphql.language import Lexer

from agenttrace_server.errors import InvalidArgumentError
from graphql import GraphQLError, Source, TokenKind

MAX_DOCUMENT_BYTES: Final = 16 * 1024
MAX_TOKENS: Final = 2_000
MAX_NESTING: Final = 40

_OPENING: Final = frozenset({TokenKind.BRACE_L, TokenKind.BRACKET_L, TokenKind.PAREN_L})
_CLOSING: Final = frozenset({TokenKind.BRACE_R, TokenKind.BRACKET_R, TokenKind.PAREN_R})


def check_document(text: str) -> None:
    """Do nothing if the document is within the limits.

    Raises:
        InvalidArgumentError: it is too long, has too many tokens, or is nested too deeply.

    """
    if len(text) > MAX_DOCUMENT_BYTES:
        raise InvalidArgumentError(f"the document is over {MAX_DOCUMENT_BYTES} characters")
    problem = _find_problem(text)
    if problem is not None:
        raise InvalidArgumentError(problem)


@lru_cache(maxsize=256)
def _find_problem(text: str) -> str | None:
    lexer = Lexer(Source(text))
    tokens = nesting = 0
    try:
        while (token := lexer.advance()).kind is not TokenKind.EOF:
            tokens += 1
            nesting += (token.kind in _OPENING) - (token.kind in _CLOSING)
            if tokens > MAX_TOKENS:
                return f"the document has over {MAX_TOKENS} tokens"
            if nesting > MAX_NESTING:
                return f"the document is nested over {MAX_NESTING} levels deep"
    except GraphQLError:
        pass  # the parser will say what is wrong, with its place
    return None
