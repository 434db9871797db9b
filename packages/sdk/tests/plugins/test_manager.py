"""Plugins: found, isolated, and told apart; every way in which one can be wrong."""

from __future__ import annotations

import logging
import types
from collections.abc import Iterable
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import pytest

from agenttrace import ConfigurationError, PluginError, Tracer
from agenttrace.exporters import MemoryExporter
from agenttrace.plugins import CommandSpec, ExporterSpec, PluginFailure, PluginInfo, hookimpl
from agenttrace.plugins.manager import PluginManager
from agenttrace.settings import Settings

from .conftest import BUILTIN_EXPORTERS, Install, good, manage, names


def test_an_installed_plugin_is_used(install: Install) -> None:
    """Its exporter can be named by its name and by its scheme."""
    manager = manage(install("good", good("db"), version="2.1"))
    assert names(manager.exporters()) == ["console", "db", "http", "jsonl", "memory"]
    assert manager.failures() == []
    assert manager.plugins()[1] == PluginInfo(
        name="good", distribution="dist-good", version="2.1", hooks=("agenttrace_exporters",)
    )
    for text in ("db", "db:target", "db+x://host/path"):
        assert manager.make_exporter(text)[0] == "db"


def test_built_in_exporters_need_no_installed_plugin(install: Install) -> None:
    """Naming one of them loads nothing else, so a broken plugin cannot get in the way."""
    manager = manage(install("bad", "raise SystemExit"))
    assert manager.make_exporter("memory")[0] == "memory"
    assert not manager._loader.is_loaded


def test_the_factory_gets_target_and_options(install: Install) -> None:
    """A name's target is what follows it; a scheme's is the whole text."""
    code = """
seen = []
class Seen(MemoryExporter):
    def __init__(self, *given):
        super().__init__(); self.given = given
@hookimpl
def agenttrace_exporters():
    factory = lambda t, **o: Seen(t, o)
    return [ExporterSpec(name="db", summary="s", schemes=("dbs",), factory=factory)]
"""
    manager = manage(install("db", code), api_key="k")
    texts = ("db", "db:a:b", "DBS://x")
    found = [vars(manager.make_exporter(text)[1])["given"] for text in texts]
    options = {"api_key": "k"}
    assert found == [("", options), ("a:b", options), ("DBS://x", options)]


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("import nothing_of_this_name", "import failed: ModuleNotFoundError: No module named"),
        ("raise SystemExit(3)", "import failed: SystemExit: 3"),
        ("def broken(:", "import failed: SyntaxError:"),
        (
            good("db") + "@hookimpl\ndef agenttrace_cli(nonsense): return []",
            "registration failed: PluginValidationError:",
        ),
        (
            good("db") + "@hookimpl\ndef agenttrace_exportres(): return []",
            "PluginValidationError: unknown hook 'agenttrace_exportres'",
        ),
        (
            "@hookimpl(wrapper=True)\ndef agenttrace_exporters():\n    return (yield)",
            "registration failed: PluginError: agenttrace_exporters is a hook wrapper;",
        ),
        (
            good("db") + "AGENTTRACE_PLUGIN_API = 99",
            "it needs plugin API 99, this agenttrace has 1: upgrade agenttrace",
        ),
        (
            good("db") + "AGENTTRACE_PLUGIN_API = 0",
            "it was written for plugin API 0, this agenttrace takes 1 and later: upgrade the",
        ),
        ("@hookimpl\ndef agenttrace_exporters(): raise ValueError('x')", "failed: ValueError: x"),
        ("@hookimpl\ndef agenttrace_exporters(): raise SystemExit", "failed: SystemExit: "),
        ("@hookimpl\ndef agenttrace_exporters(): return None", "failed: TypeError: 'NoneType'"),
        ("@hookimpl\ndef agenttrace_exporters(): return ['db']", "it returned a str; expected Exp"),
        ("@hookimpl\nasync def agenttrace_exporters(): return []", "is async; hooks are plain"),
        (
            "@hookimpl\nasync def agenttrace_cli(): yield 1",
            "registration failed: PluginError: agenttrace_cli is async;",
        ),
        (
            "async def later(): return []\n@hookimpl\ndef agenttrace_cli(): return later()",
            "agenttrace_cli failed: TypeError: it is async; hooks are plain",
        ),
        (
            "@hookimpl\ndef agenttrace_cli(): yield 3",
            "agenttrace_cli failed: TypeError: it returned",
        ),
        (good("db").replace('name="db"', "name=5"), "ExporterSpec.name is 5;"),
        (good("db").replace('name="db"', "name=[]"), "ExporterSpec.name is []; expected a text"),
        (good("db").replace('("db+x",)', "None"), "ExporterSpec.schemes is None; expected a tuple"),
        (good("db").replace('("db+x",)', "'acme+good'"), "ExporterSpec.schemes is 'acme+good';"),
        (good("db").replace("factory=factory", "factory=3"), "ExporterSpec.factory is 3;"),
        (
            "@hookimpl\ndef agenttrace_cli(): yield CommandSpec(name='x', summary='', target=1)",
            "CommandSpec.target is 1; expected a text",
        ),
        (
            "class E(Exception):\n    def __str__(self): raise SystemExit\nraise E",
            "import failed: E",
        ),
        (
            "def __getattr__(name): raise SystemExit(name)",
            "registration failed: SystemExit: AGENTTRACE_PLUGIN_API",
        ),
    ],
    ids=[
        "missing import",
        "exit at import",
        "syntax",
        "wrong argument",
        "typo",
        "wrapper",
        "newer api",
        "older api",
        "hook raises",
        "hook exits",
        "returns none",
        "returns text",
        "async",
        "async generator",
        "awaitable result",
        "other spec",
        "name is a number",
        "name is a list",
        "no schemes",
        "scheme is a text",
        "no factory",
        "target is a number",
        "error without text",
        "attributes raise",
    ],
)
def test_a_broken_plugin_is_out_of_use_and_harms_no_other(
    install: Install, code: str, error: str
) -> None:
    """It is listed with its distribution and the reason; none of its hooks answers any more."""
    manager = manage(install("bad", code), install("good", good("other")))
    assert names(manager.exporters()) == sorted([*BUILTIN_EXPORTERS, "other"])
    (failure,) = manager.failures()
    assert (failure.name, failure.distribution, failure.version) == ("bad", "dist-bad", "1.0")
    assert error in failure.error
    assert names(manager.exporters()) == sorted([*BUILTIN_EXPORTERS, "other"])
    assert [info.name for info in manager.plugins()] == ["builtin", "good"]


