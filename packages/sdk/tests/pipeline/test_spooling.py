"""Records that wait on disk: through the end of a process, a server that is away, a disk too."""

from __future__ import annotations

import json
import logging
import threading
from time import monotonic
from typing import TYPE_CHECKING, Any

import pytest

from agenttrace import Tracer
from agenttrace.pipeline import spooling
from agenttrace.pipeline.spooling import SpoolOutlet
from agenttrace.plugins import Exporter, ExportResult, Record
from agenttrace.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class Server(Exporter):
    """Takes what it is given, or answers that it is away; several stand for one server."""

    spool_target = "a server"

    def __init__(self) -> None:
        self.is_away = False
        self.refuses: ExportResult | None = None
        self.taken: list[Any] = []
        self.asked = threading.Event()

    def export(self, records: Sequence[Record]) -> ExportResult:
        self.asked.set()
        if self.is_away:
            return ExportResult.RETRY(after_s=0.1)
        if self.refuses is not None:
            return self.refuses
        self.taken += records
        return ExportResult.DELIVERED


def make(tmp_path: Path, **settings: Any) -> tuple[Tracer, Server]:
    """Return a tracer, and the server that its exporter stands for."""
    server = Server()
    settings = {"spool_folder": str(tmp_path / "spool"), **settings}
    return Tracer(exporter=server, settings=Settings(**settings)), server


def record(tracer: Tracer, *names: str) -> None:
    """Record one run for each name: two records."""
    for name in names:
        with tracer.run(name):
            pass


def wait_for(condition: Any) -> None:
    """Wait until `condition` holds, at most 10 s."""
    deadline = monotonic() + 10
    pause = threading.Event()
    while not condition():
        assert monotonic() < deadline
        pause.wait(0.005)


def assert_balanced(tracer: Tracer) -> None:
    """Check the equation."""
    each: Any
    stats = tracer.stats()
    for each in (stats, *stats.exporters):
        waiting = each.queued + each.spooled
        done = each.delivered + each.superseded + sum(each.dropped.values())
        assert each.attempted == done + waiting


def list_lines(folder: Path, suffix: str) -> list[str]:
    """Return the lines of all files below `folder` whose names end so."""
    paths = sorted(folder.rglob(f"*{suffix}"))
    return [line for path in paths for line in path.read_text().splitlines()]


def test_what_the_end_leaves_is_no_loss(tmp_path: Path) -> None:
    """It stays on disk, is counted as spooled, and the next process delivers it in its order."""
    tracer, server = make(tmp_path)
    server.is_away = True
    record(tracer, "one", "two")
    wait_for(lambda: tracer.stats().spooled == 4)
    size_bytes = tracer.stats().exporters[0].spooled_bytes
    result = tracer.shutdown(timeout_s=5)
    assert (result.complete, result.pending, result.spooled, result.dropped) == (False, 0, 4, {})
    assert result.exporters[0].spooled_bytes == size_bytes > 0
    assert_balanced(tracer)
    again, server = make(tmp_path)
    record(again, "three")
    wait_for(lambda: len(server.taken) == 6)
    assert again.shutdown(timeout_s=5)
    names = [r["name"] for r in server.taken]
    assert sorted(names) == ["one"] * 2 + ["three"] * 2 + ["two"] * 2
    assert [name for name in names if name != "three"] == ["one", "one", "two", "two"]
    stats = again.stats()
    assert (stats.attempted, stats.delivered, stats.spooled) == (6, 6, 0)
    assert stats.exporters[0].adopted == 4
    assert list((tmp_path / "spool").rglob("*.spool1")) == []


def test_records_leave_when_the_server_comes(tmp_path: Path) -> None:
    """While it is away they are on disk and not in memory; nothing is sent twice."""
    tracer, server = make(tmp_path)
    server.is_away = True
    record(tracer, "one")
    assert server.asked.wait(5)
    wait_for(lambda: tracer.stats().spooled == 2)
    assert tracer.stats().queued == 0
    server.is_away = False
    assert tracer.flush(timeout_s=10)
    assert [r["status"] for r in server.taken] == ["STARTED", "COMPLETED"]
    assert tracer.stats().delivered == 2
    tracer.shutdown(timeout_s=5)


def test_a_flush_says_what_is_on_disk_only(tmp_path: Path) -> None:
    """It waits for the server to have it, and counts what it has not."""
    tracer, server = make(tmp_path)
    server.is_away = True
    record(tracer, "one")
    result = tracer.flush(timeout_s=0.2)
    assert (result.complete, result.pending, result.spooled, result.dropped) == (False, 0, 2, {})
    tracer.shutdown(timeout_s=5)


