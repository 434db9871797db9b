"""Where in the recording a live span stands, and that this may come out later than it starts.

Spans of code begin alike: which recorded worker a live one is, only its calls tell. So it is taken
for one of them, and changes with the one that was taken for the right one as soon as they do.
"""

from __future__ import annotations

from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from agenttrace.replay.tape import Node
    from agenttrace.wire import SpanType

_Kind: TypeAlias = "tuple[SpanType, str, str | None] | None"
_Move: TypeAlias = "tuple[Place, Node]"


_NOTHING: Final[Counter[tuple[_Kind, str | None]]] = Counter()


class Place:
    """The counterpart of a live span or run: what its calls are looked up under.

    `alike` are the recorded spans that begin as it does, and `is_certain` whether a call was made
    in it that no other of them holds. `uses` are the nodes that it has had, with the places of
    spans of code below it.
    """

    __slots__ = ("alike", "is_certain", "node", "parent", "uses")

    def __init__(self, node: Node, parent: Place | None = None, alike: Sequence[Node] = ()) -> None:
        self.node = node
        self.parent = parent
        self.alike = alike
        self.is_certain = len(alike) <= 1
        self.uses: list[Node | Place] = []


class Places:
    """The places of spans of code in one recorded run, and which of them may still change."""

    def __init__(self) -> None:
        self._nodes: dict[tuple[_Kind, str | None], list[Node]] = {}
        self._code: dict[_Kind, list[Node]] = {}
        self._held: dict[int, Counter[tuple[_Kind, str | None]]] = {}  # what is below each node
        self._begins: dict[_Kind, int] = {}  # how many of the first are had
        self._holders: dict[int, Place] = {}
        self.changes = 0  # how often what had been had was given back

    def index(self, node: Node) -> None:
        """Take a recorded span in."""
        self._nodes.setdefault((node.key, node.input_hash), []).append(node)
        above = node.parent
        while above is not None and above.parent is not None:
            self._held.setdefault(id(above), Counter())[node.key, node.input_hash] += 1
            above = above.parent
        if not node.is_boundary:
            self._code.setdefault(node.key, []).append(node)

    def list_free(self, key: _Kind) -> Iterator[Node]:
        """Yield the spans of code of one type and name that are not had, in their order."""
        nodes = self._code.get(key, [])
        begin = self._begins.get(key, 0)
        while begin < len(nodes) and nodes[begin].is_used:
            begin += 1
        self._begins[key] = begin
        return (node for node in islice(nodes, begin, None) if not node.is_used)

    def list_alike(self, node: Node) -> list[Node]:
        """Return what has the type, name and input of a node, itself too."""
        return self._nodes[node.key, node.input_hash]

    def take(self, node: Node, parent: Place, digest: str | None) -> Place:
        """Return the place of a span of code, of an input with this hash, taken for a node."""
        is_same = digest == node.input_hash
        alike = self.list_alike(node) if is_same else self._code[node.key]
        place = Place(node, parent, alike)
        self._holders[id(node)] = place
        node.is_used = True
        parent.uses.append(place)
        return place

    def list_others(self, place: Place) -> list[Node]:
        """Return what else a place may be, as far as its calls tell."""
        if place.is_certain or place.parent is None:
            return []
        above = [place.parent.node, *self.list_others(place.parent)]
        return [
            node
            for node in place.alike
            if node is not place.node
            and any(_stands_in(node, each) for each in above)
            and self._find_moves(place, node)
        ]

    def _find_moves(
        self, place: Place, node: Node, origin: Node | None = None, seen: set[int] | None = None
    ) -> list[_Move]:
        """Return who has to be taken for what for a place to be this node; nothing: it cannot be.

        Who is taken for that node has to be another one then, and so on, until one is the node that
        the first one leaves, `origin`, or one that nobody is taken for.
        """
        origin = origin or place.node
        seen = set() if seen is None else seen
        seen.add(id(node))
        if not self._can_be(place, node):
            return []
        other = self._holders.get(id(node))
        if node is origin or (other is None and not node.is_used):
            return [(place, node)]
        if other is None or other.is_certain or other.parent is None:
            return []
        for each in (origin, *other.alike):
            if id(each) not in seen and _stands_in(each, other.parent.node):
                moves = self._find_moves(other, each, origin, seen)
                if moves:
                    return [(place, node), *moves]
        return []

    def _can_be(self, place: Place, node: Node) -> bool:
        """Tell whether a node holds all that was called in a place."""
        wanted = Counter((used.key, used.input_hash) for used in _list_nodes(place))
        held = self._held.get(id(node), _NOTHING)
        return all(held[key] >= count for key, count in wanted.items())

    def change(self, place: Place, node: Node) -> None:
        """Take a place for another of `list_others`, and others for others where it takes that."""
        self._begins.clear()
        self.changes += 1
        moves = [(each, each.node, target) for each, target in self._find_moves(place, node)]
        for each, source, _ in moves:
            for used in [source, *_list_nodes(each)]:
                _mark(used, used=False)
            self._holders.pop(id(source), None)
        for each, _, target in moves:
            each.node = target
            target.is_used = True
            self._holders[id(target)] = each
        for each, source, target in moves:
            self._carry(each, source, target)

    def _carry(self, place: Place, source: Node, target: Node) -> None:
        for index, used in enumerate(place.uses):
            node = used.node if isinstance(used, Place) else used
            found = node
            if node.is_below(source):
                found = self._find_like(used, node, target)
            _mark(found, used=True)
            if isinstance(used, Place):
                if self._holders.get(id(node)) is used:
                    del self._holders[id(node)]
                used.node = found
                self._holders[id(found)] = used
                self._carry(used, node, found)
            else:
                place.uses[index] = found

    def _find_like(self, used: Node | Place, node: Node, target: Node) -> Node:
        """Return what stands for a node below another span that is alike; itself without any."""
        for each in self.list_alike(node):
            is_free = each.is_below(target) and not each.is_used
            if is_free and (not isinstance(used, Place) or self._can_be(used, each)):
                return each
        return node

    def rise(self, place: Place, node: Node) -> None:
        """Let a place, and those above it, be where a call in it was found."""
        chain = []
        each: Place | None = place
        while each is not None and not node.is_below(each.node):
            chain.append(each)
            each = each.parent
        for each in reversed(chain):  # from the outermost in: what is within goes along
            if node.is_below(each.node):
                continue
            right = [other for other in self.list_others(each) if node.is_below(other)]
            if right:
                self.change(each, right[0])

    def settle(self, place: Place, fits: Callable[[Node], bool]) -> None:
        """At the end of a span: take it for another where only that has no more and no less.

        From then on it stays so: it is compared with that.
        """
        if not place.is_certain and not (self._is_whole(place, place.node) and fits(place.node)):
            for node in self.list_others(place):
                if self._is_whole(place, node) and fits(node):
                    self.change(place, node)
                    break
        place.is_certain = True

    @staticmethod
    def _is_whole(place: Place, node: Node) -> bool:
        """Tell whether a node holds no call that was not made in a place."""
        made = sorted(_spell(each) for each in _list_nodes(place) if each.is_boundary)
        return made == sorted(_spell(each) for each in node.find_units())


def _spell(node: Node) -> str:
    return f"{node.key} {node.input_hash}"


def _stands_in(node: Node, scope: Node) -> bool:
    """Tell whether `scope` is the nearest that holds a span of code, but for others like it."""
    return node.parent is scope or node.is_within(scope)


def _list_nodes(place: Place) -> Iterator[Node]:
    for used in place.uses:
        if isinstance(used, Place):
            yield used.node
            yield from _list_nodes(used)
        else:
            yield used


def _mark(node: Node, *, used: bool) -> None:
    """Take a node as had or not, and with a call all that it holds."""
    node.is_used = used
    if node.is_boundary and not node.is_opened:
        for below in node.walk():
            below.is_used = used
