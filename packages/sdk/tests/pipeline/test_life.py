"""Signs of life: a run that is open is said to be, again and again, and nothing else changes."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any

import pytest

from agenttrace import Tracer
from agenttrace.pipeline import life
from agenttrace.pipeline.life import MAX_OPEN_RUNS, MAX_SIGN_BYTES, SIGN_EVERY_S, OpenRuns
from agenttrace.plugins import Exporter, ExportResult, Record
from agenttrace.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

DEADLINE_S = 20


def make_line(number: int, status: str = "STARTED", *, size: int = 0) -> bytes:
    """Return a record of a run."""
    head = b'{"v":1,"type":"run","run_id":"%032x","rev":0,' % (number + 1)
    return head + b'"status":"%b","name":"%b"}' % (status.encode(), b"n" * size)


class Server(Exporter):
    """Notes what it is sent, and wants to hear of open runs."""

    wants_signs_of_life = True

    def __init__(self) -> None:
        self.records: list[Any] = []
        self.answer = ExportResult.DELIVERED
        self.came = threading.Condition()

    def export(self, records: Sequence[Record]) -> ExportResult:
        with self.came:
            self.records += records
            self.came.notify_all()
            return self.answer

    def wait_for(self, count: int) -> None:
        """Return when so many records of a run have come."""
        with self.came:
            assert self.came.wait_for(lambda: len(self.records) >= count, DEADLINE_S)


class Mute(Server):
    """An exporter to a place where nobody waits."""

    wants_signs_of_life = False


def test_a_run_is_told_of_every_20_seconds_until_it_ends() -> None:
    """Nothing while no run is open; the record of the start, byte for byte; nothing afterwards."""
    runs = OpenRuns()
    assert (runs.measure_wait_s(0.0), runs.take_due(1e9)) == (None, [])
    one, two = make_line(1), make_line(2)
    runs.note([one, b'{"v":1,"type":"span","name":"\\"type\\":\\"run\\""}'], now_s=100.0)
    runs.note([two], now_s=110.0)
    assert runs.measure_wait_s(105.0) == SIGN_EVERY_S - 5
    assert runs.take_due(100.0 + SIGN_EVERY_S - 0.1) == []
    assert runs.take_due(100.0 + SIGN_EVERY_S) == [one, two]
    assert runs.take_due(100.0 + SIGN_EVERY_S + 0.1) == []
    runs.note([make_line(1, "COMPLETED")], now_s=130.0)
    assert runs.take_due(100.0 + 2 * SIGN_EVERY_S) == [two]
    runs.note([make_line(2, "ERROR")], now_s=150.0)
    assert runs.take_due(1e9) == []
    assert runs.measure_wait_s(1e9) is None


def test_what_is_told_is_bounded() -> None:
    """Of too many runs, or too large ones, those that began last are told of."""
    runs = OpenRuns()
    runs.note([make_line(n) for n in range(MAX_OPEN_RUNS + 5)], now_s=0.0)
    assert runs.take_due(1e9) == [make_line(n) for n in range(5, MAX_OPEN_RUNS + 5)]
    large = [make_line(n, size=MAX_SIGN_BYTES // 3) for n in range(4)]
    runs = OpenRuns()
    runs.note(large, now_s=0.0)
    assert runs.take_due(1e9) == large[2:]


def test_a_run_that_the_server_refuses_is_told_of_no_more() -> None:
    """It was deleted there, say; the others go on."""
    runs = OpenRuns()
    runs.note([make_line(1), make_line(2)], now_s=0.0)
    runs.forget(runs.take_due(1e9), {0: "run_deleted"})
    assert runs.take_due(2e9) == [make_line(2)]


def test_an_open_run_gives_signs_beside_the_accounts(monkeypatch: pytest.MonkeyPatch) -> None:
    """They come while the program does nothing; attempted and delivered do not know them."""
    monkeypatch.setattr(life, "SIGN_EVERY_S", 0.05)
    server, mute = Server(), Mute()
    tracer = Tracer(settings=Settings())
    tracer.add_exporter(server)
    tracer.add_exporter(mute)
    with tracer.run("agent"):
        server.wait_for(4)
        assert {str(record) for record in server.records} == {str(server.records[0])}
        assert server.records[0]["status"] == "STARTED"
    assert tracer.flush()
    count = len(server.records)
    with tracer.run("second"):
        server.wait_for(count + 4)
    tracer.shutdown()
    assert {record["name"] for record in server.records[count:]} == {"second"}
    assert [record["status"] for record in mute.records] == ["STARTED", "COMPLETED"] * 2
    told, silent = tracer.stats().exporters
    assert (told.attempted, told.delivered, sum(told.dropped.values())) == (4, 4, 0)
    assert told.signs_of_life == len(server.records) - 4
    assert (silent.delivered, silent.signs_of_life) == (4, 0)


def test_a_server_that_cannot_be_reached_loses_nothing_by_a_sign(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A sign that fails is no drop and no retry; the next one is tried at its time."""
    monkeypatch.setattr(life, "SIGN_EVERY_S", 0.05)
    server = Server()
    tracer = Tracer(exporter=server, settings=Settings())
    with tracer.run("agent"):
        server.wait_for(1)
        server.answer = ExportResult.RETRY()
        server.wait_for(4)
        (stats,) = tracer.stats().exporters
        assert (stats.retries, stats.signs_of_life, dict(stats.dropped)) == (0, 0, {})
        server.answer = ExportResult.DELIVERED
    assert tracer.shutdown()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_says_nothing_of_its_parents_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The child begins with no open run, and its parent goes on."""
    monkeypatch.setattr(life, "SIGN_EVERY_S", 0.05)
    server = Server()
    tracer = Tracer(exporter=server, settings=Settings())
    with tracer.run("agent"):
        server.wait_for(2)
        child = os.fork()
        if child == 0:
            server.records.clear()
            with tracer.run("child"):
                server.wait_for(4)
            os._exit(0 if {record["name"] for record in server.records} == {"child"} else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        server.wait_for(len(server.records) + 1)
    assert tracer.shutdown()
