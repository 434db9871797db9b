"""Stepping through stored runs: their timelines, kept while they are asked for."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from agenttrace.steps.errors import StepError
from agenttrace.steps.readiness import Readiness, judge
from agenttrace.steps.search import Hit, Wanted, search
from agenttrace.steps.state import StateSeeker
from agenttrace.steps.texts import TextKey, describe_error_json
from agenttrace.steps.timeline import StepTimeline
from agenttrace.trace.timeline import order_moments
from agenttrace.wire import Fidelity
from agenttrace_server.errors import GoneError, InvalidArgumentError, TooSlowError
from agenttrace_server.storage import events, long_texts, payloads, steps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agenttrace.steps.breakpoints import Breakpoint
    from agenttrace.steps.search import Search
    from agenttrace_server.records import PayloadHead
    from agenttrace_server.storage.engine import Database
    from agenttrace_server.storage.steps import StepRows

MAX_STEPS: Final = 500_000
"""Of a run that can be stepped through here; 50,000 spans have 100,000 and their chunks."""

MAX_KEPT_STEPS: Final = 300_000
"""Of all timelines that are kept, but for the one that was asked for last."""

MAX_KEPT: Final = 256
"""Timelines: those of runs without spans have no steps."""

MAX_SEARCH_S: Final = 5.0
MAX_TURN_BYTES: Final = 8 * 1024 * 1024
"""Of texts that a search has at once, and one more if that is longer."""


@dataclass(frozen=True, slots=True)
class StepsOfRun:
    """The steps of a run as it was at a version. What it holds does not change."""

    run_id: str
    version: int
    replayed_from: str | None
    timeline: StepTimeline
    seeker: StateSeeker


class StepService:
    """Finds steps, states and breakpoints of runs, from the store's last commit."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept: OrderedDict[str, StepsOfRun] = OrderedDict()
        self._made: dict[tuple[str, int], asyncio.Task[StepsOfRun]] = {}
        self.max_search_s = MAX_SEARCH_S
        """How long a search may take."""

    async def get_steps(self, run_id: str) -> StepsOfRun:
        """Return the steps of a run as it is now.

        Whoever goes away meanwhile finds them made when they ask again.

        Raises:
            GoneError: there is no such run any more.
            InvalidArgumentError: it has too many steps.

        """
        version = await self._database.read(steps.read_version, run_id)
        kept = self._kept.get(run_id)
        if kept is not None and kept.version == version:
            self._kept.move_to_end(run_id)
            return kept
        # Who asks for the same meanwhile waits for the same.
        key = (run_id, version)
        task = self._made.get(key)
        if task is None:
            task = self._made[key] = asyncio.create_task(self._make(run_id))
            task.add_done_callback(partial(self._forget, key))
        return await asyncio.shield(task)

    def _forget(self, key: tuple[str, int], task: asyncio.Task[StepsOfRun]) -> None:
        self._made.pop(key, None)
        if not task.cancelled():
            task.exception()  # everyone who waited may have gone: it is taken note of all the same

    async def judge(self, found: StepsOfRun, *, is_complete: bool | None) -> Readiness:
        """Return whether a run can be executed again from its record."""
        fidelities = await self._database.read(steps.read_fidelities, found.run_id)

        def get_fidelity(span_id: str) -> Fidelity | None:
            value = fidelities.get(span_id)
            return None if value is None else Fidelity(value)

        return await asyncio.to_thread(
            judge,
            found.timeline.list_spans(),
            lambda span: get_fidelity(span.span_id),
            is_complete=is_complete,
        )

    async def find(
        self,
        found: StepsOfRun,
        breakpoints: Sequence[Breakpoint],
        *,
        start: int,
        backward: bool,
    ) -> Hit | None:
        """Return the next step after `start` (before it, backward) where a breakpoint holds.

        Raises:
            InvalidArgumentError: a query would look at too much.
            TooSlowError: it takes too long; the text says where to go on.
            GoneError: the run was deleted meanwhile.

        """
        until_s = time.monotonic() + self.max_search_s

        def look(index: int) -> None:
            # Also where no text is asked for, and between queries over texts that are there.
            if time.monotonic() > until_s:
                raise TooSlowError(_describe_end(index, backward=backward))

        going = search(found.timeline, breakpoints, start=start, backward=backward, look=look)
        given: list[str | None] | None = None
        try:
            while True:
                # Apart: an expression or a query over 16 MiB would hold up everybody else.
                wanted = await asyncio.to_thread(_advance, going, given)
                if not isinstance(wanted, Wanted):
                    return wanted
                look(wanted.index)
                given = await self._read_some(found.run_id, wanted.keys)
        except StepError as error:
            raise InvalidArgumentError(str(error)) from error

    async def _get_heads(self, run_id: str, keys: Sequence[TextKey]) -> list[PayloadHead | None]:
        seqs = [(run_id, key.seq) for key in keys if key.kind == "body"]
        spans = [(run_id, key.span_id, key.kind) for key in keys if key.kind != "body"]
        bodies = await self._database.read(events.read_body_heads, seqs) if seqs else {}
        values = await self._database.read(payloads.read_heads, spans) if spans else {}
        return [
            bodies.get((run_id, key.seq))
            if key.kind == "body"
            else values.get((run_id, key.span_id, key.kind))
            for key in keys
        ]

    async def _read_some(self, run_id: str, keys: Sequence[TextKey]) -> list[str | None]:
        """Return the first of these texts, as many as make up a turn."""
        heads = await self._get_heads(run_id, keys)
        count, size_bytes = 0, 0
        for head in heads:
            size_bytes += 0 if head is None else head.size_bytes
            if count and size_bytes > MAX_TURN_BYTES:
                break
            count += 1
        there = [head for head in heads[:count] if head is not None]
        texts = iter(await self._database.read(long_texts.read_long_texts, there))
        found = [None if head is None else next(texts) for head in heads[:count]]
        return [
            describe_error_json(text) if key.kind == "error" and text is not None else text
            for key, text in zip(keys, found, strict=False)
        ]

    async def _make(self, run_id: str) -> StepsOfRun:
        count = await self._database.read(steps.count_moments, run_id)
        if count > MAX_STEPS:
            raise InvalidArgumentError(
                f"the run has {count} steps, over {MAX_STEPS}; step through it with agenttrace "
                "replay RUN --step, which needs no server"
            )
        rows = await self._database.read(steps.read_step_rows, run_id)
        if rows is None:
            raise GoneError("the run was deleted while its steps were read")
        made = await asyncio.to_thread(_make_steps, run_id, rows)
        self._kept[run_id] = made
        self._kept.move_to_end(run_id)
        while len(self._kept) > 1 and (
            len(self._kept) > MAX_KEPT or self._count_kept() > MAX_KEPT_STEPS
        ):
            self._kept.popitem(last=False)
        return made

    def _count_kept(self) -> int:
        return sum(len(kept.timeline) for kept in self._kept.values())


def _make_steps(run_id: str, rows: StepRows) -> StepsOfRun:
    spans = rows.make_spans()
    timeline = StepTimeline(
        order_moments(spans, rows.make_events()),
        spans,
        start_ns=rows.start_ns,
        state_keys=rows.state_keys,
    )
    return StepsOfRun(run_id, rows.version, rows.replayed_from, timeline, StateSeeker(timeline))


def _advance(going: Search, given: Sequence[str | None] | None) -> Wanted | Hit | None:
    """Go on with a search; return what it wants next, or what it has found."""
    try:
        return next(going) if given is None else going.send(given)
    except StopIteration as done:
        hit: Hit | None = done.value
        return hit


def _describe_end(index: int, *, backward: bool) -> str:
    going_on = index + 1 if backward else index - 1
    return (
        f"the search took over {MAX_SEARCH_S:g} s and was ended at step {index}, before which "
        f"nothing was found; go on with from: {going_on}, or ask for a name or a type besides"
    )
