"""The file exporter: whole lines, folders made, and one clear word when it cannot write."""

from __future__ import annotations

import json
import logging
import os
import resource
import signal
import stat
from typing import TYPE_CHECKING, Any, cast

from agenttrace import Tracer
from agenttrace.exporters import JSONLExporter
from agenttrace.plugins import ExportResult, Record
from agenttrace.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

RECORDS = [cast("Record", {"n": n}) for n in range(3)]


def test_records_are_appended_as_lines(tmp_path: Path) -> None:
    """One object a line; what was there stays; the folders are made."""
    path = tmp_path / "a" / "b" / "t.jsonl"
    for _ in range(2):
        exporter = JSONLExporter(path=str(path))
        assert not path.exists() or path.read_bytes()
        assert exporter.export(RECORDS) == ExportResult.DELIVERED
        assert exporter.flush(timeout_s=1)
        exporter.shutdown(timeout_s=1)
    assert path.read_bytes() == b'{"n":0}\n{"n":1}\n{"n":2}\n' * 2


def test_the_file_follows_the_umask(tmp_path: Path) -> None:
    """Who may read traces is the user's decision."""
    previous = os.umask(0o077)
    try:
        exporter = JSONLExporter(tmp_path / "t.jsonl")
        exporter.export(RECORDS)
        exporter.shutdown(timeout_s=1)
    finally:
        os.umask(previous)
    assert stat.S_IMODE((tmp_path / "t.jsonl").stat().st_mode) == 0o600


def test_a_batch_is_one_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes that share a file do not cut each other's lines."""
    writes: list[bytes] = []
    real = os.write

    def write(descriptor: int, data: Any) -> int:
        writes.append(bytes(data))
        return real(descriptor, data)

    monkeypatch.setattr("agenttrace.exporters.jsonl.os.write", write)
    exporter = JSONLExporter(tmp_path / "t.jsonl")
    exporter.export(RECORDS)
    assert writes == [b'{"n":0}\n{"n":1}\n{"n":2}\n']
    exporter.shutdown(timeout_s=1)


def test_a_short_write_is_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel may take less than it is given."""
    real = os.write
    monkeypatch.setattr(
        "agenttrace.exporters.jsonl.os.write", lambda fd, data: real(fd, bytes(data)[:5])
    )
    exporter = JSONLExporter(tmp_path / "t.jsonl")
    assert exporter.export(RECORDS) == ExportResult.DELIVERED
    assert (tmp_path / "t.jsonl").read_bytes() == b'{"n":0}\n{"n":1}\n{"n":2}\n'
    exporter.shutdown(timeout_s=1)


def test_a_path_that_cannot_be_written_is_one_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It names the path, the reason and the way out; the records are counted, the program runs."""
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / "t.jsonl"
    tracer = Tracer(exporter=JSONLExporter(path), settings=Settings())
    with caplog.at_level(logging.WARNING, "agenttrace"):
        for _ in range(2):
            with tracer.run("agent"):
                pass
            assert not tracer.flush(timeout_s=5)
    (warning,) = [record.getMessage() for record in caplog.records]
    assert warning.startswith(f"cannot write traces to {path}: ")
    assert "Make the path writable or give JSONLExporter another one." in warning
    assert tracer.stats().dropped == {"rejected": 4}
    tracer.shutdown(timeout_s=5)


def test_a_path_that_becomes_writable_is_used(tmp_path: Path) -> None:
    """What was lost is counted, what comes is kept."""
    blocker = tmp_path / "folder"
    blocker.write_text("")
    exporter = JSONLExporter(blocker / "t.jsonl")
    assert exporter.export(RECORDS).kind == "rejected"
    blocker.unlink()
    assert exporter.export(RECORDS) == ExportResult.DELIVERED
    assert len((blocker / "t.jsonl").read_bytes().splitlines()) == 3
    exporter.shutdown(timeout_s=1)


def test_a_device_needs_no_sync() -> None:
    """A flush onto what has no disk is complete."""
    exporter = JSONLExporter("/dev/null")
    assert exporter.export(RECORDS) == ExportResult.DELIVERED
    assert exporter.flush(timeout_s=1)
    exporter.shutdown(timeout_s=1)


def test_a_torn_line_is_ended_before_the_next(tmp_path: Path) -> None:
    """A process that died within a write costs its own line and no other."""
    path = tmp_path / "t.jsonl"
    path.write_bytes(b'{"torn":')
    exporter = JSONLExporter(path)
    assert exporter.export(RECORDS) == ExportResult.DELIVERED
    exporter.shutdown(timeout_s=1)
    assert path.read_bytes() == b'{"torn":\n{"n":0}\n{"n":1}\n{"n":2}\n'


def test_a_write_that_was_cut_off_costs_no_record_that_follows(tmp_path: Path) -> None:
    """What is counted as delivered can be read back, although the file was at its limit between."""
    path = tmp_path / "t.jsonl"
    exporter = JSONLExporter(path)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    previous = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (12, limits[1]))
        assert exporter.export(RECORDS).kind == "rejected"
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, previous)
    assert path.read_bytes() == b'{"n":0}\n{"n"'
    assert exporter.export(RECORDS) == ExportResult.DELIVERED
    exporter.shutdown(timeout_s=1)
    assert [json.loads(line) for line in path.read_bytes().splitlines()[2:]] == RECORDS


def test_the_path_is_where_it_was_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that changes its folder writes no second file; a tilde is the home."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    here, home = JSONLExporter("t.jsonl"), JSONLExporter("~/t.jsonl")
    monkeypatch.chdir("/")
    assert (here.path, home.path) == (tmp_path / "t.jsonl", tmp_path / "home" / "t.jsonl")
