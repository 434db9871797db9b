"""A recorded run as a replay goes by it: its spans as nodes, each of which is used once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agenttrace.replay.forks import Marks
from agenttrace.semconv import REPLAY_RECEIVER, STREAM_CHUNKS
from agenttrace.trace.visible import show_time
from agenttrace.wire import SpanType

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agenttrace.trace import RecordedEvent, RecordedRun, RecordedSpan

_FREE: Final = 0
_USED: Final = 1
_LENT: Final = 2
BOUNDARY_TYPES: Final = frozenset({SpanType.LLM_CALL, SpanType.TOOL_CALL, SpanType.RETRIEVAL})
"""What is served from the record unless a wrapper says otherwise: what reaches out to the world."""


def is_boundary(span_type: SpanType, given: bool | None) -> bool:  # noqa: FBT001 -- None is a third answer
    """Tell whether a call is a unit of replay: as its wrapper says, else by its type."""
    return span_type in BOUNDARY_TYPES if given is None else given


class Node:
    """A recorded span, or the run itself where `span` is None.

    `is_used` is whether the replay has had it, in any process: served, matched or copied; and
    `is_lent` whether that was for another call than its own, which may come yet.
    `is_opened` is whether the body of a boundary runs, so that what it calls is looked up.
    `receiver` is which of several objects the method was called on; None where it is not known.
    """

    __slots__ = (
        "children",
        "is_boundary",
        "is_opened",
        "marks",
        "parent",
        "place",
        "receiver",
        "span",
    )

    def __init__(
        self, span: RecordedSpan | None, parent: Node | None, marks: Marks, place: int
    ) -> None:
        self.span = span
        self.marks = marks
        self.place = place
        self.parent = parent
        self.children: list[Node] = []
        self.is_opened = False
        attributes = None if span is None else span.attributes
        receiver = None if attributes is None else attributes.get(REPLAY_RECEIVER)
        self.receiver = receiver if isinstance(receiver, str) else None
        self.is_boundary = span is not None and is_boundary(span.span_type, span.boundary)

    @property
    def is_used(self) -> bool:
        """Whether the replay has had it."""
        return self.marks[self.place] != _FREE

    @is_used.setter
    def is_used(self, value: bool) -> None:
        self.marks[self.place] = _USED if value else _FREE

    @property
    def is_lent(self) -> bool:
        """Whether what the replay had it for is not its own call."""
        return self.marks[self.place] == _LENT

    def lend(self) -> None:
        """Take it, and what it holds, as had by another call than its own."""
        for node in (self, *self.walk()):
            if not node.is_used:
                node.marks[node.place] = _LENT

    @property
    def seq(self) -> int:
        """Where among the run's events it started; -1 for the run."""
        return -1 if self.span is None else self.span.seq

    @property
    def end_seq(self) -> int | None:
        """Where it ended; None when it did not, and for the run."""
        return None if self.span is None else self.span.end_seq

    @property
    def lane(self) -> int:
        """The recorded thread of control; the run's own is 0."""
        return 0 if self.span is None else self.span.lane

    def walk(self) -> Iterator[Node]:
        """Yield everything below it, parents first, siblings in their order."""
        for child in self.children:
            yield child
            yield from child.walk()

    def find_units(self) -> Iterator[Node]:
        """Yield the boundaries right below it that no other boundary holds."""
        for child in self.children:
            if child.is_boundary:
                yield child
            else:
                yield from child.find_units()

    def is_below(self, other: Node) -> bool:
        """Tell whether `other` holds it, at whatever depth."""
        node = self.parent
        while node is not None and node is not other:
            node = node.parent
        return node is not None

    @property
    def input_hash(self) -> str | None:
        """The hash of its canonical input; None where that was not read whole."""
        return None if self.span is None else self.span.input_hash

    @property
    def key(self) -> tuple[SpanType, str, str | None] | None:
        """What it has in common with its counterpart in any case; None for the run."""
        span = self.span
        return None if span is None else (span.span_type, span.name, span.replay_key)

    def read_answer(self) -> object:
        """Return what tells its answer from another's: outcome, output and error."""
        span = self.span
        assert span is not None
        if STREAM_CHUNKS in (span.attributes or {}) and span.output is None:
            return self  # its chunks are not looked at: as no other
        error = None if span.error is None else (span.error.type, span.error.message)
        output = None if span.output is None else (span.output.json, str(span.output.types))
        return span.outcome, output, error

    def is_within(self, scope: Node) -> bool:
        """Tell whether `scope` is its parent, but for structural spans that were not met."""
        node = self.parent
        while node is not None:
            if node is scope:
                return True
            if node.is_boundary or node.is_used:
                return False
            node = node.parent
        return False

    def describe(self) -> str:
        """Return its place by names, without the run's: `answer/search`."""
        names = []
        node: Node | None = self
        while node is not None and node.span is not None:
            names.append(node.span.name)
            node = node.parent
        return "/".join(reversed(names))


class Tape:
    """One recorded run, made ready. `root` stands for the run.

    One that `is_optional` need not be begun by the program.
    """

    __slots__ = ("_marks", "by_id", "is_optional", "is_taken", "nodes", "root", "run")

    def __init__(self, run: RecordedRun, *, is_optional: bool = False) -> None:
        self.run = run
        self.is_optional = is_optional
        self._marks = Marks(len(run.spans) + 1)
        self.root = Node(None, None, self._marks, 0)
        self.root.is_used = True
        self.by_id: dict[str, Node] = {}
        self.is_taken = False  # a live run goes by it
        self.nodes = self._link(run.spans)

    @property
    def begins_with_call(self) -> bool:
        """Whether a call outside of any run began it, so that its input is that call's."""
        if not self.nodes or self.run.input is None:
            return False
        span = self.nodes[0].span
        assert span is not None
        is_its = span.input is not None and span.input.json == self.run.input.json
        return is_its and span.name == self.run.name

    def describe_cut(self) -> str:
        """Return where a run that never ended stops: the number and the time of its last record."""
        run = self.run
        at = [(run.start_ns, 0), *((each.t_ns, each.seq) for each in run.events)]
        for span in run.spans:
            at.append((span.start_ns, span.seq))
            if span.end_ns is not None and span.end_seq is not None:
                at.append((span.end_ns, span.end_seq))
        time_ns, seq = max(at)
        return f"it never ended, its last record is of seq {seq} at {show_time(time_ns)}"

    def _link(self, spans: list[RecordedSpan]) -> list[Node]:
        """Return the nodes in the order of their start; a parent starts before its children."""
        nodes: list[Node] = []
        for span in spans:
            parent = self.by_id.get(span.parent_span_id or "", self.root)
            node = Node(span, parent, self._marks, len(nodes) + 1)
            parent.children.append(node)
            self.by_id[span.span_id] = node
            nodes.append(node)
        return nodes

    def events_of(self, node: Node) -> list[RecordedEvent]:
        """Return the events of one recorded span."""
        return [] if node.span is None else self.run.events_of(node.span.span_id)
