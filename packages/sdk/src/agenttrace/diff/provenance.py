"""Whether what is new in one span is in another's input or output."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, Self, TypeAlias

from agenttrace.diff.normalise import MAX_NORMALISED_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agenttrace.diff.model import Row, RunRef
    from agenttrace.trace.records import RecordedPayload, RecordedSpan
    from agenttrace.wire import JsonValue

_MIN_CHARS: Final = 4
"""Shorter values, such as `yes` or 12, are in many inputs by chance."""

_MAX_LEAVES: Final = 256
_Leaves: TypeAlias = "tuple[frozenset[str], frozenset[str]]"
"""Of base and of head."""

_NOTHING: Final = frozenset({b"null", b"{}", b"[]", b'""'})
_NOTHING_BYTES: Final = max(map(len, _NOTHING))


class Target(NamedTuple):
    """What a row is given, or comes to, as a text on each side: empty where it has none."""

    base: str
    head: str


class Source:
    """What one side of an origin says, or is given, that the other does not."""

    def __init__(self, said: _Leaves, given: _Leaves) -> None:
        self._said = said
        self._given = given

    @classmethod
    def of_row(cls, row: Row) -> Self:
        """Return that of a span."""
        said = _compare_leaves(*(_list_results(each) for each in _spans(row)))
        return cls(said, _compare_leaves(*(_list_inputs(each) for each in _spans(row))))

    @classmethod
    def of_run(cls, base: RunRef, head: RunRef) -> Self:
        """Return that of the run: what it is given is there for all spans."""
        given = _compare_leaves(_list_leaves(base.input), _list_leaves(head.input))
        return cls(given, given)

    def is_said_in(self, target: Target) -> bool:
        """Tell whether a value that only one side says is in that side's text."""
        pairs = zip(self._said, target, strict=True)
        return any(leaf in text for leaves, text in pairs for leaf in leaves)

    def is_given_in(self, target: Target) -> bool:
        """Tell whether a value that only one side is given is in that side's text alone."""
        pairs = zip(self._given, target, target[::-1], strict=True)
        return any(
            leaf in text and leaf not in other for leaves, text, other in pairs for leaf in leaves
        )


def read_target(row: Row, *, is_input: bool) -> Target:
    """Return what a row is given, or what it comes to."""
    read = _list_inputs if is_input else _list_results
    return Target(*("\0".join(sorted(read(each))) for each in _spans(row)))


def read_result(base: RunRef, head: RunRef) -> Target:
    """Return what the runs themselves come to."""
    return Target(*("\0".join(sorted(_list_results(each))) for each in (base, head)))


def says_something(payload: RecordedPayload | None) -> bool:
    """Tell whether a payload is there and is more than nothing, such as `{}`."""
    if payload is None:
        return False
    view = memoryview(payload.text)
    return view.nbytes > _NOTHING_BYTES or bytes(view) not in _NOTHING


def _spans(row: Row) -> Iterator[RecordedSpan | None]:
    yield row.base_span
    yield row.head_span


def _compare_leaves(base: frozenset[str], head: frozenset[str]) -> _Leaves:
    return base - head, head - base


def _list_inputs(span: RecordedSpan | None) -> frozenset[str]:
    return frozenset() if span is None else _list_leaves(span.input)


def _list_results(span: RecordedSpan | RunRef | None) -> frozenset[str]:
    """Return what a span says: the values of its output, the text of its error."""
    if span is None:
        return frozenset()
    found = _list_leaves(span.output)
    message = "" if span.error is None else span.error.message or ""
    return found | {message} if len(message) >= _MIN_CHARS else found


def _list_leaves(payload: RecordedPayload | None) -> frozenset[str]:
    """Return the texts and numbers of a payload that are long enough to be told from chance."""
    if payload is None or memoryview(payload.text).nbytes > MAX_NORMALISED_BYTES:
        return frozenset()
    found: set[str] = set()
    stack: list[JsonValue] = [payload.value]
    while stack and len(found) < _MAX_LEAVES:
        value = stack.pop()
        if isinstance(value, dict):
            stack.extend(value.values())
        elif isinstance(value, list):
            stack.extend(value)
        elif isinstance(value, bool):  # it is in half of all inputs
            continue
        elif isinstance(value, str | int | float) and len(str(value)) >= _MIN_CHARS:
            found.add(str(value))
    return frozenset(found)