def test_a_typo_is_told_with_the_hooks_that_exist(install: Install) -> None:
    """Pluggy alone would accept it in silence."""
    manager = manage(install("bad", "@hookimpl\ndef agenttrace_exporter(): return []"))
    (failure,) = manager.failures()
    assert (
        "The hooks are: agenttrace_cli, agenttrace_codecs, agenttrace_exporters, " in failure.error
    )


def test_an_optional_hook_of_a_later_version_is_no_typo(install: Install) -> None:
    """A plugin may implement what an older host does not have."""
    code = good("db") + "@hookimpl(optionalhook=True)\ndef agenttrace_tomorrow(): return []"
    manager = manage(install("new", code))
    assert manager.failures() == []
    assert "db" in names(manager.exporters())


def test_an_argument_with_a_default_is_not_passed(install: Install) -> None:
    """A hook that asks for more than there is keeps its own default, and works."""
    code = good("db").replace("agenttrace_exporters():", "agenttrace_exporters(run=99):")
    assert "db" in names(manage(install("new", code)).exporters())


def test_two_distributions_with_one_plugin_name_are_both_refused(install: Install) -> None:
    """Which of them came first on the path must not decide what runs."""
    one = install("same", good("one"), distribution="dist-one")
    two = install("same", good("two"), distribution="dist-two")
    for points in ((one, two), (two, one)):
        manager = manage(*points)
        assert names(manager.exporters()) == BUILTIN_EXPORTERS
        (failure,) = manager.failures()
        assert failure.error == (
            "the plugin name 'same' is claimed by dist-one and dist-two: none of them is loaded"
        )


def test_the_built_in_plugin_s_name_cannot_be_taken(install: Install) -> None:
    """It would be a way to replace the exporters that everyone uses."""
    manager = manage(install("builtin", good("db")))
    assert names(manager.exporters()) == BUILTIN_EXPORTERS
    assert "'builtin' is claimed by dist-builtin and agenttrace" in manager.failures()[0].error


def test_an_exporter_name_that_two_claim_belongs_to_neither(install: Install) -> None:
    """Both are named, and the rest of each plugin is in use."""
    manager = manage(install("one", good("db")), install("two", good("db")))
    assert names(manager.exporters()) == BUILTIN_EXPORTERS
    assert [(f.name, f.error) for f in manager.failures()] == [
        (name, "the exporter 'db' is claimed by dist-one and dist-two: it belongs to none of them")
        for name in ("one", "two")
    ]
    with pytest.raises(ConfigurationError, match="there is no exporter for 'db:x'"):
        manager.make_exporter("db:x")


def test_a_built_in_exporter_s_name_is_kept(install: Install) -> None:
    """A plugin cannot take it over."""
    manager = manage(install("one", good("jsonl")))
    assert names(manager.exporters()) == BUILTIN_EXPORTERS
    assert manager.failures()[0].error.endswith(": the built-in one is kept")
    assert type(manager.make_exporter("jsonl:./x")[1]).__name__ == "JSONLExporter"


def test_only_allowed_plugins_are_imported(
    install: Install, caplog: pytest.LogCaptureFixture
) -> None:
    """AGENTTRACE_PLUGINS lists what may run in the process; a name that is not there is told."""
    one, two = install("one", good("db1")), install("two", "raise AssertionError('imported')")
    with caplog.at_level(logging.WARNING, "agenttrace"):
        manager = manage(one, two, plugins=("one", "three"))
        assert names(manager.exporters()) == sorted([*BUILTIN_EXPORTERS, "db1"])
        assert manager.failures() == []
        assert names(manage(one, two, plugins=()).exporters()) == BUILTIN_EXPORTERS
    assert [record.getMessage() for record in caplog.records] == [
        "AGENTTRACE_PLUGINS names 'three', but no such plugin is installed"
    ]


