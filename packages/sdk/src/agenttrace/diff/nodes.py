"""A run as a tree that is compared: arrays in pre-order, node 0 the run itself.

Children of one lane are in order; sequences of different lanes are not in order to each other,
whenever they started. So a tree's digest says nothing of how threads and tasks happened to mix.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from agenttrace.diff.hashes import ContentHasher, digest, name_models

if TYPE_CHECKING:
    from collections.abc import Callable

    from agenttrace.trace.records import RecordedSpan
    from agenttrace.trace.run import RecordedRun
    from agenttrace.trace.tree import Flaw

ROOT: Final = 0
_EVERY: Final = 256


class Parts(NamedTuple):
    """Digests of what a span holds."""

    input: bytes
    output: bytes
    error: bytes
    attributes: bytes
    models: tuple[str, ...]
    status: str


class Tree:
    """The nodes of a run. All lists are by node; a subtree is `range(node, node + size[node])`.

    `key` is what makes two nodes the same call: type, name and replay key. `call` adds the input,
    `label` all of the node's content, `full` all of the subtree's. `lanes` holds the children by
    lane, each in order. `is_plain`: no node of the subtree has children on two lanes.
    """

    def __init__(self, run: RecordedRun) -> None:
        nodes = run.tree()
        self.run = run
        self.spans: list[RecordedSpan | None] = [None, *(node.span for node in nodes)]
        self.depth = [0, *(node.depth + 1 for node in nodes)]
        self.flaws: dict[int, Flaw] = {
            place: node.flaw for place, node in enumerate(nodes, 1) if node.flaw is not None
        }
        count = len(self.spans)
        self.parent = [-1] * count
        self.children: list[list[int]] = [[] for _ in range(count)]
        self.size = [1] * count
        self._link()
        self.lanes: list[list[list[int]]] = [[] for _ in range(count)]
        self.is_plain = [True] * count
        self.parts: list[Parts] = []
        self.key: list[tuple[str, str, str]] = []
        self.call: list[bytes] = []
        self.label: list[bytes] = []
        self.full: list[bytes] = [b""] * count

    def _link(self) -> None:
        path = [ROOT]
        for node in range(1, len(self.spans)):
            del path[self.depth[node] :]
            self.parent[node] = path[-1]
            self.children[path[-1]].append(node)
            path.append(node)
        for node in range(len(self.spans) - 1, 0, -1):
            self.size[self.parent[node]] += self.size[node]

    def hash_content(self, hasher: ContentHasher, tick: Callable[[], None]) -> None:
        """Make the digests of every node; `tick` is called now and then."""
        run = self.run
        self._add(
            ("", "", ""),
            Parts(
                hasher.hash_payload("input", run.input),
                hasher.hash_payload("output", run.output),
                hasher.hash_error(run.error),
                b"",
                (),
                run.status,
            ),
        )
        for node in range(1, len(self.spans)):
            if node % _EVERY == 0:
                tick()
            span = self.span(node)
            parts = Parts(
                hasher.hash_payload("input", span.input),
                hasher.hash_payload("output", span.output),
                hasher.hash_error(span.error),
                hasher.hash_attributes(span),
                name_models(span),
                span.status,
            )
            self._add((span.span_type, span.name, span.replay_key or ""), parts)
        for node in range(len(self.spans) - 1, -1, -1):
            self._hash_subtree(node)

    def _add(self, key: tuple[str, str, str], parts: Parts) -> None:
        written = digest(part.encode("utf-8", "surrogatepass") for part in key)
        rest = [parts.output, parts.error, parts.attributes, parts.status.encode()]
        models = [model.encode("utf-8", "surrogatepass") for model in parts.models]
        self.parts.append(parts)
        self.key.append(key)
        self.call.append(digest([written, parts.input]))
        self.label.append(digest([written, parts.input, *rest, *models]))

    def _hash_subtree(self, node: int) -> None:
        children = self.children[node]
        if not children:
            self.full[node] = self.label[node]
            return
        by_lane: dict[int, list[int]] = {}
        for child in children:
            by_lane.setdefault(self.span(child).lane, []).append(child)
        lanes = [(self.hash_sequence(lane), lane) for lane in by_lane.values()]
        if len(lanes) > 1:
            lanes.sort()  # by content, then by what started first
        self.lanes[node] = [lane for _, lane in lanes]
        self.is_plain[node] = len(lanes) == 1 and all(self.is_plain[child] for child in children)
        self.full[node] = digest([self.label[node], *(hashed for hashed, _ in lanes)])

    def hash_sequence(self, nodes: list[int]) -> bytes:
        """Return the digest of subtrees in order."""
        return digest(self.full[node] for node in nodes)

    def span(self, node: int) -> RecordedSpan:
        """Return the span of a node, which is not the run."""
        span = self.spans[node]
        assert span is not None
        return span

    def ordered_children(self, node: int) -> list[int]:
        """Return the children in an order that does not hang on how lanes mixed."""
        lanes = self.lanes[node]
        if len(lanes) <= 1:
            return self.children[node]
        return [child for lane in lanes for child in lane]

    def __len__(self) -> int:
        return len(self.spans)
