"""Libraries that record themselves once a tracer is told to: on, off, and what fails."""

from __future__ import annotations

import logging
import sys
import threading
import types
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from agenttrace import ConfigurationError, PluginError, Tracer
from agenttrace.exporters import MemoryExporter
from agenttrace.plugins import IntegrationSpec, hookimpl
from agenttrace.plugins.integrator import list_missing
from agenttrace.plugins.manager import PluginManager
from agenttrace.settings import Settings
from agenttrace.testing import make_tracer

from .conftest import Install, manage

Log = list[tuple[str, str]]
Make = Callable[..., tuple[Tracer, PluginManager]]


class Target(types.ModuleType):
    """The module of an integration: writes down what it was told, and fails when it is asked to."""

    def __init__(self, name: str, log: Log, *, fails_at: str = "", error: Any = ValueError) -> None:
        super().__init__(f"target_{name}")
        self.short_name = name
        self.log = log
        self.fails_at = fails_at
        self.error = error

    def instrument(self, tracer: Tracer) -> None:
        self._do("instrument", tracer)

    def uninstrument(self, tracer: Tracer) -> None:
        self._do("uninstrument", tracer)

    def _do(self, what: str, tracer: Tracer) -> None:
        assert isinstance(tracer, Tracer)
        self.log.append((what, self.short_name))
        if self.fails_at == what:
            raise self.error("broken")


@pytest.fixture
def log() -> Log:
    """Give the list of what targets were told."""
    return []


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Give a function that makes a tracer with these integrations and no built-in ones."""
    tracers: list[Tracer] = []
    monkeypatch.setattr("agenttrace.plugins.builtin.agenttrace_integrations", lambda: ())

    def build(*targets: Target, specs: Any = (), **settings: Any) -> tuple[Tracer, PluginManager]:
        for target in targets:
            monkeypatch.setitem(sys.modules, target.__name__, target)

        class Plugin:
            @hookimpl
            def agenttrace_integrations(self) -> list[IntegrationSpec]:
                return [*(spec_of(target) for target in targets), *specs]

        class Nothing:
            @hookimpl
            def agenttrace_integrations(self) -> list[IntegrationSpec]:
                return []

        manager = PluginManager(
            settings=Settings(**settings), plugins=[("mine", Plugin()), ("other", Nothing())]
        )
        manager._loader._manager.unregister(name="builtin")
        tracer = Tracer(exporter=MemoryExporter(), settings=Settings(**settings), plugins=manager)
        tracers.append(tracer)
        return tracer, manager

    yield build
    for tracer in tracers:
        tracer.shutdown(timeout_s=5)


def spec_of(target: Target, **fields: Any) -> IntegrationSpec:
    """Return the spec of a target that needs no more than Python itself."""
    values = {"summary": "s", "modules": ("sys",), "target": target.__name__, **fields}
    return IntegrationSpec(name=target.short_name, **values)


def test_every_installed_integration_is_turned_on_and_off(make: Make, log: Log) -> None:
    """By (order, name), off in reverse; one whose library is missing is passed over in silence."""
    missing = Target("missing", log)
    first = Target("z_first", log)
    tracer, manager = make(
        Target("b", log),
        Target("a", log),
        specs=[
            spec_of(missing, modules=("sys", "no_such_library")),
            spec_of(first, order=-1),
        ],
    )
    sys.modules[first.__name__] = first
    try:
        assert tracer.instrument() == ["z_first", "a", "b"]
        assert log == [("instrument", "z_first"), ("instrument", "a"), ("instrument", "b")]
        log.clear()
        assert tracer.uninstrument() == []
        assert log == [("uninstrument", "b"), ("uninstrument", "a"), ("uninstrument", "z_first")]
    finally:
        del sys.modules[first.__name__]
    assert manager.failures() == []
    assert tracer.stats().errors == {}


def test_turning_on_twice_changes_nothing(make: Make, log: Log) -> None:
    """A library that every part of a program turns on is recorded once; so is turning off."""
    tracer, _ = make(Target("a", log), Target("b", log))
    assert tracer.uninstrument() == []
    assert tracer.instrument("b") == ["b"]
    assert tracer.instrument("b") == ["b"]
    assert tracer.instrument() == ["b", "a"]
    assert log == [("instrument", "b"), ("instrument", "a")]
    assert tracer.uninstrument("b") == ["a"]
    assert tracer.uninstrument("b") == ["a"]
    assert log[2:] == [("uninstrument", "b")]
    assert tracer.instrument("b") == ["a", "b"]


def test_each_tracer_has_its_own(make: Make, log: Log) -> None:
    """What one turned on is another's to turn on as well."""
    one, _ = make(Target("a", log))
    two, _ = make(Target("a", log))
    assert (one.instrument(), two.instrument()) == (["a"], ["a"])
    assert len(log) == 2
    one.uninstrument()
    assert two.instrument() == ["a"]


def test_an_unknown_name_lists_what_there_is(make: Make, log: Log) -> None:
    """For turning on and for turning off."""
    tracer, _ = make(Target("a", log), Target("b", log))
    expected = r"^there is no integration 'openia'; there are: a, b\.$"
    with pytest.raises(ConfigurationError, match=expected):
        tracer.instrument("openia")
    tracer.instrument("a")
    with pytest.raises(ConfigurationError, match=expected):
        tracer.uninstrument("openia")
    assert log == [("instrument", "a")]


def test_a_named_integration_without_its_library_is_a_configuration_error(
    make: Make, log: Log
) -> None:
    """It cannot have been meant; with no name it is merely passed over."""
    spec = spec_of(Target("a", log), modules=("sys", "no_such_library", "json.no_such_part"))
    tracer, _ = make(specs=[spec])
    assert tracer.instrument() == []
    with pytest.raises(ConfigurationError) as caught:
        tracer.instrument("a")
    assert str(caught.value) == (
        "the integration 'a' needs the modules no_such_library, json.no_such_part, "
        "not installed here"
    )