@pytest.mark.parametrize("switch", ["setting", "exporter"])
def test_without_a_spool_nothing_is_written(tmp_path: Path, switch: str) -> None:
    """By a setting for all, or because the exporter wants none."""
    server = Server()
    if switch == "exporter":
        server.spool_target = None  # type: ignore[assignment]  # as an exporter's default
    settings = Settings(spool=switch != "setting", spool_folder=str(tmp_path / "spool"))
    tracer = Tracer(exporter=server, settings=settings)
    server.is_away = True
    record(tracer, "one")
    result = tracer.shutdown(timeout_s=5)
    assert (result.pending, result.spooled, result.dropped) == (2, 0, {"shutdown": 2})
    assert list(tmp_path.iterdir()) == []


def test_what_is_refused_for_good_is_set_aside(tmp_path: Path) -> None:
    """With its reason, for people to look at; the next batch is not held up."""
    tracer, server = make(tmp_path)
    server.refuses = ExportResult.REJECTED({0: "odd"})
    with tracer.run("one"):
        tracer.flush(timeout_s=5)
        server.refuses = None
    assert tracer.flush(timeout_s=5)
    stats = tracer.stats()
    assert (stats.delivered, stats.dropped) == (1, {"rejected": 1})
    assert_balanced(tracer)
    tracer.shutdown(timeout_s=5)
    (line,) = list_lines(tmp_path, ".ndjson")
    assert json.loads(line)["reason"] == "odd"
    assert json.loads(json.loads(line)["line"])["name"] == "one"


def test_an_exporter_that_raises_costs_its_batch_but_not_the_records(tmp_path: Path) -> None:
    """They are dropped as export_failed, and lie in dead/ as well."""
    tracer, server = make(tmp_path)
    server.export = None  # type: ignore[assignment,method-assign]  # calling it raises
    record(tracer, "one")
    assert tracer.flush(timeout_s=5)
    assert tracer.stats().dropped == {"export_failed": 2}
    tracer.shutdown(timeout_s=5)
    assert len(list_lines(tmp_path, ".ndjson")) == 2


def test_a_server_that_refuses_the_key_is_left_alone(tmp_path: Path) -> None:
    """Records stay on disk, a flush does not wait for nothing, and the next process tries anew."""
    tracer, server = make(tmp_path)
    server.refuses = ExportResult.STOPPED("the key is refused")
    record(tracer, "one")
    started = monotonic()
    result = tracer.flush(timeout_s=30)
    assert monotonic() - started < 10
    assert (result.complete, result.spooled) == (False, 2)
    assert tracer.stats().exporters[0].last_error == "the key is refused"
    assert tracer.shutdown(timeout_s=5).spooled == 2
    again, server = make(tmp_path)
    record(again, "two")
    wait_for(lambda: len(server.taken) == 4)
    again.shutdown(timeout_s=5)


def test_a_disk_that_cannot_be_written_is_one_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Records wait in memory then, and go to the disk when it can be written again."""
    monkeypatch.setattr(spooling, "RETRY_DISK_S", 0.0)
    (tmp_path / "spool").write_text("in the way")
    tracer, server = make(tmp_path)
    server.is_away = True
    with caplog.at_level(logging.WARNING, "agenttrace"):
        record(tracer, "one", "two")
        tracer.flush(timeout_s=0.2)
        record(tracer, "three")
        tracer.flush(timeout_s=0.2)
    stats = tracer.stats()
    assert (stats.queued, stats.spooled, stats.dropped) == (6, 0, {})
    (warning,) = [each.getMessage() for each in caplog.records]
    assert warning.startswith("exporter Server: the spool in ")
    assert "cannot be used" in str(stats.exporters[0].spool_fault)
    (tmp_path / "spool").unlink()
    record(tracer, "four")
    wait_for(lambda: tracer.stats().spooled > 0)
    assert tracer.stats().exporters[0].spool_fault is None
    assert_balanced(tracer)
    server.is_away = False
    assert tracer.flush(timeout_s=10)
    assert tracer.stats().delivered == 8
    tracer.shutdown(timeout_s=5)


def test_a_program_that_rests_gets_its_records_to_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the disk can be written again, and not at the next record, which may never come."""
    monkeypatch.setattr(spooling, "RETRY_DISK_S", 0.0)
    (tmp_path / "spool").write_text("in the way")
    tracer, server = make(tmp_path)
    server.is_away = True
    record(tracer, "one", "two")
    wait_for(lambda: tracer.stats().exporters[0].spool_fault)
    assert not tracer.flush(timeout_s=0.1)
    (tmp_path / "spool").unlink()
    wait_for(lambda: tracer.stats().exporters[0].spool_fault is None)
    assert tracer.stats().spooled > 0  # all but what the exporter has in hand
    assert_balanced(tracer)
    tracer.shutdown(timeout_s=0.1)


