"""All pipelines of one tracer: fan-out, the deadline they share, and the sum of their accounts."""

from __future__ import annotations

import atexit
import os
import sys
from collections import Counter
from time import monotonic
from typing import TYPE_CHECKING
from weakref import WeakSet

from agenttrace.pipeline.stats import ExporterStats, FlushResult, Stats

if TYPE_CHECKING:
    from collections.abc import Callable

    from agenttrace.guard import Guard
    from agenttrace.pipeline.export import Exporter
    from agenttrace.pipeline.worker import Pipeline
    from agenttrace.settings import Settings


class Hub:
    """Owns the pipelines. `sinks` is what the hot path iterates; it is replaced, never changed."""

    def __init__(
        self,
        *,
        guard: Guard,
        settings: Settings,
        on_shutdown: Callable[[], None],
        on_fork: Callable[[], None],
    ) -> None:
        self._on_shutdown = on_shutdown
        self._on_fork = on_fork
        self._guard = guard
        self._settings = settings
        self._retired: tuple[ExporterStats, ...] = ()
        self.sinks: tuple[Pipeline, ...] = ()

    def add(self, exporter: Exporter, *, name: str) -> None:
        """Give `exporter` a queue and a worker of its own beside those that are there."""
        # The worker brings orjson and hashlib: 25 ms that a program without an exporter saves.
        from agenttrace.pipeline.worker import Pipeline  # noqa: PLC0415

        pipeline = Pipeline(
            exporter,
            name=name,
            guard=self._guard,
            max_records=self._settings.queue_max_records,
            max_bytes=self._settings.queue_max_bytes,
        )
        self.sinks = (*self.sinks, pipeline)
        _register(self)

    def clear(self, *, timeout_s: float) -> None:
        """Shut the pipelines down and forget them, but not their accounts."""
        old, self.sinks = self.sinks, ()
        _shut_down(old, timeout_s=timeout_s)
        self._retired += tuple(pipeline.stats() for pipeline in old)

    def flush(self, *, timeout_s: float) -> FlushResult:
        """Wait until everything put so far is delivered or dropped, at most `timeout_s`."""
        deadline = monotonic() + timeout_s
        sinks = self.sinks
        requests = [(pipeline, pipeline.begin_flush(deadline)) for pipeline in sinks]
        answers = [pipeline.end_flush(request) for pipeline, request in requests]
        stats = tuple(pipeline.stats() for pipeline in sinks)
        return FlushResult(
            complete=all(answers),
            pending=sum(each.queued for each in stats),
            dropped=_sum_drops(stats),
            exporters=stats,
        )

    def shutdown(self, *, timeout_s: float) -> FlushResult:
        """Make a last attempt for what waits, at most `timeout_s`; then drop the rest."""
        self.begin_shutdown()
        sinks = self.sinks
        pending = _shut_down(sinks, timeout_s=timeout_s)
        stats = tuple(pipeline.stats() for pipeline in sinks)
        return FlushResult(
            complete=pending == 0, pending=pending, dropped=_sum_drops(stats), exporters=stats
        )

    def begin_shutdown(self) -> None:
        """Let the recorder say its last word, while the queues still take it."""
        if self.sinks:
            self._on_shutdown()

    def stats(self) -> Stats:
        """Return the accounts of all pipelines, those that were replaced included."""
        stats = (*self._retired, *(pipeline.stats() for pipeline in self.sinks))
        return Stats(
            attempted=sum(each.attempted for each in stats),
            delivered=sum(each.delivered for each in stats),
            queued=sum(each.queued for each in stats),
            dropped=_sum_drops(stats),
            errors=self._guard.counts(),
            exporters=stats,
        )

    @property
    def exit_timeout_s(self) -> float:
        """How long the end of the program may wait for this tracer's records, in seconds."""
        return self._settings.shutdown_timeout_s

    def reset_after_fork(self) -> None:
        """Begin anew in the child of a fork: empty queues, fresh locks, no threads."""
        for pipeline in self.sinks:
            pipeline.reset_after_fork()
        self._on_fork()


def _shut_down(pipelines: tuple[Pipeline, ...], *, timeout_s: float) -> int:
    deadline = monotonic() + timeout_s
    for pipeline in pipelines:
        pipeline.begin_shutdown(deadline)
    return sum(pipeline.end_shutdown(deadline) for pipeline in pipelines)


def _sum_drops(stats: tuple[ExporterStats, ...]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for each in stats:
        total.update(each.dropped)
    return dict(total)


_hubs: WeakSet[Hub] = WeakSet()


def _register(hub: Hub) -> None:
    if not _hooks.are_set:
        _hooks.are_set = True
        atexit.register(_shut_down_all)
        _finish_with_multiprocessing()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=_reset_all)
    _hubs.add(hub)


class _Hooks:
    """Whether this process's hooks are set: with the first exporter, never at import."""

    are_set = False
    are_kept = False


_hooks = _Hooks()


def _shut_down_all() -> None:
    hubs = list(_hubs)
    for hub in hubs:
        hub.begin_shutdown()
    pipelines = tuple(pipeline for hub in hubs for pipeline in hub.sinks)
    # All begin before any is waited for, and share one deadline: it is the process that ends.
    _shut_down(pipelines, timeout_s=max((hub.exit_timeout_s for hub in hubs), default=0.0))


def _reset_all() -> None:
    for hub in list(_hubs):
        hub.reset_after_fork()
    _finish_with_multiprocessing()


def _finish_with_multiprocessing() -> None:
    # Processes that multiprocessing forked end by os._exit, which skips atexit but not these.
    util = sys.modules.get("multiprocessing.util")
    if util is not None:
        util.Finalize(None, _shut_down_all, exitpriority=10)
        if not _hooks.are_kept:
            # A child forgets its finalizers when it begins, also one that a forkserver forked and
            # that has imported the program before; what is registered here runs after that.
            _hooks.are_kept = True
            util.register_after_fork(_hooks, lambda _: _finish_with_multiprocessing())
