"""From any object to a frozen tree, within bounds, running none of the object's code.

Never calls `__repr__`, `__str__`, `__iter__`, `__len__`, `__eq__`, `__hash__`, `__bool__`, a
property or a `model_dump` of the user's: containers are read through the methods of the built-in
type that they extend, objects through their `__dict__` and slots. What runs is the `encode` of a
registered codec; whatever it raises is contained, except KeyboardInterrupt.
"""

from __future__ import annotations

from math import isfinite
from time import thread_time
from typing import TYPE_CHECKING, Any, Final

from agenttrace.encoding.objects import name_class
from agenttrace.encoding.tree import (
    CUT,
    CYCLE,
    FLOAT,
    MAX_CPU_SECONDS,
    MAX_DEPTH,
    MAX_NODES,
    MAX_TEXT_CHARS,
    OPAQUE,
    TEXT,
    Frozen,
    Pairs,
    Tag,
    Tree,
    pick_worse,
)
from agenttrace.wire import Fidelity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from agenttrace.encoding.layouts import Layout

_NODE_BYTES: Final = 64
_NODES_BETWEEN_LOOKS_AT_THE_CLOCK: Final = 256
_MAX_DIGITS: Final = 4_300
_MAX_INT: Final = 10**_MAX_DIGITS


def freeze(value: object, *, with_classes: bool = False) -> Frozen:
    """Return a tree of `value` that shares nothing mutable with it. Total: it raises nothing.

    With `with_classes` a class that can be found by its name is known by it, and not opaque.
    """
    walk = Walk(with_classes=with_classes)
    try:
        tree = walk.read(value, 0)
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001 -- whatever an object does, recording it is not its user's concern
        opaque = Tag(OPAQUE, name_class(type(value)))
        return Frozen(opaque, Fidelity.OPAQUE, _NODE_BYTES, is_whole=False)
    size = walk.text_chars - walk.cut_chars + walk.nodes * _NODE_BYTES
    return Frozen(tree, walk.fidelity, size, is_whole=walk.fidelity is not Fidelity.TRUNCATED)


