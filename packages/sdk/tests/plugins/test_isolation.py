"""Plugins that hang, that are asked while something is imported, and that are watched."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from agenttrace import Tracer
from agenttrace.exporters import MemoryExporter
from agenttrace.plugins.calls import call_within
from agenttrace.plugins.manager import PluginManager
from agenttrace.settings import Settings

from .conftest import BUILTIN_EXPORTERS, Install, good, manage, names

if TYPE_CHECKING:
    from pathlib import Path

ERRORS = [ValueError, SystemExit, GeneratorExit, MemoryError, RecursionError, StopIteration]


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Give an event on which plugins hang until the test has ended."""
    event = threading.Event()
    monkeypatch.setattr(threading, "gate_of_this_test", event, raising=False)
    yield event
    event.set()
    for thread in threading.enumerate():
        if thread.name == "agenttrace-plugin":
            thread.join(10)


HANG = "import threading; threading.gate_of_this_test.wait()"
SLOW = [
    (HANG, "import failed: TimeoutError: it took longer than 0.2 s"),
    (
        "@hookimpl\ndef agenttrace_exporters(): " + HANG,
        "agenttrace_exporters failed: TimeoutError: it took longer than 0.2 s",
    ),
    (
        "def __getattr__(name): " + HANG,
        "registration failed: TimeoutError: it took longer than 0.2 s",
    ),
    (
        "@hookimpl\ndef agenttrace_processors():\n    def make(settings): "
        + HANG
        + "\n    return [ProcessorSpec(name='slow', summary='s', factory=make)]",
        "the processor 'slow' is not in use: TimeoutError: it took longer than 0.2 s",
    ),
]


@pytest.mark.parametrize(("code", "error"), SLOW, ids=["import", "hook", "registration", "factory"])
def test_a_plugin_that_hangs_is_skipped_and_reported(
    install: Install, gate: threading.Event, code: str, error: str
) -> None:
    """The others are in use, and whoever asked goes on."""
    points = (install("bad", code), install("good", good("db")))
    manager = PluginManager(settings=Settings(), find=lambda: points, timeout_s=0.2)
    assert names(manager.exporters()) == sorted([*BUILTIN_EXPORTERS, "db"])
    assert "slow" not in [name for name, _ in manager.make_processors()]
    (failure,) = manager.failures()
    assert (failure.name, failure.error) == ("bad", error)


def test_a_registration_that_ends_too_late_has_no_effect(
    install: Install, gate: threading.Event
) -> None:
    """A plugin that was reported as skipped does not come back by itself."""
    code = good("late") + "def __getattr__(name): " + HANG + "; raise AttributeError(name)"
    points = (install("bad", code),)
    manager = PluginManager(settings=Settings(), find=lambda: points, timeout_s=0.2)
    manager.load()
    gate.set()
    for thread in threading.enumerate():
        if thread.name == "agenttrace-plugin":
            thread.join(10)
    assert manager._loader._manager.has_plugin("bad")
    assert names(manager.exporters()) == BUILTIN_EXPORTERS
    assert [info.name for info in manager.plugins()] == ["builtin"]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_whatever_a_hook_raises_the_other_exporter_gets_everything(
    install: Install, error: type[BaseException]
) -> None:
    """A run is recorded in full beside a plugin that raises this."""
    code = f"@hookimpl\ndef agenttrace_exporters(): raise {error.__name__}('x')"
    plugins = manage(install("bad", code), install("good", good("db")))
    memory = MemoryExporter()
    tracer = Tracer(exporter=memory, settings=Settings(), plugins=plugins)
    tracer.add_exporter("db")
    for number in range(50):
        with tracer.run(f"agent {number}"):
            pass
    assert tracer.shutdown(timeout_s=10)
    assert len(memory.records) == 100
    assert [each.delivered for each in tracer.stats().exporters] == [100, 100]
    (failure,) = plugins.failures()
    assert f"failed: {error.__name__}: x" in failure.error


def test_an_interrupt_of_a_plugin_is_not_contained(install: Install) -> None:
    """It is the user's, wherever it is raised."""
    with pytest.raises(KeyboardInterrupt):
        manage(install("bad", "raise KeyboardInterrupt")).load()


def test_a_call_returns_and_raises_as_if_it_were_made_here() -> None:
    """On another thread, so that there is a deadline."""

    def fail() -> None:
        raise LookupError("x")

    here = threading.current_thread()
    assert call_within(threading.current_thread, timeout_s=10) is not here
    with pytest.raises(LookupError, match=r"^x$"):
        call_within(fail, timeout_s=10)


def test_a_call_needs_no_thread_where_there_can_be_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the end of the interpreter, and where the machine has no more threads."""

    def refuse(_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert call_within(threading.current_thread, timeout_s=10) is threading.current_thread()


def test_a_plugin_may_lie_in_the_package_that_sets_up_the_tracer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While that package is imported, its lock is held: another thread would wait for ever."""
    package = tmp_path / "app"
    package.mkdir()
    (package / "__init__.py").write_text(
        "from agenttrace import Tracer\ntracer = Tracer(exporter='db')\n"
    )
    (package / "hooks.py").write_text(
        "import app\nfrom agenttrace.plugins import *\n"
        "from agenttrace.exporters import MemoryExporter\n" + good("db")
    )
    info = tmp_path / "app-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Name: app\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[agenttrace]\napp = app.hooks\n")
    monkeypatch.setenv("AGENTTRACE_PLUGINS", "app")
    code = "import app; print([each.name for each in app.tracer.stats().exporters])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert (done.stdout, done.stderr) == ("['db']\n", "")


def test_plugins_can_be_watched(install: Install, capsys: pytest.CaptureFixture[str]) -> None:
    """AGENTTRACE_TRACE_PLUGINS=1 tells each call with what came of it, and else nothing is told."""
    points = install("bad", "raise ValueError('x')"), install("good", good("db"))
    manage(*points).exporters()
    assert capsys.readouterr().err == ""
    manage(*points, trace_plugins=True).make_exporter("db:x")
    told = [line.rpartition(" (")[0] for line in capsys.readouterr().err.splitlines()]
    assert told == [
        f"agenttrace plugin bad: import {points[0].value}: raised ValueError: x",
        f"agenttrace plugin good: import {points[1].value}: done",
        "agenttrace plugin good: register: done",
        "agenttrace plugin builtin: agenttrace_exporters(): [jsonl, http, console, memory]",
        "agenttrace plugin good: agenttrace_exporters(): [db]",
        "agenttrace plugin good: make exporter db: done",
    ]


def test_nothing_is_loaded_before_a_plugin_is_needed(install: Install) -> None:
    """Neither by making a tracer nor by recording with it; its first exporter needs them."""

    def find() -> Any:
        raise AssertionError("entry points were looked at")

    plugins = PluginManager(settings=Settings(), find=find)
    tracer = Tracer(settings=Settings(), plugins=plugins)
    with tracer.run("agent"):
        pass
    with pytest.raises(AssertionError, match="looked at"):
        tracer.set_exporter("memory")


def test_what_loads_plugins_answers_alike_whatever_order_they_are_found_in(
    install: Install,
) -> None:
    """The order of folders and distributions on a machine has no meaning."""
    one, two = install("one", good("a")), install("two", good("b"))
    for points in ((one, two), (two, one)):
        manager = manage(*points)
        assert names(manager.exporters()) == sorted([*BUILTIN_EXPORTERS, "a", "b"])
        assert [info.name for info in manager.plugins()] == ["builtin", "one", "two"]
