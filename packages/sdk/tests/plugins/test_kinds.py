"""The kinds of things that plugins add: each collected, sorted, checked, and told apart by name."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from agenttrace import PluginError
from agenttrace.plugins import (
    CodecSpec,
    CommandSpec,
    ExporterSpec,
    IntegrationSpec,
    PriceTableSpec,
    Processor,
    ProcessorSpec,
    hookimpl,
)
from agenttrace.plugins.manager import PluginManager
from agenttrace.settings import Settings

from .conftest import Install, good, manage, names

FIELDS: dict[type[Any], dict[str, Any]] = {
    ExporterSpec: {"summary": "s", "factory": print},
    CommandSpec: {"summary": "s", "target": "m:f"},
    IntegrationSpec: {"summary": "s", "modules": ("sys",), "target": "m.integration"},
    ProcessorSpec: {"summary": "s", "factory": print},
    CodecSpec: {"types": ("m:T",), "encode": print, "decode": print},
    PriceTableSpec: {"summary": "s", "factory": print},
}
METHODS = {
    ExporterSpec: "exporters",
    CommandSpec: "commands",
    IntegrationSpec: "integrations",
    ProcessorSpec: "processors",
    CodecSpec: "codecs",
    PriceTableSpec: "price_tables",
}
KINDS = pytest.mark.parametrize("kind", FIELDS, ids=METHODS.values())
ORDERED = (IntegrationSpec, ProcessorSpec, PriceTableSpec)


@dataclass(eq=False)
class Plugin:
    """A plugin with the given specs, which counts how often it is asked."""

    specs: list[Any] = field(default_factory=list)
    asked: int = 0

    def give(self, kind: type[Any]) -> list[Any]:
        self.asked += 1
        return [spec for spec in self.specs if isinstance(spec, kind)]

    @hookimpl
    def agenttrace_exporters(self) -> list[ExporterSpec]:
        return self.give(ExporterSpec)

    @hookimpl
    def agenttrace_cli(self) -> list[CommandSpec]:
        return self.give(CommandSpec)

    @hookimpl
    def agenttrace_integrations(self) -> list[IntegrationSpec]:
        return self.give(IntegrationSpec)

    @hookimpl
    def agenttrace_processors(self) -> list[ProcessorSpec]:
        return self.give(ProcessorSpec)

    @hookimpl
    def agenttrace_codecs(self) -> list[CodecSpec]:
        return self.give(CodecSpec)

    @hookimpl
    def agenttrace_price_tables(self) -> list[PriceTableSpec]:
        return self.give(PriceTableSpec)


def make(kind: type[Any], name: str, **fields: Any) -> Any:
    """Return a valid spec of this kind, with some fields of one's own."""
    return kind(name=name, **{**FIELDS[kind], **fields})


def collect(kind: type[Any], *plugins: Plugin, **settings: Any) -> tuple[PluginManager, list[Any]]:
    """Return a manager with these plugins, and what it has of this kind but the built-in ones."""
    given = [(f"plugin{number}", plugin) for number, plugin in enumerate(plugins)]
    own = getattr(PluginManager(settings=Settings(), plugins=[]), METHODS[kind])()
    manager = PluginManager(settings=Settings(**settings), plugins=given)
    return manager, [spec for spec in getattr(manager, METHODS[kind])() if spec not in own]


@KINDS
def test_a_plugin_adds_things_of_each_kind(kind: type[Any]) -> None:
    """They come sorted by name from whichever plugin, and are the very records it returned."""
    first, second = make(kind, "first"), make(kind, "second", **_other(kind))
    manager, found = collect(kind, Plugin([second]), Plugin([first]))
    assert [id(spec) for spec in found] == [id(first), id(second)]
    assert manager.failures() == []
    assert (manager.find_plugin(first), manager.find_plugin(second)) == ("plugin1", "plugin0")
    assert manager.find_plugin(make(kind, "third")) == ""


def _other(kind: type[Any]) -> dict[str, Any]:
    return {"types": ("m:Other",)} if kind is CodecSpec else {}


@KINDS
def test_a_hook_is_asked_once(kind: type[Any]) -> None:
    """A plugin's answer counts for the life of its manager."""
    plugin = Plugin()
    manager, _ = collect(kind, plugin)
    getattr(manager, METHODS[kind])()
    assert plugin.asked == 1
    manager.failures()
    manager.failures()
    assert plugin.asked == len(FIELDS)