class Walk:
    """One reading of one value: what it may still take, and how true the result is so far."""

    __slots__ = (
        "_deadline_s",
        "_next_look",
        "_path",
        "cut_chars",
        "fidelity",
        "nodes",
        "text_chars",
        "with_classes",
    )

    def __init__(self, *, with_classes: bool = False) -> None:
        self.with_classes = with_classes
        self.fidelity = Fidelity.EXACT
        self.nodes = 0
        self.text_chars = 0
        self.cut_chars = 0  # of these, what the tree does not hold
        self._path: dict[int, int] = {}
        self._deadline_s = thread_time() + MAX_CPU_SECONDS
        self._next_look = _NODES_BETWEEN_LOOKS_AT_THE_CLOCK

    def read(self, value: Any, depth: int) -> Tree:  # noqa: C901, PLR0911 -- one return a kind of value: calls would double its price
        """Return the tree of one value that lies `depth` levels deep."""
        nodes = self.nodes = self.nodes + 1
        kind = type(value)
        if kind is str:
            return self._read_text(value)
        if value is None or kind is bool:
            scalar: bool | None = value
            return scalar
        if kind is int:
            return self._read_int(value)
        if kind is float:
            return self._read_float(value)
        if depth >= MAX_DEPTH or nodes >= self._next_look or self.text_chars > MAX_TEXT_CHARS:
            reason = "depth" if depth >= MAX_DEPTH else self.find_limit()
            if reason is not None:
                return self.mark(Tag(CUT, reason), Fidelity.TRUNCATED)
        path = self._path
        place = id(value)
        if place in path:  # how far up it is tells apart what would unfold to different values
            up = str(depth - path[place])
            return self.mark(Tag(CYCLE, name_class(kind), up), Fidelity.OPAQUE)
        path[place] = depth
        try:
            if kind is dict:
                return self._read_items(dict.items(value), depth + 1)
            if kind is list:
                return self.read_sequence(list.__iter__(value), depth + 1)
            if self.fidelity is Fidelity.EXACT:
                self.fidelity = Fidelity.STRUCTURAL
            layout = self._find_layout(kind)
            return layout.read(self, value, layout, depth + 1)
        finally:
            del path[place]

    def _load_layouts(self, kind: type) -> Layout:
        # Imported when the first value that is not plain is seen: 15 ms that plain data does not
        # pay, and that are not the value's.
        before_s = thread_time()
        from agenttrace.encoding.layouts import find_layout  # noqa: PLC0415

        Walk._find_layout = staticmethod(find_layout)  # from now on without this detour
        self._deadline_s += thread_time() - before_s
        return find_layout(kind)

    _find_layout: Callable[..., Layout] = _load_layouts

    def find_limit(self) -> str | None:
        """Return which limit of the recorder is met, None when there is room."""
        if self.nodes > MAX_NODES:
            return "nodes"
        if self.text_chars > MAX_TEXT_CHARS:
            return "text"
        # The clock is looked at only now and then: it costs as much as a node.
        if self.nodes >= self._next_look:
            self._next_look = min(self.nodes + _NODES_BETWEEN_LOOKS_AT_THE_CLOCK, MAX_NODES + 1)
            if thread_time() > self._deadline_s:
                self.nodes = MAX_NODES + 1
                return "time"
        return None

    def is_text_full(self) -> bool:
        """Tell whether the texts read so far are more than a value may have."""
        return self.text_chars > MAX_TEXT_CHARS

    def cut_text(self, chars: int) -> Tree:
        """Return what stands for a text that is one too many; `text_chars` has counted it."""
        self.cut_chars += chars
        return self.mark(Tag(CUT, "text"), Fidelity.TRUNCATED)

    def hurry(self) -> None:
        """Look at the clock at the next node: something ran that may have taken long."""
        self._next_look = 0

    def mark(self, tree: Tree, fidelity: Fidelity) -> Tree:
        """Return `tree`; the value is at best of this fidelity from now on."""
        self.fidelity = pick_worse(self.fidelity, fidelity)
        return tree

    def read_state(self, state: Mapping[str, object], depth: int) -> dict[str, Tree] | None:
        """Return the tree of what an object holds beside its content, None when it is not known.

        It is no content: what is unknown of it costs the value its type, not its fidelity.
        """
        before = (self.fidelity, self.nodes, self.text_chars)
        self.fidelity = Fidelity.EXACT
        tree = self.read(dict(state), depth)
        found = self.fidelity
        self.fidelity = before[0]
        if found in {Fidelity.EXACT, Fidelity.STRUCTURAL} and isinstance(tree, dict):
            return tree
        if self.nodes <= MAX_NODES or found is not Fidelity.TRUNCATED:
            _, self.nodes, self.text_chars = before
        return None

    def _read_text(self, value: str) -> Tree:
        self.text_chars += len(value)
        if self.text_chars > MAX_TEXT_CHARS:
            return self.cut_text(len(value))
        if value.isascii():  # it knows: this costs nothing
            return value
        try:
            value.encode()
        except UnicodeEncodeError:  # a lone surrogate: JSON text in UTF-8 cannot hold it
            from agenttrace.encoding.opaque import write_base64  # noqa: PLC0415 -- rare

            kept = value.encode("utf-8", "surrogatepass")
            return self.mark(Tag(TEXT, write_base64(kept)), Fidelity.STRUCTURAL)
        return value

    def _read_int(self, value: int) -> Tree:
        if -_MAX_INT < value < _MAX_INT:
            return value
        # More digits than Python writes: linear in hexadecimal.
        return self.mark(Tag("int", f"{value:x}", type="hex"), Fidelity.STRUCTURAL)

    def _read_float(self, value: float) -> Tree:
        if isfinite(value):
            return value
        name = "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"  # noqa: PLR0124 -- NaN is what differs from itself
        return self.mark(Tag(FLOAT, name), Fidelity.STRUCTURAL)

    def read_sequence(self, values: Iterable[object], depth: int) -> list[Tree]:
        """Return the trees of some values, in their order, as far as there is room."""
        found: list[Tree] = []
        for value in values:
            if self.nodes > MAX_NODES:
                found.append(self.mark(Tag(CUT, "nodes"), Fidelity.TRUNCATED))
                break
            found.append(self.read(value, depth))
        return found

    def _read_items(self, items: Iterable[tuple[object, object]], depth: int) -> Tree:
        pairs: list[tuple[Tree, Tree]] = []
        for key, value in items:
            if self.nodes > MAX_NODES:
                pairs.append((f"${CUT}", self.mark("nodes", Fidelity.TRUNCATED)))
                break
            pairs.append((self.read(key, depth), self.read(value, depth)))
        plain = {key: value for key, value in pairs if type(key) is str}
        if len(plain) == len(pairs):
            return plain
        return self.mark(Pairs(pairs), Fidelity.STRUCTURAL)
