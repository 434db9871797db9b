"""Figures for Prometheus. Counters of several workers are added up, whoever of them is asked.

Workers share one port, so that each scrape meets any of them. They keep their figures in files of
one folder (`PROMETHEUS_MULTIPROC_DIR`, as prometheus-client has it), which the parent makes.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

from agenttrace_server import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agenttrace_server.records import StoreFigures

CONTENT_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4
SHARED_FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"
_DURATIONS_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """What this process counts."""

    def __init__(self) -> None:
        # A second figure beside each counter, which nobody asks for.
        disable_created_metrics()  # type: ignore[no-untyped-call] # the library's
        self._registry = registry = CollectorRegistry()
        self.requests: Final = Counter(
            "agenttrace_http_requests",
            "Requests that were answered, by door, method and status.",
            ("door", "method", "status"),
            registry=registry,
        )
        self.request_seconds: Final = Histogram(
            "agenttrace_http_request_seconds",
            "From the head of a request to the end of its answer, in seconds.",
            ("door",),
            buckets=_DURATIONS_S,
            registry=registry,
        )
        self.sockets: Final = Gauge(
            "agenttrace_websockets",
            "WebSockets that are open.",
            multiprocess_mode="livesum",
            registry=registry,
        )
        self.records: Final = Counter(
            "agenttrace_ingest_records",
            "Lines of ingest, by result: accepted ones are on disk.",
            ("result",),
            registry=registry,
        )
        self.commit_seconds: Final = Histogram(
            "agenttrace_commit_seconds",
            "What a commit of records took, with its wait for the store, in seconds.",
            buckets=_DURATIONS_S,
            registry=registry,
        )
        self.failed_commits: Final = Counter(
            "agenttrace_commits_failed",
            "Commits of records that failed: their clients were told to send again.",
            registry=registry,
        )
        self.deleted_runs: Final = Counter(
            "agenttrace_runs_deleted", "Runs that were deleted, by whomever.", registry=registry
        )
        self.expired_runs: Final = Counter(
            "agenttrace_runs_expired", "Those of them that retention deleted.", registry=registry
        )
        self.interrupted_runs: Final = Counter(
            "agenttrace_runs_interrupted",
            "Runs that were given up, since nothing was heard of them.",
            registry=registry,
        )
        self.retention_end: Final = Gauge(
            "agenttrace_retention_last_success_timestamp_seconds",
            "When retention last looked for old runs and had none left, in seconds since 1970.",
            multiprocess_mode="mostrecent",
            registry=registry,
        )
        self._answers: dict[tuple[str, str, int], Counter] = {}
        self._times: dict[str, Histogram] = {}
        for result in ("accepted", "refused"):  # there from the start, with 0
            self.records.labels(result)

    def note_answer(self, door: str, method: str, status: int, took_s: float | None) -> None:
        """Count an answer; a WebSocket, which has no such time, without it."""
        # The library looks a child up in a locked mapping of texts: three times as long.
        key = door, method, status
        if (count := self._answers.get(key)) is None:
            count = self._answers[key] = self.requests.labels(door, method, status)
        count.inc()
        if took_s is None:
            return
        if (times := self._times.get(door)) is None:
            times = self._times[door] = self.request_seconds.labels(door)
        times.observe(took_s)

    def note_lines(self, *, accepted: int, refused: int) -> None:
        """Count lines of one request of ingest."""
        self.records.labels("accepted").inc(accepted)
        self.records.labels("refused").inc(refused)

    def note_commit(self, took_s: float, is_done: bool) -> None:  # noqa: FBT001 -- as the writer tells it
        """Count a try to commit records."""
        self.commit_seconds.observe(took_s)
        if not is_done:
            self.failed_commits.inc()

    def note_retention(self, count: int) -> None:
        """Count what a look for old runs deleted."""
        self.expired_runs.inc(count)
        self.retention_end.set_to_current_time()

    def write(self, figures: StoreFigures | None, *, retention_days: int | None) -> bytes:
        """Return everything in Prometheus' text format. Figures of the store: None, it is down."""
        counted = self._registry
        if os.environ.get(SHARED_FOLDER):
            counted = CollectorRegistry()
            MultiProcessCollector(counted)  # type: ignore[no-untyped-call] # the library's
        return generate_latest(counted) + generate_latest(_StoreCollector(figures, retention_days))


def forget_process(pid: int) -> None:
    """Leave out what a process that has ended had at the moment; what it counted stays."""
    if os.environ.get(SHARED_FOLDER):
        mark_process_dead(pid)  # type: ignore[no-untyped-call] # the library's


class _StoreCollector(Collector):
    """Figures that are read when they are asked for: they are the same for every worker."""

    def __init__(self, figures: StoreFigures | None, retention_days: int | None) -> None:
        self._figures = figures
        self._retention_days = retention_days

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield them."""
        info = GaugeMetricFamily("agenttrace_info", "The release.", labels=["version"])
        info.add_metric([__version__], 1)
        yield info
        figures = self._figures
        yield _make("store_up", "1: the store can be read.", int(figures is not None))
        days = self._retention_days or 0
        yield _make("retention_days", "MAX_TRACE_RETENTION_DAYS; 0: runs are kept.", days)
        if figures is None:
            return
        yield _make("store_bytes", "Of the store, with SQLite's journal.", figures.size_bytes)
        if figures.free_bytes is not None:
            free = "Free on the disk that a SQLite file is on, in bytes."
            yield _make("disk_free_bytes", free, figures.free_bytes)
        lag = "Changes that are stored and that `search` does not know yet."
        yield _make("search_lag_changes", lag, figures.search_lag)
        left = "Deleted runs whose rows are still being taken out."
        yield _make("deleted_runs_left", left, figures.leftover_runs)


def _make(name: str, description: str, value: int) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"agenttrace_{name}", description, value=value)