def test_records_on_their_way_to_the_disk_are_not_settled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long the disk takes: a flush must not end before they are anywhere."""
    tracer, server = make(tmp_path)
    server.is_away = True
    outlet = tracer.recorder.hub.sinks[0].outlet
    assert isinstance(outlet, SpoolOutlet)
    append = outlet._spool.append
    seen = []

    def look(lines: Sequence[bytes]) -> Any:
        seen.append(outlet.settled)
        return append(lines)

    monkeypatch.setattr(outlet._spool, "append", look)
    record(tracer, "one")
    wait_for(lambda: tracer.stats().spooled == 2)
    assert set(seen) == {0}
    tracer.shutdown(timeout_s=0.1)


@pytest.mark.parametrize("is_home", [True, False], ids=["home", "relative"])
def test_the_folder_stays_where_it_was_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_home: bool
) -> None:
    """`~` is the home, and a program that changes its folder does not change the spool's."""
    (tmp_path / "other").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    tracer, server = make(tmp_path, spool_folder="~/spool" if is_home else "spool")
    server.is_away = True
    monkeypatch.chdir(tmp_path / "other")
    record(tracer, "one")
    tracer.shutdown(timeout_s=5)
    assert list((tmp_path / "other").iterdir()) == []
    assert len(list((tmp_path / "spool").rglob("*.spool1"))) == 1


def test_a_full_disk_and_a_full_memory_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What has no room anywhere is a drop; what has is delivered."""
    (tmp_path / "spool").write_text("in the way")
    tracer, server = make(tmp_path, queue_max_records=8)
    server.is_away = True
    for _ in range(6):
        record(tracer, "one", "two")
        tracer.flush(timeout_s=0.05)
    assert tracer.stats().dropped == {"queue_full": 16}
    assert_balanced(tracer)
    server.is_away = False
    assert tracer.flush(timeout_s=10)
    assert tracer.stats().delivered == 8
    tracer.shutdown(timeout_s=5)


def test_with_durability_sync_a_record_is_on_disk_when_the_program_goes_on(
    tmp_path: Path,
) -> None:
    """Whatever happens next, it is not lost."""
    tracer, server = make(tmp_path, durability="sync")
    server.is_away = True
    with tracer.run("one"):
        (path,) = (tmp_path / "spool").rglob("*.spool1")
        assert path.read_bytes().count(b'"status":"STARTED"') == 1
        tracer.state("k", 1)
        assert path.read_bytes().count(b'"type":"event"') == 1
    assert path.read_bytes().count(b'"status":"COMPLETED"') == 1
    assert tracer.stats().errors == {}
    tracer.shutdown(timeout_s=5)


def test_a_batch_that_kills_the_thread_again_and_again_is_set_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would hold up everything behind it."""
    tracer, _server = make(tmp_path)
    (pipeline,) = tracer.recorder.hub.sinks
    export = pipeline._export

    def die(batch: Any) -> ExportResult | None:
        if any(each["name"] == "poison" for each in batch):
            raise SystemExit
        return export(batch)

    monkeypatch.setattr(pipeline, "_export", die)
    with tracer.run("poison"):
        wait_for(lambda: tracer.stats().dropped == {"worker_died": 1})
        monkeypatch.setattr(pipeline, "_export", export)
    assert tracer.flush(timeout_s=10)
    (stats,) = tracer.stats().exporters
    assert (stats.delivered, stats.restarts) == (1, 3)
    assert_balanced(tracer)
    tracer.shutdown(timeout_s=5)
    assert len(list_lines(tmp_path, ".ndjson")) == 1


def test_a_disk_that_hangs_does_not_hold_up_the_end(tmp_path: Path) -> None:
    """Nor the accounts: they are as the last write left them."""
    tracer, server = make(tmp_path)
    server.is_away = True
    record(tracer, "one")
    wait_for(lambda: tracer.stats().spooled == 2)
    outlet = tracer.recorder.hub.sinks[0].outlet
    assert isinstance(outlet, SpoolOutlet)
    release = threading.Event()
    held = threading.Event()

    def hang() -> None:
        with outlet._lock:
            held.set()
            release.wait(30)

    thread = threading.Thread(target=hang)
    thread.start()
    assert held.wait(5)
    record(tracer, "two")
    started = monotonic()
    assert tracer.stats().spooled == 2
    assert not tracer.shutdown(timeout_s=0.3)
    assert monotonic() - started < 5
    assert_balanced(tracer)
    release.set()
    thread.join()