@pytest.mark.parametrize("error", [ValueError, SystemExit, GeneratorExit, MemoryError])
def test_one_that_fails_is_contained_counted_and_reported(
    make: Make, log: Log, error: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    """The others are turned on, what it half did is undone, and it may be tried again."""
    bad = Target("bad", log, fails_at="instrument", error=error)
    tracer, manager = make(Target("a", log), bad, Target("c", log))
    with caplog.at_level(logging.WARNING, "agenttrace"):
        assert tracer.instrument() == ["a", "c"]
    assert log == [
        ("instrument", "a"),
        ("instrument", "bad"),
        ("uninstrument", "bad"),
        ("instrument", "c"),
    ]
    assert tracer.stats().errors == {"instrument:bad": 1}
    (failure,) = manager.failures()
    assert (failure.name, failure.error) == (
        "mine",
        f"the integration 'bad' was not turned on: {error.__name__}: broken",
    )
    assert [record.getMessage() for record in caplog.records] == [
        f"instrument:bad: {error.__name__}: broken"
    ]
    bad.fails_at = ""
    assert tracer.instrument() == ["a", "c", "bad"]


def test_an_interrupt_is_the_user_s(make: Make, log: Log) -> None:
    """Nothing contains a KeyboardInterrupt."""
    bad = Target("bad", log, fails_at="instrument", error=KeyboardInterrupt)
    tracer, _ = make(bad)
    with pytest.raises(KeyboardInterrupt):
        tracer.instrument()


def test_one_that_cannot_be_turned_off_harms_no_other(make: Make, log: Log) -> None:
    """It is counted; the others are turned off."""
    tracer, _ = make(Target("a", log), Target("b", log, fails_at="uninstrument"))
    tracer.instrument()
    assert tracer.uninstrument() == []
    assert log[2:] == [("uninstrument", "b"), ("uninstrument", "a")]
    assert tracer.stats().errors == {"uninstrument:b": 1}


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("", "ModuleNotFoundError: No module named"),
        ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("def instrument(tracer): pass", "TypeError: broken_target has no function uninstrument("),
    ],
    ids=["no module", "broken import", "half of it"],
)
def test_a_target_that_is_none_is_reported(
    make: Make, tmp_path: Any, monkeypatch: pytest.MonkeyPatch, code: str, error: str
) -> None:
    """The plugin's own code is imported only now, and may be broken."""
    monkeypatch.syspath_prepend(str(tmp_path))
    if code:
        (tmp_path / "broken_target.py").write_text(code)
    spec = IntegrationSpec(name="x", summary="s", modules=("sys",), target="broken_target")
    tracer, manager = make(specs=[spec])
    assert tracer.instrument("x") == []
    assert error in manager.failures()[0].error
    sys.modules.pop("broken_target", None)


def test_strict_raises_for_one_that_fails(make: Make, log: Log) -> None:
    """A build that must not go on without its integrations."""
    tracer, _ = make(Target("bad", log, fails_at="instrument"), strict_plugins=True)
    with pytest.raises(PluginError, match="'bad' was not turned on: ValueError: broken"):
        tracer.instrument()


def test_the_end_of_a_tracer_turns_its_integrations_off(make: Make, log: Log) -> None:
    """What a library was given is not left behind."""
    tracer, _ = make(Target("a", log))
    tracer.instrument()
    tracer.shutdown(timeout_s=5)
    assert log == [("instrument", "a"), ("uninstrument", "a")]


def test_a_disabled_tracer_turns_nothing_on(make: Make, log: Log) -> None:
    """AGENTTRACE_DISABLED=1 leaves the program as it is."""
    tracer, _ = make(Target("a", log), disabled=True)
    assert tracer.instrument() == []
    assert log == []


def test_looking_for_modules_imports_none(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the library nor the packages that its module lies in."""
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "heavy" / "inner").mkdir(parents=True)
    (tmp_path / "heavy" / "__init__.py").write_text("raise AssertionError('imported')")
    (tmp_path / "heavy" / "inner" / "__init__.py").touch()
    (tmp_path / "heavy" / "inner" / "part.py").touch()
    (tmp_path / "heavy" / "space").mkdir()
    names = (
        "heavy",
        "heavy.inner.part",
        "heavy.other",
        "os.path",
        "heavy.inner.part.more",
        "heavy.space.x",
    )
    spec = IntegrationSpec(name="x", summary="s", modules=names, target="t")
    assert list_missing(spec) == ["heavy.other", "heavy.inner.part.more"]
    assert "heavy" not in sys.modules


def test_a_broken_plugin_s_integrations_are_named_as_lost(install: Install) -> None:
    """Who asks for one learns which plugin may have had it."""
    manager = manage(install("bad", "raise ValueError"))
    tracer = Tracer(settings=Settings(), plugins=manager)
    with pytest.raises(ConfigurationError, match=r"there are: processes, threads\. These plugins"):
        tracer.instrument("x")


def test_the_built_in_integrations_carry_the_context() -> None:
    """Turned on, a thread is within the run that started it; turned off, it is not."""
    tracer, _ = make_tracer()
    seen = []

    def look() -> None:
        seen.append(tracer.current_run())

    assert tracer.instrument() == ["processes", "threads"]
    with tracer.run("agent") as run:
        _run_in_thread(look)
        assert tracer.uninstrument() == []
        _run_in_thread(look)
    assert seen == [run, None]
    tracer.shutdown(timeout_s=5)


def _run_in_thread(function: Callable[[], None]) -> None:
    thread = threading.Thread(target=function)
    thread.start()
    thread.join(10)
