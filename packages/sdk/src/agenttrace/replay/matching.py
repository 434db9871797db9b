"""Which recorded call a live one is: by content first, then by its place in the lane.

The look-up goes from the parent down: `scope` is the recorded counterpart of the live parent. So
there is no global index that one more call would shift, and a wrapper that was added or taken away
changes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from agenttrace.replay.deltas import count_equal
from agenttrace.replay.doubts import Lanes
from agenttrace.replay.kinds import INPUT_UNVERIFIED, DivergenceKind
from agenttrace.replay.payloads import are_same_but_volatile
from agenttrace.replay.places import Places

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agenttrace.replay.calls import LiveCall
    from agenttrace.replay.places import Place
    from agenttrace.replay.tape import Node, Tape
    from agenttrace.replay.volatile import Volatile
    from agenttrace.wire import SpanType

_Key: TypeAlias = "tuple[SpanType, str, str | None]"

DEFAULTS_ADDED: Final = "defaults_added"
VOLATILE_IGNORED: Final = "volatile_ignored"


class Match(NamedTuple):
    """The counterpart of a call, how it differs (None: not at all), and what is worth a note."""

    node: Node | None
    kind: DivergenceKind | None = None
    note: str | None = None


class Matcher:
    """Finds counterparts in one recorded run; whoever serves one tells it by `use`."""

    def __init__(self, tape: Tape, volatile: Volatile | None = None) -> None:
        self.volatile = volatile
        self.places = Places()
        self.lanes = Lanes(tape.nodes)
        # The last used seq, by place, live lane, parent and recorded lane.
        self._last: dict[tuple[int, int, int, int], int] = {}
        self._calls: dict[_Key, list[Node]] = {}
        self._exact: dict[tuple[_Key, str], list[Node]] = {}
        self._by_hash: dict[tuple[SpanType, str], list[Node]] = {}
        self._is_one_answer: dict[tuple[_Key, str], bool] = {}
        self._by_lane: dict[int, list[Node]] = {}
        self._nexts: dict[int, int] = {}  # how many of the first of a lane were made
        self._changes = 0
        for node in tape.nodes:
            self._index(node)

    def _index(self, node: Node) -> None:
        span = node.span
        assert span is not None
        key = (span.span_type, span.name, span.replay_key)
        self.places.index(node)
        if not node.is_boundary:
            return
        self._calls.setdefault(key, []).append(node)
        self._by_lane.setdefault(node.lane, []).append(node)
        if span.input_hash is not None:
            self._exact.setdefault((key, span.input_hash), []).append(node)
            self._by_hash.setdefault((span.span_type, span.input_hash), []).append(node)

    # Boundaries

    def match(self, place: Place, call: LiveCall) -> Match:
        """Return the counterpart of a boundary call made in `place`."""
        digest = call.hash
        if digest is not None:
            node = self._find_exact(place, call, digest)
            if node is not None:
                return Match(node, DivergenceKind.AMBIGUOUS if _is_anothers(node, call) else None)
        scope = place.node
        candidates = [
            each for each in self._free(self._calls.get(call.key, [])) if each.is_within(scope)
        ]
        same = self._match_nearly(candidates, call)
        if same is not None:
            return same
        if candidates:
            return Match(self._pick_changed(candidates, call), DivergenceKind.INPUT_CHANGED)
        return self._match_elsewhere(scope, call, digest)

    def _find_exact(self, place: Place, call: LiveCall, digest: str) -> Node | None:
        """Return a call with just this input: of this place, or of another that it may be."""
        every = self._exact.get((call.key, digest), [])
        free = [node for node in every if not node.is_used or node.is_lent]
        near = [node for node in free if node.is_within(place.node)]
        if len(every) == 1 and near:
            return near[0]
        if self.lanes.is_certain(call.lane):
            own = self.lanes.find(call.lane)
            mine = [each for each in self._filter_receivers(near, call) if each.lane == own]
            if mine:
                return min(mine, key=lambda each: (each.is_lent, each.seq))
        elif near and self._is_plain(near, (call.key, digest)):
            return self._pick(near, call, place)
        others = self.places.list_others(place) if free else []
        far = [node for node in free if any(node.is_within(each) for each in others)]
        node = self._pick(self._filter_receivers([*near, *far], call), call, place)
        if node is None:
            return None
        ids = set(map(id, far))
        rivals = [each for each in every if each.is_below(place.node) or id(each) in ids]
        if id(node) in ids:
            self.places.rise(
                place, node
            )  # what was had before goes along, so it is looked for anew
            near = [n for n in every if n.is_within(place.node) and (not n.is_used or n.is_lent)]
            node = self._pick(self._filter_receivers(near, call), call, place) or node
        self.lanes.doubt(call, node, self._filter_receivers(rivals, call))
        return node

    def _is_plain(self, near: list[Node], key: tuple[_Key, str]) -> bool:
        """Tell whether it makes no difference which call it is, and one that is near is next.

        Then nobody has to ask what else the place may be, which takes a look at all that is alike.
        """
        if key not in self._is_one_answer:
            answers = {each.read_answer() for each in self._exact[key]}
            self._is_one_answer[key] = len(answers) == 1
        return (
            self._is_one_answer[key]
            and all(each.receiver is None for each in near)
            and any(self._find_next(each.lane) == each.seq for each in near)
        )

    @staticmethod
    def _filter_receivers(nodes: list[Node], call: LiveCall) -> list[Node]:
        """Return those of the call's own object, as far as that is known; else all."""
        if all(node.receiver is None for node in nodes):
            return nodes
        receiver = call.receiver
        own = [node for node in nodes if node.receiver == receiver]
        return own or [node for node in nodes if node.receiver is None] or nodes

    def _match_elsewhere(self, scope: Node, call: LiveCall, digest: str | None) -> Match:
        if digest is not None:
            others = self._free(self._by_hash.get((call.spec.span_type, digest), []))
            renamed = self._pick([each for each in others if each.is_within(scope)], call)
            if renamed is not None:
                return Match(renamed, DivergenceKind.RENAMED)
            alike = self._free(self._exact.get((call.key, digest), []))
            moved = self._pick([each for each in alike if _is_unit(each)] or alike, call)
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
            node = self._pick([node for node in candidates if accept(node, call)], call)
            if node is not None:
                return Match(node, None, note)
        return None

    def _is_same_without_volatile(self, node: Node, call: LiveCall) -> bool:
        recorded = None if node.span is None else node.span.input
        if self.volatile is None or recorded is None or call.input is None:
            return False
        return are_same_but_volatile(self.volatile, recorded, call.input)

    def _pick(self, nodes: list[Node], call: LiveCall, place: Place | None = None) -> Node | None:
        """Return the one that is most likely the call's own.

        In the call's own lane, if that is certain; one that comes next in its lane, where `place`
        is given; in what is taken for the own lane, or in one that is nobody's yet; the first.
        """
        if len(nodes) <= 1:
            return nodes[0] if nodes else None
        own = self.lanes.find(call.lane)
        is_certain = self.lanes.is_certain(call.lane)

        def rank(node: Node) -> tuple[object, ...]:
            is_own = node.lane == own
            is_strange = own is not None or self.lanes.is_taken(node.lane)
            return (
                node.is_lent,
                is_certain and not is_own,
                place is not None and self._find_next(node.lane) < node.seq,
                place is not None and not node.is_below(place.node),
                0 if is_own else 1 + is_strange,
                node.seq,
            )

        return min(nodes, key=rank)

    def _find_next(self, lane: int) -> int:
        """Return the `seq` of the first call of a recorded lane that was not made yet."""
        if self._changes != self.places.changes:
            self._changes = self.places.changes
            self._nexts.clear()
        nodes, index = self._by_lane[lane], self._nexts.get(lane, 0)
        while index < len(nodes) and nodes[index].is_used and not nodes[index].is_lent:
            index += 1
        self._nexts[lane] = index
        return nodes[index].seq if index < len(nodes) else nodes[-1].seq + 1

    def _pick_changed(self, nodes: list[Node], call: LiveCall) -> Node:
        own, value = self.lanes.find(call.lane), call.value
        if self.lanes.is_certain(call.lane):
            first = next((node for node in nodes if node.lane == own), None)
            if first is not None:
                return first

        def rank(node: Node) -> tuple[int, bool, int]:
            return count_equal(_read_input(node), value), node.lane == own, -node.seq

        return max(nodes, key=rank)

    @staticmethod
    def _free(nodes: list[Node]) -> list[Node]:
        return [node for node in nodes if not node.is_used]

    # Structural spans

    def match_structure(self, place: Place, call: LiveCall) -> Match:
        """Return the counterpart of a span whose body is the program's own code."""
        digest, own = call.hash, self.lanes.find(call.lane)
        here: list[Node] = []
        for node in self.places.list_free(call.key):
            if node.is_within(place.node):
                if node.lane == own and node.input_hash == digest:
                    return Match(node)  # nothing can be nearer
                here.append(node)
        free = here or list(self.places.list_free(call.key))
        scopes = [] if here else self.places.list_others(place)
        within = here or [n for n in free if any(n.is_within(scope) for scope in scopes)]
        found = self._pick([n for n in within if n.input_hash == digest] or within, call)
        if found is not None:
            return Match(found)
        return Match(self._pick(free, call), DivergenceKind.NESTING_CHANGED)

    # What was found

    def is_late(self, place: Place, call: LiveCall, node: Node) -> bool:
        """Tell whether a later sibling in its lane was met already: calls changed their order."""
        return node.seq < self._last.get(_order_key(place, call, node), -1)

    def use(self, place: Place, call: LiveCall, node: Node, *, is_own: bool) -> None:
        """Take a node as met by a call in a place; `is_own` when nothing tells the two apart."""
        if not is_own:
            node.lend()
            return
        self.places.rise(place, node)
        node.is_used = True
        place.uses.append(node)
        every = self._exact.get((call.key, node.input_hash or ""), [])
        if len(every) == 1:
            certain: Place | None = place
            while certain is not None and node.is_below(certain.node):
                certain.is_certain, certain = True, certain.parent
        is_certain = not self.lanes.is_certain(call.lane) and all(
            each.lane == node.lane for each in self._filter_receivers(every, call)
        )
        self.lanes.take(call.lane, node, is_certain=is_certain)
        self._pass(place, call, node)

    def enter(self, place: Place, call: LiveCall, node: Node) -> Place:
        """Take a span of code as met, and return its own place."""
        if not node.is_below(place.node):
            self.places.rise(place, node)
        self.lanes.take(call.lane, node, is_certain=False)
        self._pass(place, call, node)
        return self.places.take(node, place, call.hash)

    def _pass(self, place: Place, call: LiveCall, node: Node) -> None:
        key = _order_key(place, call, node)
        self._last[key] = max(self._last.get(key, -1), node.seq)

    def has_other_input(self, node: Node, call: LiveCall) -> bool:
        """Tell whether the input of a span of code is another than the recorded one."""
        if node.input_hash is not None and node.input_hash == call.hash:
            return False
        if (_read_input(node) is None) is (call.input is None) and _is_unverified(node, call):
            return False
        return not (
            _is_same_without_defaults(node, call) or self._is_same_without_volatile(node, call)
        )

    def start(self, live_lane: int, recorded_lane: int = 0) -> None:
        """Say which lane of the recording a live one is: the run's own is known at its start."""
        self.lanes.start(live_lane, recorded_lane)


def _order_key(place: Place, call: LiveCall, node: Node) -> tuple[int, int, int, int]:
    return id(place), call.lane, id(node.parent), node.lane


def find_unmet(scope: Node) -> Iterable[Node]:
    """Yield the spans of code below `scope` that were not met, without those within such ones."""
    for node in scope.children:
        if node.is_opened or (node.is_used and not node.is_boundary):
            yield from find_unmet(node)
        elif not node.is_used and not node.is_boundary:
            yield node


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


def _is_unit(node: Node) -> bool:
    """Tell whether no boundary that may still be served whole holds it."""
    parent = node.parent
    while parent is not None:
        if parent.is_boundary:
            return False
        parent = parent.parent
    return True


def _is_anothers(node: Node, call: LiveCall) -> bool:
    """Tell whether it is known that a method was called on another object.

    Of the first object that it was called on nothing is recorded.
    """
    known = None not in {node.receiver, call.receiver}
    return known and node.receiver != call.receiver


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
