"""One tracer's delivery: the intake, the recording thread, the exporters, and their accounts."""

from __future__ import annotations

import os
from collections import Counter
from time import monotonic
from typing import TYPE_CHECKING, Final
from weakref import finalize

from agenttrace.pipeline.stats import ExporterStats, FlushResult, Stats

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from agenttrace.guard import Guard
    from agenttrace.pipeline.export import Exporter
    from agenttrace.pipeline.intake import Item
    from agenttrace.pipeline.outlet import Outlet
    from agenttrace.pipeline.processor import Processor
    from agenttrace.pipeline.worker import Pipeline
    from agenttrace.pipeline.writer import Writer
    from agenttrace.settings import Settings

SHUTDOWN: Final = "shutdown"
SYNC_WAIT_S: Final = 5.0
"""How long a record waits for the disk with durability `sync`, at most."""


class Hub:
    """Takes every record of a tracer. `sinks` is replaced, never changed."""

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
        self._processors: tuple[Processor, ...] = ()
        self._writer: Writer | None = None
        self.sinks: tuple[Pipeline, ...] = ()
        self.keeps_all = False  # no run is left out by the sample rate, as a replay wants it
        # False says that the record was dropped.
        self.put: Callable[[Item], bool] = _ignore

    def add(self, exporter: Exporter, *, name: str) -> None:
        """Give `exporter` a queue or a spool, and a thread of its own, beside those there are."""
        # The threads bring orjson and hashlib: 25 ms that a program without an exporter saves.
        from agenttrace.pipeline import lifecycle, signals  # noqa: PLC0415
        from agenttrace.pipeline.share import Share  # noqa: PLC0415 -- as above
        from agenttrace.pipeline.worker import Pipeline  # noqa: PLC0415 -- as above

        outlet = self._make_outlet(exporter, name)
        writer = self._writer or self._make_writer()
        writer.reopen()
        with writer.intake.lock:
            share = Share(writer.intake.counts())
            pipeline = Pipeline(
                exporter,
                name=name,
                guard=self._guard,
                outlet=outlet,
                share=share,
                drops=writer.intake.drops,
            )
            self.sinks = writer.sinks = (*self.sinks, pipeline)
            writer.intake.open()
        lifecycle.register(self)
        signals.install(self._settings.signals)

    def _make_writer(self) -> Writer:
        from agenttrace.pipeline.writer import Writer  # noqa: PLC0415 -- as in add

        writer = self._writer = Writer(
            guard=self._guard,
            max_records=self._settings.queue_max_records,
            max_bytes=self._settings.queue_max_bytes,
        )
        writer.chain.use(self._processors)
        is_synced = self._settings.durability == "sync"
        self.put = self._put_synced if is_synced else writer.intake.put
        # The thread holds the writer, and not the hub: a tracer that no one can reach goes away.
        finalize(self, _discard, writer).atexit = False
        return writer

    def _make_outlet(self, exporter: Exporter, name: str) -> Outlet:
        from agenttrace.pipeline.queue import Queue  # noqa: PLC0415 -- as in add

        settings = self._settings
        queue = Queue(max_records=settings.queue_max_records, max_bytes=settings.queue_max_bytes)
        target: object = getattr(exporter, "spool_target", None)
        other: object = getattr(exporter, "spool_takes_over", None)
        if not settings.spool or not isinstance(target, str):
            return queue
        from agenttrace.pipeline.spool import (  # noqa: PLC0415 -- only exporters that want one
            Spool,
            SpoolLimits,
            find_spool_folder,
        )
        from agenttrace.pipeline.spooling import SpoolOutlet  # noqa: PLC0415 -- as above

        max_bytes = settings.spool_max_bytes
        spool = Spool(
            settings.spool_folder or find_spool_folder(os.environ),
            target=target,
            takes_over=other if isinstance(other, str) else None,
            durability="sync" if settings.durability == "sync" else "buffered",
            limits=SpoolLimits(
                max_bytes=max_bytes,
                max_age_s=settings.spool_max_age_s,
                segment_bytes=min(SpoolLimits().segment_bytes, max_bytes // 8),
            ),
            drops=queue.drops,
        )
        return SpoolOutlet(spool, memory=queue, on_fault=_Warn(self._guard, name))

    @property
    def processors(self) -> tuple[Processor, ...]:
        """What every record passes, in this order."""
        return self._processors

    def use_processors(self, processors: Sequence[Processor]) -> None:
        """Pass every record through these, in this order, from the next batch on."""
        self._processors = tuple(processors)
        if self._writer is not None:
            self._writer.chain.use(self._processors)

    def _put_synced(self, item: Item) -> bool:
        """Put one item, and wait until it is on the disks that exporters have."""
        writer = self._writer
        if writer is None or not self.sinks:
            return True
        is_taken = writer.intake.put(item)
        deadline = monotonic() + SYNC_WAIT_S
        if is_taken and not writer.flush(deadline, with_processors=False):
            self._guard.warn("sync_timeout", "a record was not on disk after 5 s")
        return is_taken

    def make_twin(self) -> Hub:
        """Return a hub without exporters that the recorder can have in the stead of this one."""
        twin = Hub(
            guard=self._guard,
            settings=self._settings,
            on_shutdown=self._on_shutdown,
            # A fork is one, however many hubs of a recorder begin anew after it.
            on_fork=self._on_fork if self._writer is None else lambda: None,
        )
        twin.use_processors(self._processors)
        return twin

    def samples(self, run_id: str) -> bool:
        """Tell whether the run of this id is to be recorded, by `AGENTTRACE_SAMPLE_RATE`."""
        rate = self._settings.sample_rate
        if rate >= 1.0 or self.keeps_all:
            return True
        from agenttrace.pipeline.sampling import is_sampled  # noqa: PLC0415 -- as in add

        return is_sampled(run_id, rate)

    def clear(self, *, timeout_s: float) -> None:
        """Shut the exporters down and forget them, but not their accounts."""
        writer = self._writer
        if writer is None or not self.sinks:
            return
        deadline = monotonic() + timeout_s
        old, self.sinks = self.sinks, ()
        writer.intake.detach()
        if not writer.flush(deadline):
            writer.intake.abandon(SHUTDOWN)
        _shut_down(old, deadline)
        writer.sinks = ()
        self._retired += tuple(pipeline.stats(writer.intake.counts) for pipeline in old)

    def remove(self, exporter: Exporter, *, timeout_s: float) -> None:
        """Deliver to one exporter what is its own, shut it down and forget it."""
        writer = self._writer
        if writer is None:
            return
        deadline = monotonic() + timeout_s
        writer.flush(deadline)
        with writer.intake.lock:
            gone = tuple(each for each in self.sinks if each.exporter is exporter)
            self.sinks = writer.sinks = tuple(each for each in self.sinks if each not in gone)
        if not self.sinks:
            writer.intake.detach()
        _shut_down(gone, deadline)
        self._retired += tuple(pipeline.stats(writer.intake.counts) for pipeline in gone)

    def flush(self, *, timeout_s: float) -> FlushResult:
        """Wait until everything put so far is delivered or dropped, at most `timeout_s`."""
        deadline = monotonic() + timeout_s
        sinks, writer = self.sinks, self._writer
        is_complete = True
        try:
            if writer is not None:
                is_complete = writer.flush(deadline)
            requests = [(pipeline, pipeline.begin_flush(deadline)) for pipeline in sinks]
            answers = [pipeline.end_flush(request) for pipeline, request in requests]
        except KeyboardInterrupt:
            _note_interrupt()
            raise
        stats = self._list_stats()
        held = 0 if writer is None else writer.intake.held * len(sinks)
        return FlushResult(
            complete=is_complete and all(answers),
            pending=max(0, sum(each.queued for each in stats) - held),
            spooled=sum(each.spooled for each in stats),
            dropped=_sum_drops(stats),
            exporters=stats,
        )

    def shutdown(self, *, timeout_s: float) -> FlushResult:
        """Make a last attempt for what waits, at most `timeout_s`; then drop or leave the rest."""
        deadline = monotonic() + timeout_s
        self.begin_shutdown()
        before = self._count_given_up()
        try:
            self.hand_over(deadline)
            self.end_shutdown(deadline)
        except KeyboardInterrupt:
            _note_interrupt()
            raise
        stats = self._list_stats()
        pending = self._count_given_up() - before
        spooled = sum(each.spooled for each in stats)
        return FlushResult(
            complete=pending == 0 and spooled == 0,
            pending=pending,
            spooled=spooled,
            dropped=_sum_drops(stats),
            exporters=stats,
        )

    def _count_given_up(self) -> int:
        """Return how many records were dropped at a shutdown, without those that came too late."""
        if self._writer is None:
            return 0
        late = self._writer.intake.counts().refused.get(SHUTDOWN, 0) * len(self.sinks)
        return _sum_drops(self._list_stats()).get(SHUTDOWN, 0) - late

    def begin_shutdown(self) -> None:
        """Let the recorder say its last word, while the intake still takes it; then close it."""
        if self.sinks and self._writer is not None:
            if self._writer.intake.is_open:
                self._on_shutdown()
            self._writer.begin_shutdown()

    def hand_over(self, deadline: float) -> None:
        """Wait until the exporters have everything, and ask them to finish."""
        if self._writer is not None and self.sinks:
            self._writer.end_shutdown(deadline)
        for pipeline in self.sinks:
            pipeline.begin_shutdown(deadline)

    def end_shutdown(self, deadline: float) -> None:
        """Wait for the exporters to finish."""
        for pipeline in self.sinks:
            pipeline.end_shutdown(deadline)

    def stats(self) -> Stats:
        """Return the accounts of all exporters, those that were replaced included."""
        writer = self._writer
        stats = (*self._retired, *self._list_stats())
        return Stats(
            attempted=sum(each.attempted for each in stats),
            delivered=sum(each.delivered for each in stats),
            superseded=sum(each.superseded for each in stats),
            queued=sum(each.queued for each in stats),
            spooled=sum(each.spooled for each in stats),
            dropped=_sum_drops(stats),
            restarts=0 if writer is None else writer.restarts,
            hanging_s=0.0 if writer is None else writer.hanging_s,
            errors=self._guard.counts(),
            exporters=stats,
        )

    def _list_stats(self) -> tuple[ExporterStats, ...]:
        writer = self._writer
        if writer is None:
            return ()
        return tuple(pipeline.stats(writer.intake.counts) for pipeline in self.sinks)

    @property
    def exit_timeout_s(self) -> float:
        """How long the end of the program may wait for this tracer's records, in seconds."""
        return self._settings.shutdown_timeout_s

    @property
    def is_owned(self) -> bool:
        """Whether the caller's thread was interrupted within the intake."""
        return self._writer is not None and self._writer.intake.is_owned

    def pause(self, timeout_s: float) -> bool:
        """Let the recording thread stand still for a fork; False when it could not be had."""
        return self._writer is not None and self._writer.pause(timeout_s)

    def resume(self) -> None:
        """Go on after a `pause` that succeeded."""
        if self._writer is not None:
            self._writer.resume()

    def reset_after_fork(self) -> None:
        """Begin anew in the child of a fork: empty queues, fresh locks, no threads."""
        writer = self._writer
        if writer is not None:
            was_open = writer.intake.is_open
            writer.reset_after_fork()
            self._retired = ()
            for pipeline in self.sinks:
                pipeline.reset_after_fork(writer.intake.counts())
            if was_open:
                writer.intake.open()
        self._on_fork()


class _Warn:
    """Tells once each time that an exporter's spool cannot be used."""

    def __init__(self, guard: Guard, name: str) -> None:
        self._guard = guard
        self._name = name

    def __call__(self, message: str) -> None:
        self._guard.warn(
            f"spool:{self._name}",
            f"exporter {self._name}: {message}. Records wait in memory until the disk can be "
            "written again; what does not fit is dropped and counted in tracer.stats()",
        )


def _ignore(_item: Item) -> bool:
    """Put a record nowhere: there is no exporter yet."""
    return True


def _discard(writer: Writer) -> None:
    writer.discard()


def _note_interrupt() -> None:
    from agenttrace.pipeline import lifecycle  # noqa: PLC0415 -- as in Hub.add

    lifecycle.note_interrupt()


def _shut_down(pipelines: tuple[Pipeline, ...], deadline: float) -> None:
    for pipeline in pipelines:
        pipeline.begin_shutdown(deadline)
    for pipeline in pipelines:
        pipeline.end_shutdown(deadline)


def _sum_drops(stats: tuple[ExporterStats, ...]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for each in stats:
        total.update(each.dropped)
    return dict(total)
