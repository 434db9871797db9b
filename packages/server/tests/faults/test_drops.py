"""What a recorder dropped is told to the server: exactly that many, to whoever asks."""

from __future__ import annotations

import threading
from collections.abc import Sequence

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
