"""What a recorder dropped is told to the server: exactly that many, to whoever asks."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

from agenttrace import Tracer
from agenttrace.exporters.http import APIExporter
from agenttrace.plugins import Exporter, ExportResult, Record
from agenttrace.settings import Settings

from ..support.client import Client

DEADLINE_S = 30
QUERY = """{ runs { edges { node { status complete dropped { reason count }
    totals { spans } } } } }"""


class Stalled(Exporter):
    """Sends to a server, but not before it is told to."""

    wants_signs_of_life = True

    def __init__(self, url: str) -> None:
        self.entered, self.release = threading.Event(), threading.Event()
        self._sender = APIExporter(f"{url}/api")

    def export(self, records: Sequence[Record]) -> ExportResult:
        """Hold the batch up."""
        self.entered.set()
        assert self.release.wait(DEADLINE_S)
        return self._sender.export(records)

    def shutdown(self, *, timeout_s: float) -> None:
        """Close the connection."""
        self._sender.shutdown(timeout_s=timeout_s)


def test_the_server_shows_exactly_what_a_recorder_dropped(client: Client) -> None:
    """A tiny queue before an exporter that hangs: attempted = delivered + superseded + dropped."""
    exporter = Stalled(client.url)
    tracer = Tracer(settings=Settings(queue_max_records=64))
    tracer.add_exporter(exporter)
    with tracer.run("agent"):
        with tracer.span("first"):
            pass
        assert exporter.entered.wait(DEADLINE_S)
        for number in range(500):
            with tracer.span(f"step {number}"):
                pass
        tracer.flush(timeout_s=0)
    exporter.release.set()
    tracer.shutdown(timeout_s=DEADLINE_S)
    (stats,) = tracer.stats().exporters
    lost = dict(stats.dropped)
    assert lost["queue_full"] > 0
    assert stats.attempted == stats.delivered + stats.superseded + sum(lost.values())
    (edge,) = client.ask(QUERY)["runs"]["edges"]
    told = {each["reason"]: each["count"] for each in edge["node"]["dropped"]}
    assert {reason: int(count) for reason, count in told.items()} == lost
    assert (edge["node"]["status"], edge["node"]["complete"]) == ("COMPLETED", False)
    assert edge["node"]["totals"]["spans"] < 501


class _Away(Exporter):
    """A server that is away until it is told to be there, with records that wait on disk."""

    spool_target = "away"

    def __init__(self, url: str, *, is_there: bool) -> None:
        self._is_there = is_there
        self._sender = APIExporter(f"{url}/api")

    def export(self, records: Sequence[Record]) -> ExportResult:
        """Send, or ask to come again."""
        return self._sender.export(records) if self._is_there else ExportResult.RETRY(60)

    def shutdown(self, *, timeout_s: float) -> None:
        """Close the connection."""
        self._sender.shutdown(timeout_s=timeout_s)


def test_what_a_full_spool_dropped_is_told_by_the_next_process(
    client: Client, tmp_path: Path
) -> None:
    """The recorder has ended, its spool overflowed; whoever sends the rest tells of it."""
    settings = Settings(spool_folder=str(tmp_path / "spool"), spool_max_bytes=1_000_000)
    first = Tracer(settings=settings)
    first.add_exporter(_Away(client.url, is_there=False))
    with first.run("agent"):
        for number in range(300):
            with first.span(f"step {number}") as span:
                span.set_output("x" * 10_000)
    first.shutdown(timeout_s=DEADLINE_S)
    (stats,) = first.stats().exporters
    lost = {reason: count for reason, count in stats.dropped.items() if count}
    assert list(lost) == ["spool_full"]
    second = Tracer(settings=settings)
    second.add_exporter(_Away(client.url, is_there=True))
    with second.run("next"):
        pass
    assert _wait_for_end(client) == {"spool_full": lost["spool_full"]}
    second.shutdown(timeout_s=DEADLINE_S)


def _wait_for_end(client: Client) -> dict[str, int]:
    """Wait until the run `agent` has ended on the server; return what it says of drops."""
    query = """subscription { runChanges(filter: {name: ["agent"]}) {
        changes { run { status complete dropped { reason count } } } } }"""
    with client.follow(query) as changes:
        while True:
            batch = changes.next()
            assert batch is not None
            for run in (change["run"] for change in batch["changes"]):
                if run["status"] == "COMPLETED":
                    assert run["complete"] is False
                    return {each["reason"]: int(each["count"]) for each in run["dropped"]}