@pytest.mark.parametrize("kind", ORDERED)
def test_order_comes_before_name(kind: type[Any]) -> None:
    """What must run first says so; plugins that do not care are sorted by name."""
    specs = [make(kind, name, order=order) for name, order in (("b", 0), ("a", 0), ("z", -1))]
    _, found = collect(kind, Plugin(specs[:1]), Plugin(specs[1:]))
    assert names(found) == ["z", "a", "b"]


@KINDS
def test_a_name_that_two_claim_belongs_to_neither(kind: type[Any]) -> None:
    """Both plugins are named, and what else they add is in use."""
    one = Plugin([make(kind, "same"), make(kind, "good", **_other(kind))])
    manager, found = collect(kind, one, Plugin([make(kind, "same")]))
    assert names(found) == ["good"]
    noun = METHODS[kind].removesuffix("s").replace("_", " ").replace("cli", "command")
    assert [(f.name, f.error) for f in manager.failures()] == [
        (
            name,
            f"the {noun} 'same' is claimed by plugin0 and plugin1: it belongs to none of them",
        )
        for name in ("plugin0", "plugin1")
    ]


@KINDS
def test_a_plugin_cannot_claim_a_name_twice(kind: type[Any]) -> None:
    """There is no way to tell which one is meant."""
    manager, found = collect(kind, Plugin([make(kind, "same"), make(kind, "same")]))
    assert found == []
    (failure,) = manager.failures()
    assert "'same' is claimed by plugin0 more than once: it belongs to none" in failure.error


@pytest.mark.parametrize(
    ("kind", "field_name", "error"),
    [
        (ExporterSpec, "schemes", "the exporter's scheme 'x' is claimed by plugin0 and plugin1: "),
        (CodecSpec, "types", "the codec's type 'x:X' is claimed by plugin0 and plugin1: "),
    ],
    ids=["schemes", "types"],
)
def test_a_scheme_or_type_that_two_claim_belongs_to_neither(
    kind: type[Any], field_name: str, error: str
) -> None:
    """The rest of each is in use, and sees no difference."""
    texts = ("x:X", "y:Y") if kind is CodecSpec else ("x", "y")
    one, two = make(kind, "a", **{field_name: texts}), make(kind, "b", **{field_name: texts[:1]})
    manager, found = collect(kind, Plugin([one]), Plugin([two]))
    assert [getattr(spec, field_name) for spec in found] == [texts[1:], ()]
    assert [f.error for f in manager.failures()] == [f"{error}it belongs to none of them"] * 2


def test_a_built_in_scheme_is_kept() -> None:
    """A plugin cannot take over where a server's URL leads."""
    manager, found = collect(ExporterSpec, Plugin([make(ExporterSpec, "mine", schemes=("http",))]))
    assert found[0].schemes == ()
    assert manager.failures()[0].error.endswith("agenttrace and plugin0: the built-in one is kept")
    assert manager.make_exporter("http://localhost:1/api")[0] == "http"


@pytest.mark.parametrize(
    ("spec", "error"),
    [
        (make(IntegrationSpec, "x", modules=()), "IntegrationSpec.modules is (); expected a tuple"),
        (make(IntegrationSpec, "x", modules="sys"), "IntegrationSpec.modules is 'sys'; expected"),
        (make(IntegrationSpec, "x", modules=("a b",)), "IntegrationSpec.modules has 'a b';"),
        (make(IntegrationSpec, "x", target="m:f"), "IntegrationSpec.target is 'm:f'; expected the"),
        (make(IntegrationSpec, "x", order="1"), "IntegrationSpec.order is '1'; expected an int"),
        (make(ProcessorSpec, "x", factory=None), "ProcessorSpec.factory is None; expected a func"),
        (make(ProcessorSpec, "", order=1), "ProcessorSpec.name is ''; expected a text"),
        (make(CodecSpec, "x", types=("m.T",)), "CodecSpec.types has 'm.T'; expected such as"),
        (make(CodecSpec, "x", types=()), "CodecSpec.types is (); expected a tuple of texts"),
        (make(CodecSpec, "x", decode=1), "CodecSpec.decode is 1; expected a function"),
        (make(CodecSpec, "x", version=0), "CodecSpec.version is 0; expected an int from 1"),
        (make(CodecSpec, "x", version=True), "CodecSpec.version is True; expected an int from 1"),
        (make(PriceTableSpec, "x", summary=2), "PriceTableSpec.summary is 2; expected a text"),
        (make(PriceTableSpec, "x", order=None), "PriceTableSpec.order is None; expected an int"),
    ],
    ids=lambda value: "" if not isinstance(value, str) else value.partition(";")[0],
)
def test_a_field_that_is_not_what_it_should_be_takes_its_plugin_out(spec: Any, error: str) -> None:
    """It is told with the field, its value and what to write."""
    good_plugin = Plugin([make(type(spec), "good")])
    manager, found = collect(type(spec), Plugin([spec]), good_plugin)
    assert names(found) == ["good"]
    (failure,) = manager.failures()
    assert failure.name == "plugin0"
    assert error in failure.error


