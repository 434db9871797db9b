"""JSONPath (RFC 9535) as a question: whether a query selects anything of a document.

A query comes from whoever asks the server, so it is bounded: in its length, and in the nodes that
it may look at. Its `match` and `search` use the bounded expressions of `patterns`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from jsonpath import JSONPathEnvironment
from jsonpath.exceptions import JSONPathError
from jsonpath.function_extensions import ExpressionType, FilterFunction
from jsonpath.parse import Parser
from jsonpath.segments import JSONPathSegment

from agenttrace.steps.errors import BreakpointError, SearchError
from agenttrace.steps.patterns import TextPattern

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Iterable, Iterator

    from jsonpath.match import JSONPathMatch
    from jsonpath.stream import TokenStream

MAX_QUERY_CHARS: Final = 512
MAX_NODES: Final = 250_000
"""That a query may look at in one document. The worst that was tried took 4 s for so many."""

_MAX_DEPTH: Final = 200  # the wire format allows 100 levels


class PathQuery:
    """A compiled query.

    Raises:
        BreakpointError: it is none.

    """

    def __init__(self, text: str) -> None:
        if len(text) > MAX_QUERY_CHARS:
            raise BreakpointError(
                f"the query has {len(text)} characters; it may have {MAX_QUERY_CHARS}"
            )
        self.text = text
        self._environment = _Environment(strict=True)
        try:
            self._path = self._environment.compile(text)
        except (JSONPathError, RecursionError, ValueError) as error:
            reason = getattr(error, "message", None) or str(error) or type(error).__name__
            raise BreakpointError(f"{text!r} is no JSONPath query (RFC 9535): {reason}") from error

    def selects(self, document: object) -> bool:
        """Tell whether it selects anything.

        Raises:
            SearchError: it would look at too many nodes.

        """
        self._environment.nodes_left = MAX_NODES
        data: Any = document
        try:
            return self._path.match(data) is not None
        except (JSONPathError, RecursionError) as error:
            raise SearchError(f"{self.text}: {error}") from error


class _Counted(JSONPathSegment):
    """A segment whose nodes are counted, also within filters: what it costs is known meanwhile."""

    __slots__ = ("_inner",)

    def __init__(self, inner: JSONPathSegment) -> None:
        super().__init__(env=inner.env, token=inner.token, selectors=inner.selectors)
        self._inner = inner

    def resolve(self, nodes: Iterable[JSONPathMatch]) -> Iterable[JSONPathMatch]:
        return _count(self.env, self._inner.resolve(_count(self.env, nodes)))

    def resolve_async(self, nodes: AsyncIterable[JSONPathMatch]) -> AsyncIterable[JSONPathMatch]:
        return self._inner.resolve_async(nodes)

    def __str__(self) -> str:
        return str(self._inner)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Counted) and self._inner == other._inner

    def __hash__(self) -> int:
        return hash(self._inner)


class _Parser(Parser):
    def parse_query(self, stream: TokenStream) -> Iterable[JSONPathSegment]:
        return map(_Counted, super().parse_query(stream))


class _Environment(JSONPathEnvironment):
    parser_class = _Parser
    max_recursion_depth = _MAX_DEPTH
    nodes_left = MAX_NODES

    def setup_function_extensions(self) -> None:
        super().setup_function_extensions()
        self.function_extensions["match"] = _Expression(is_whole=True)
        self.function_extensions["search"] = _Expression(is_whole=False)

    def is_truthy(self, obj: object) -> bool:
        self.look()
        return super().is_truthy(obj)

    def compare(self, left: object, operator: str, right: object) -> bool:
        self.look()
        return super().compare(left, operator, right)

    def look(self) -> None:
        self.nodes_left -= 1
        if self.nodes_left < 0:
            raise SearchError(
                f"the query looks at more than {MAX_NODES} nodes of one document; ask for less, "
                "with fewer `..` and fewer filters within filters"
            )


class _Expression(FilterFunction):
    """`match` and `search` of RFC 9535. What is no expression matches nothing, as it says."""

    arg_types = [ExpressionType.VALUE, ExpressionType.VALUE]  # noqa: RUF012 -- as the library has it
    return_type = ExpressionType.LOGICAL

    def __init__(self, *, is_whole: bool) -> None:
        self._is_whole = is_whole
        self._patterns: dict[str, TextPattern | None] = {}

    def __call__(self, value: object, expression: object) -> bool:
        if not isinstance(value, str) or not isinstance(expression, str):
            return False
        wanted = rf"\A(?:{expression})\z" if self._is_whole else expression
        if wanted not in self._patterns:
            if len(self._patterns) >= _MAX_PATTERNS:  # an expression may come from the document
                self._patterns.clear()
            self._patterns[wanted] = _compile(wanted)
        pattern = self._patterns[wanted]
        return pattern is not None and pattern.occurs_in(value)


_MAX_PATTERNS: Final = 16


def _compile(expression: str) -> TextPattern | None:
    try:
        return TextPattern(expression, is_regex=True)
    except BreakpointError:
        return None


def _count(environment: object, nodes: Iterable[JSONPathMatch]) -> Iterator[JSONPathMatch]:
    assert isinstance(environment, _Environment)
    for node in nodes:
        environment.look()
        yield node
