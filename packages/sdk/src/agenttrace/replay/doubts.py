"""Which lane is which, and calls of which nothing tells whose answer they got.

Such calls have one input, were under way together, and were answered otherwise. A doubt is put
aside until more is known of the lane, the thread of control, in which the call was made: where that
goes on as the one whose answer it got, the doubt is no more.
"""

from __future__ import annotations

import asyncio
from math import inf
from typing import TYPE_CHECKING, NamedTuple
from weakref import WeakSet

from agenttrace.replay.kinds import Action, Divergence, DivergenceKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from agenttrace.replay.calls import LiveCall
    from agenttrace.replay.tape import Node


class _Doubt(NamedTuple):
    call: LiveCall
    node: Node


class Lanes:
    """Which lane of the recording each of the live run is, as far as that is known."""

    def __init__(self, nodes: Iterable[Node]) -> None:
        self._extents = _measure(nodes)
        self._recorded: dict[int, int] = {}
        self._certain: set[int] = set()
        self._taken: set[int] = set()
        self._doubts: dict[int, list[_Doubt]] = {}
        self._reached: dict[int, int] = {}
        self._answers: dict[int, object] = {}
        self._met: dict[object, list[tuple[_Doubt, WeakSet[asyncio.Task[object]]]]] = {}

    def start(self, live: int, recorded: int) -> None:
        """Say which lane a live one is from the start: the run's own."""
        self._recorded[live] = recorded
        self._certain.add(live)
        self._taken.add(recorded)

    def find(self, live: int) -> int | None:
        """Return the recorded lane that a live one is taken for; None when it is for none yet."""
        return self._recorded.get(live)

    def is_certain(self, live: int) -> bool:
        """Tell whether it is that one by what was called in it."""
        return live in self._certain

    def is_taken(self, recorded: int) -> bool:
        """Tell whether some live lane is taken for this one."""
        return recorded in self._taken

    def find_reached(self, live: int) -> int:
        """Return the `seq` of the last call that a live lane was served; -1 without one."""
        return self._reached.get(live, -1)

    def take(self, live: int, node: Node, *, is_certain: bool) -> None:
        """Take notice of which recorded call one of a live lane is."""
        recorded = node.lane
        self._reached[live] = max(self._reached.get(live, -1), node.seq)
        before = self._recorded.get(live)
        if is_certain and live not in self._certain:
            self._certain.add(live)
            if before != recorded:
                self._change(live, recorded)
            kept = [each for each in self._doubts.get(live, ()) if each.node.lane != recorded]
            self._doubts[live] = kept
        elif before is None and recorded not in self._taken:
            self._recorded[live] = recorded
            self._taken.add(recorded)

    def _change(self, live: int, recorded: int) -> None:
        before = self._recorded.get(live)
        for each, lane in self._recorded.items():
            if lane == recorded and each not in self._certain:
                if before is None:
                    del self._recorded[each]
                else:
                    self._recorded[each] = before
                break
        self._recorded[live] = recorded
        self._taken = set(self._recorded.values())

    # Doubts

    def doubt(self, call: LiveCall, node: Node, rivals: Sequence[Node]) -> None:
        """Put aside that a call gets this node's answer where it may as well be a rival's."""
        if self.is_certain(call.lane) and self.find(call.lane) == node.lane:
            return
        settled = {self._recorded[live] for live in self._certain if live != call.lane}
        others = [
            each
            for each in rivals
            if each.lane != node.lane
            and each.lane not in settled
            and self._read_answer(each) != self._read_answer(node)
        ]
        doubt = _Doubt(call, node)
        if any(self._overlap(node.lane, each.lane) for each in others):
            self._keep(doubt)
        else:
            self._doubt_by_tasks(doubt, may_be_another=bool(others))

    def _doubt_by_tasks(self, doubt: _Doubt, *, may_be_another: bool) -> None:
        """Doubt calls of several tasks, all of which were there already when the first was made."""
        here = _find_task()
        if here is None:
            return
        known = self._met.setdefault((doubt.node.key, doubt.node.input_hash), [])
        for before, tasks in known:
            if before.call.lane != doubt.call.lane and here in tasks:
                self._keep(before)
                self._keep(doubt)
        if may_be_another:
            known.append((doubt, WeakSet(asyncio.all_tasks())))

    def _keep(self, doubt: _Doubt) -> None:
        kept = self._doubts.setdefault(doubt.call.lane, [])
        if doubt not in kept:
            kept.append(doubt)

    def _overlap(self, one: int, other: int) -> bool:
        first, last = self._extents[one]
        begin, end = self._extents[other]
        return begin < last and first < end

    def _read_answer(self, node: Node) -> object:
        found = self._answers.get(id(node))
        if found is None:
            found = self._answers[id(node)] = node.read_answer()
        return found

    def list_doubts(self) -> Iterator[Divergence]:
        """Yield what stayed in doubt, equal calls as one."""
        found: dict[object, list[_Doubt]] = {}
        for doubts in self._doubts.values():
            for each in doubts:
                found.setdefault((each.node.key, each.node.input_hash), []).append(each)
        for doubts in found.values():
            call, node = doubts[0]
            assert node.span is not None
            yield Divergence(
                DivergenceKind.AMBIGUOUS,
                Action.WARN,
                f"{_count(len(doubts))} with an input that others of this name had as well, which "
                "were under way at the same time and were answered otherwise: whose is whose was "
                "not recorded",
                call.path,
                span_id=call.span.span_id,
                source_span_id=node.span.span_id,
                hint="replay_key= of the wrapper tells such calls apart: a text, or a function of "
                "the call's arguments; then record anew",
            )


def _count(number: int) -> str:
    return "it was called" if number == 1 else f"it was called {number} times"


def _find_task() -> asyncio.Task[object] | None:
    try:
        return asyncio.current_task()
    except RuntimeError:  # no loop runs on this thread
        return None


def _measure(nodes: Iterable[Node]) -> dict[int, tuple[int, float]]:
    """Return where each lane begins and ends among the events of its run."""
    found: dict[int, tuple[int, float]] = {}
    for node in nodes:
        end = inf if node.end_seq is None else node.end_seq
        first, last = found.get(node.lane, (node.seq, end))
        found[node.lane] = (min(first, node.seq), max(last, end))
    return found