def test_a_later_failure_takes_out_what_was_collected(install: Install) -> None:
    """A plugin is in use as a whole or not at all: half of one is no one's intent."""
    code = good("db") + "@hookimpl\ndef agenttrace_codecs(): raise ValueError('x')"
    manager = manage(install("bad", code))
    assert "db" in names(manager.exporters())
    assert manager.codecs() == []
    assert "db" not in names(manager.exporters())


class Working(Processor):
    """A processor that is a price table, too."""

    def process(self, records: list[Any]) -> list[Any]:
        return records

    def find_price(self, query: object) -> None:
        return None


def _fail(*_: object) -> Any:
    raise SystemExit(3)


MAKERS = [(ProcessorSpec, "make_processors"), (PriceTableSpec, "make_price_tables")]


@pytest.mark.parametrize(("kind", "method"), MAKERS)
@pytest.mark.parametrize(
    ("factory", "error"),
    [(_fail, "SystemExit: 3"), (lambda *_: 5, "its factory returned a int")],
    ids=["raises", "returns a number"],
)
def test_a_factory_that_fails_harms_no_other(
    kind: type[Any], method: str, factory: Any, error: str
) -> None:
    """The others are made, in their order; the failure names what is not in use."""
    working = [make(kind, name, factory=lambda *_: Working()) for name in ("a", "c")]
    manager, _ = collect(kind, Plugin([make(kind, "b", factory=factory)]), Plugin(working))
    made = getattr(manager, method)()
    assert [name for name, _ in made if name in "abc"] == ["a", "c"]
    (failure,) = manager.failures()
    assert failure.name == "plugin0"
    assert failure.error.startswith(f"the {METHODS[kind][:-1].replace('_', ' ')} 'b' is not in use")
    assert error in failure.error


def test_a_processor_that_has_nothing_to_do_is_left_out() -> None:
    """Its factory sees the settings, and None is an answer."""
    seen: list[object] = []
    spec = make(ProcessorSpec, "off", factory=seen.append)
    manager, _ = collect(ProcessorSpec, Plugin([spec]), service_name="s")
    assert "off" not in [name for name, _ in manager.make_processors()]
    assert seen == [Settings(service_name="s")]
    assert manager.failures() == []


@pytest.mark.parametrize(("kind", "method"), MAKERS)
def test_strict_raises_for_a_factory_that_fails(kind: type[Any], method: str) -> None:
    """As it does for everything else that takes a plugin out of use."""
    manager, _ = collect(kind, Plugin([make(kind, "x", factory=_fail)]), strict_plugins=True)
    with pytest.raises(PluginError, match=r"^plugin plugin0 .*'x' is not in use: SystemExit: 3"):
        getattr(manager, method)()


def test_the_versions_of_plugins_in_use_are_told(install: Install) -> None:
    """A run's resource says whose code ran beside the recorder; what failed did not."""
    manager = manage(
        install("one", good("a"), version="1.2"),
        install("two", good("b"), distribution="acme-two", version="3.0"),
        install("bad", "raise ValueError"),
    )
    assert manager.versions() == ["acme-two==3.0", "dist-one==1.2"]
    assert PluginManager(settings=Settings(), plugins=[("mine", Plugin())]).versions() == ["mine"]