@pytest.mark.parametrize(
    "code",
    [
        "raise ValueError('x')",
        "@hookimpl\ndef agenttrace_exporters(): raise ValueError('x')",
        "@hookimpl\ndef agenttrace_exportres(): return []",
    ],
    ids=["import", "call", "typo"],
)
def test_strict_raises(install: Install, code: str) -> None:
    """In a build that must not go on without its plugins."""
    manager = manage(install("bad", code), strict_plugins=True)
    with pytest.raises(PluginError, match=r"^plugin bad \(dist-bad 1.0\): "):
        manager.exporters()


def test_plugins_can_be_given_without_entry_points() -> None:
    """Tests pass theirs, and no installed plugin has a part in it."""

    class Plugin:
        @hookimpl
        def agenttrace_cli(self) -> list[CommandSpec]:
            return [CommandSpec(name="hello", summary="Say hello.", target="m:f")]

    def find() -> Iterable[EntryPoint]:
        raise AssertionError("entry points were looked at")

    manager = PluginManager(settings=Settings(), plugins=[("mine", Plugin())], find=find)
    assert names(manager.commands()) == [
        *("baseline", "diff", "doctor", "export", "hello", "import", "plugins", "replay", "runs"),
        *("show", "tail", "test"),
    ]


def test_managers_do_not_share_plugins() -> None:
    """A plugin of one tracer is none of another's."""
    module = types.ModuleType("m")
    exec(good("db"), {"hookimpl": hookimpl, "ExporterSpec": ExporterSpec}, vars(module))
    one = PluginManager(settings=Settings(), plugins=[("mine", module)])
    other = PluginManager(settings=Settings(), plugins=[])
    assert "db" in names(one.exporters())
    assert names(other.exporters()) == BUILTIN_EXPORTERS


def test_an_unknown_exporter_names_what_there_is_and_what_failed(install: Install) -> None:
    """The way out is in the message."""
    manager = manage(install("bad", "raise ValueError"))
    with pytest.raises(ConfigurationError) as caught:
        manager.make_exporter("otlp:http://host:4318")
    assert str(caught.value) == (
        "there is no exporter for 'otlp:http://host:4318'; there are: console; http, http://…, "
        "https://…; jsonl; memory. These plugins failed to load: bad (see agenttrace plugins)."
    )


@pytest.mark.parametrize(
    ("factory", "message"),
    [
        ("lambda t, **o: 1 / 0", "could not be made for 'db:x': ZeroDivisionError"),
        ("lambda t, **o: None", "returned a NoneType without export"),
        ("lambda t: MemoryExporter()", "could not be made for 'db:x': TypeError"),
        ("lambda t, **o: exit(3)", "could not be made for 'db:x': SystemExit: 3"),
    ],
)
def test_a_factory_that_fails_is_a_configuration_error(
    install: Install, factory: str, message: str
) -> None:
    """It happens while the program is being set up, so it may raise, but as one kind."""
    code = good("db").replace("lambda t, **o: MemoryExporter()", factory)
    with pytest.raises(ConfigurationError, match=message):
        manage(install("db", code)).make_exporter("db:x")


def test_an_exporter_need_not_inherit() -> None:
    """What has an export method is an exporter."""

    class Duck:
        inner = MemoryExporter()
        export = inner.export
        flush = inner.flush
        shutdown = inner.shutdown

    class Plugin:
        @hookimpl
        def agenttrace_exporters(self) -> list[ExporterSpec]:
            def make(target: str, **_options: object) -> Any:
                return Duck()

            return [ExporterSpec(name="duck", summary="s", factory=make)]

    manager = PluginManager(settings=Settings(), plugins=[("duck", Plugin())])
    tracer = Tracer(exporter="duck", settings=Settings(), plugins=manager)
    with tracer.run("agent"):
        pass
    assert tracer.shutdown(timeout_s=5)
    assert len(Duck.inner.records) == 2


def test_the_distribution_s_own_entry_point_is_the_built_in_plugin() -> None:
    """It is registered as anyone's would be, and listed once, with its version."""
    manager = PluginManager(settings=Settings(plugins=()))
    assert [info.name for info in manager.plugins()] == ["builtin"]
    (builtin,) = manager.plugins()
    assert builtin.hooks == (
        "agenttrace_cli",
        "agenttrace_exporters",
        "agenttrace_integrations",
        "agenttrace_price_tables",
        "agenttrace_processors",
    )
    found = {point.value for point in entry_points(group="agenttrace", name="builtin")}
    assert found == {"agenttrace.plugins.builtin"}


def test_failures_are_records() -> None:
    """They compare and print."""
    failure = PluginFailure(name="n", distribution="d", version="1", error="e")
    assert failure == PluginFailure(name="n", distribution="d", version="1", error="e")
    assert "error='e'" in repr(failure)
