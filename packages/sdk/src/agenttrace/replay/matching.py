"""Which recorded call a live one is: by content first, then by its place in the lane.

The look-up goes from the parent down: `scope` is the recorded counterpart of the live parent. So
there is no global index that one more call would shift, and a wrapper that was added or taken away
changes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from agenttrace.replay.deltas import count_equal
from agenttrace.replay.kinds import DivergenceKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from agenttrace.replay.calls import LiveCall
    from agenttrace.replay.tape import Node, Tape
    from agenttrace.replay.volatile import Volatile
    from agenttrace.wire import SpanType

_Key: TypeAlias = "tuple[SpanType, str, str | None]"

DEFAULTS_ADDED: Final = "defaults_added"
INPUT_UNVERIFIED: Final = "input_unverified"
VOLATILE_IGNORED: Final = "volatile_ignored"


class Match(NamedTuple):
    """The counterpart of a call, how it differs (None: not at all), and what is worth a note."""

    node: Node | None
    kind: DivergenceKind | None = None
    note: str | None = None


class Matcher:
    """Finds counterparts in one recorded run; whoever serves one tells it by `use`."""

    def __init__(self, tape: Tape, volatile: Volatile | None = None) -> None:
        self._volatile = volatile
        self._lanes: dict[int, int] = {}  # of the recording, by those of the live run
        self._last: dict[tuple[int, int], int] = {}  # the last used seq, by parent and lane
        self._calls: dict[_Key, list[Node]] = {}
        self._exact: dict[tuple[_Key, str], list[Node]] = {}
        self._by_hash: dict[tuple[SpanType, str], list[Node]] = {}
        self._structure: dict[_Key, list[Node]] = {}
        for node in tape.nodes:
            self._index(node)

    def _index(self, node: Node) -> None:
        span = node.span
        assert span is not None
        key = (span.span_type, span.name, span.replay_key)
        if not node.is_boundary:
            self._structure.setdefault(key, []).append(node)
            return
        self._calls.setdefault(key, []).append(node)
        if span.input_hash is not None:
            self._exact.setdefault((key, span.input_hash), []).append(node)
            self._by_hash.setdefault((span.span_type, span.input_hash), []).append(node)

    # Boundaries

    def match(self, scope: Node, call: LiveCall) -> Match:
        """Return the counterpart of a boundary call made under `scope`."""
        digest = call.hash
        if digest is not None:
            exact = self._exact.get((call.key, digest), [])
            node = self._pick(exact, call, lambda each: each.is_within(scope))
            if node is not None:
                return Match(node)
        candidates = [
            each for each in self._free(self._calls.get(call.key, [])) if each.is_within(scope)
        ]
        same = self._match_nearly(candidates, call)
        if same is not None:
            return same
        if candidates:
            return Match(self._pick_changed(candidates, call), DivergenceKind.INPUT_CHANGED)
        return self._match_elsewhere(scope, call, digest)

    def _match_elsewhere(self, scope: Node, call: LiveCall, digest: str | None) -> Match:
        if digest is not None:
            others = self._by_hash.get((call.spec.span_type, digest), [])
            renamed = self._pick(others, call, lambda each: each.is_within(scope))
            if renamed is not None:
                return Match(renamed, DivergenceKind.RENAMED)
            moved = self._pick(self._exact.get((call.key, digest), []), call, _is_unit)
            moved = moved or self._pick(self._exact.get((call.key, digest), []), call, _is_any)
            if moved is not None:
                return Match(moved, DivergenceKind.NESTING_CHANGED)
        return Match(None, DivergenceKind.EXTRA_CALL)

    def _match_nearly(self, candidates: list[Node], call: LiveCall) -> Match | None:
        """Return a counterpart whose input is the same once what does not count is left out."""
        for accept, note in (
            (_is_same_without_defaults, DEFAULTS_ADDED),
            (self._is_same_without_volatile, VOLATILE_IGNORED),
            (_is_unverified, INPUT_UNVERIFIED),
        ):
            fitting = [node for node in candidates if accept(node, call)]
            node = self._pick(fitting, call, _is_any)
            if node is not None:
                return Match(node, None, note)
        return None

    def _is_same_without_volatile(self, node: Node, call: LiveCall) -> bool:
        volatile = self._volatile
        if volatile is None or node.span is None or node.span.input is None:
            return False
        recorded = node.span.input
        return volatile.are_equal(recorded.value, call.value, recorded.types, call.types)

    def _pick(
        self, nodes: list[Node], call: LiveCall, accept: Callable[[Node], bool]
    ) -> Node | None:
        """Return the first in the call's own lane, else the first in a lane of nobody's, or any."""
        mapped = self._lanes.get(call.lane)
        taken = set(self._lanes.values()) if mapped is None else set()
        second = None
        for node in self._free(nodes):
            if not accept(node):
                continue
            if node.lane == mapped or (mapped is None and node.lane not in taken):
                return node
            second = second or node
        return second

    def _pick_changed(self, nodes: list[Node], call: LiveCall) -> Node:
        mapped = self._lanes.get(call.lane)
        for node in nodes:
            if node.lane == mapped:
                return node
        value = call.value
        return max(nodes, key=lambda node: (count_equal(_read_input(node), value), -node.seq))

    @staticmethod
    def _free(nodes: list[Node]) -> list[Node]:
        """Return those that are not used, and forget the others for good."""
        if nodes and nodes[0].is_used:
            nodes[:] = [node for node in nodes if not node.is_used]
        return [node for node in nodes if not node.is_used]

    # Structural spans

    def match_structure(self, scope: Node, call: LiveCall) -> Match:
        """Return the counterpart of a span whose body is the program's own code."""
        nodes = self._structure.get(call.key, [])
        digest = call.hash
        for accept in (
            lambda each: each.is_within(scope) and _read_hash(each) == digest,
            lambda each: each.is_within(scope),
        ):
            node = self._pick(nodes, call, accept)
            if node is not None:
                return Match(node)
        return Match(self._pick(nodes, call, _is_any), DivergenceKind.NESTING_CHANGED)

    # What was found

    def is_late(self, node: Node) -> bool:
        """Tell whether a later sibling in its lane was met already: calls changed their order."""
        return node.seq < self._last.get((id(node.parent), node.lane), -1)

    def use(self, node: Node, live_lane: int) -> None:
        """Take a node as met by a call in this lane of the live run."""
        node.is_used = True
        if live_lane not in self._lanes and node.lane not in self._lanes.values():
            self._lanes[live_lane] = node.lane
        place = (id(node.parent), node.lane)
        self._last[place] = max(self._last.get(place, -1), node.seq)

    def start(self, live_lane: int, recorded_lane: int = 0) -> None:
        """Say which lane of the recording a live one is: the run's own is known at its start."""
        self._lanes[live_lane] = recorded_lane


