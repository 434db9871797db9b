"""Comparing two groups of stored runs, in bounded time and memory."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from agenttrace.diff.groups import compare_measures, measure_run
from agenttrace_server.errors import GoneError, InvalidArgumentError, TooSlowError
from agenttrace_server.services.loading import load_run
from agenttrace_server.services.runs import MAX_PAGE, RunSlice, RunSort
from agenttrace_server.storage import diffs, runs

if TYPE_CHECKING:
    from agenttrace.diff.groups import GroupComparison, GroupOptions, RunMeasures
    from agenttrace_server.records import Run
    from agenttrace_server.services.runs import RunFilter
    from agenttrace_server.storage.engine import Database

MAX_RUNS: Final = MAX_PAGE
"""Of each side, the newest that match."""

MAX_SPANS: Final = 200_000
"""Of both sides together."""

MAX_RUN_SPANS: Final = 20_000
"""Of one run: it is in memory while it is read."""

MAX_RUN_BYTES: Final = 64 * 1024 * 1024
"""Of one run's recorded values: they are in memory while it is read."""

MAX_COMPARE_S: Final = 8.0
"""How long it may take until the last run is read."""

MAX_AT_ONCE: Final = 2
MAX_RESAMPLED_PAIRS: Final = 900
"""30 runs against 30: beyond, intervals invert the test, for a bootstrap of all takes seconds."""

_HINT: Final = "compare them with agenttrace diff, which takes the time that it needs"


class ComparisonService:
    """Compares groups of runs as they are in the store's last commits."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._turns = asyncio.Semaphore(MAX_AT_ONCE)

    async def compare(
        self, base: RunFilter, head: RunFilter, options: GroupOptions, *, first: int
    ) -> GroupComparison:
        """Return how the newest `first` runs that match `head` differ from those of `base`.

        A run that is deleted meanwhile is left out.

        Raises:
            InvalidArgumentError: the runs have too many spans, or one too much text, to be compared
                here.
            TooSlowError: it takes too long.

        """
        sides = [await self._list(each, first) for each in (base, head)]
        _check_spans([run for side in sides for run in side])
        async with self._turns:
            until_s = time.monotonic() + MAX_COMPARE_S
            before, after = [await self._measure(each, options, until_s) for each in sides]
            is_small = len(before) * len(after) <= MAX_RESAMPLED_PAIRS
            found = replace(options, resampled=options.resampled and is_small)
            return await asyncio.to_thread(compare_measures, before, after, found)

    async def _list(self, run_filter: RunFilter, first: int) -> tuple[Run, ...]:
        part = RunSlice(
            sort=RunSort.START_TIME,
            descending=True,
            count=first,
            backward=False,
            after=None,
            before=None,
        )
        page, _ = await self._database.read(runs.read_page, run_filter, part)
        return tuple(page.items)[::-1]

    async def _measure(
        self, found: tuple[Run, ...], options: GroupOptions, until_s: float
    ) -> list[RunMeasures]:
        measured = []
        for run in found:
            if time.monotonic() > until_s:
                raise TooSlowError(
                    f"the comparison took over {MAX_COMPARE_S:g} s and was ended; ask for "
                    f"fewer runs, or {_HINT}"
                )
            await self._check_size(run.run_id)
            try:
                loaded = await load_run(self._database, run.run_id)
            except GoneError:  # deleted meanwhile: it is left out
                continue
            measured.append(await asyncio.to_thread(measure_run, loaded, case_key=options.pair_by))
        return measured

    async def _check_size(self, run_id: str) -> None:
        (size,) = await self._database.read(diffs.measure_runs, [run_id])
        if size.texts_bytes > MAX_RUN_BYTES:
            raise InvalidArgumentError(
                f"run {run_id} has {size.texts_bytes} bytes of recorded values, over "
                f"{MAX_RUN_BYTES}; filter it out, or {_HINT}"
            )


def _check_spans(found: list[Run]) -> None:
    most = max((run.totals.spans for run in found), default=0)
    total = sum(run.totals.spans for run in found)
    if most > MAX_RUN_SPANS:
        raise InvalidArgumentError(
            f"a run has {most} spans, over {MAX_RUN_SPANS}; filter it out, or {_HINT}"
        )
    if total > MAX_SPANS:
        raise InvalidArgumentError(
            f"the runs have {total} spans, over {MAX_SPANS}; ask for fewer runs, or {_HINT}"
        )