def find_missing(scope: Node, *, ended_in_lane: bool) -> Iterable[Node]:
    """Yield the units below `scope` that were not met.

    With `ended_in_lane` only those that no other thread of control can still come with: they were
    made in the scope's own lane, before its end.
    """
    end = scope.end_seq
    for node in scope.find_units():
        if node.is_used:
            continue
        if ended_in_lane and (node.lane != scope.lane or (end is not None and node.seq > end)):
            continue
        yield node


def _is_any(_node: Node) -> bool:
    return True


def _is_unit(node: Node) -> bool:
    """Tell whether no boundary that may still be served whole holds it."""
    parent = node.parent
    while parent is not None:
        if parent.is_boundary:
            return False
        parent = parent.parent
    return True


def _read_input(node: Node) -> object:
    return None if node.span is None or node.span.input is None else node.span.input.value


def _read_hash(node: Node) -> str | None:
    return None if node.span is None else node.span.input_hash


def _is_same_without_defaults(node: Node, call: LiveCall) -> bool:
    digest = _read_hash(node)
    return digest is not None and call.hash_without_new_defaults(_read_input(node)) == digest


def _is_unverified(node: Node, call: LiveCall) -> bool:
    """Tell whether one of the two inputs is unknown, or both are cut and look alike."""
    recorded = None if node.span is None else node.span.input
    live = call.input
    if recorded is None or live is None:
        return True
    if _read_hash(node) is not None and live.hash is not None:
        return False
    return recorded.json == live.text.decode()
