"""`check_plugin`: a sound plugin passes, and each fault is told with its place."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from agenttrace.plugins import (
    CodecSpec,
    CommandSpec,
    IntegrationSpec,
    PriceTableSpec,
    Processor,
    ProcessorSpec,
    Record,
    encode_records,
    hookimpl,
)
from agenttrace.plugins.checks.samples import copy_records, make_odd_records, make_runs
from agenttrace.wire.validation import parse_line

from .conftest import find

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Money:
    """A value that JSON has no type for."""

    amount: Decimal
    currency: str


class Rich(Money):
    """Another type, of which no codec knows."""


SAMPLES = [Money(Decimal("1.50"), "EUR"), Money(Decimal(0), "")]
TYPE = f"{__name__}:Money"


def encode(value: Any) -> Any:
    return [str(value.amount), value.currency]


def decode(content: Any, kind: Any) -> Any:
    return kind(Decimal(content[0]), content[1])


class Plugin:
    """A plugin with one spec of any kind."""

    def __init__(self, spec: Any) -> None:
        self.spec = spec

    def give(self, kind: type[Any]) -> list[Any]:
        return [self.spec] if isinstance(self.spec, kind) else []

    @hookimpl
    def agenttrace_codecs(self) -> list[CodecSpec]:
        return self.give(CodecSpec)

    @hookimpl
    def agenttrace_processors(self) -> list[ProcessorSpec]:
        return self.give(ProcessorSpec)

    @hookimpl
    def agenttrace_price_tables(self) -> list[PriceTableSpec]:
        return self.give(PriceTableSpec)

    @hookimpl
    def agenttrace_integrations(self) -> list[IntegrationSpec]:
        return self.give(IntegrationSpec)

    @hookimpl
    def agenttrace_cli(self) -> list[CommandSpec]:
        return self.give(CommandSpec)


def make_codec(**fields: Any) -> Plugin:
    """Return a plugin with a codec of Money."""
    values = {"name": "money", "types": (TYPE,), "encode": encode, "decode": decode, **fields}
    return Plugin(CodecSpec(**values))


def test_a_sound_codec_passes() -> None:
    """Equal, of the same type, and the same each time."""
    assert find(make_codec(), samples=SAMPLES) == []


counter = iter(range(1_000_000))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"encode": lambda _: 1 / 0}, "encode() raised ZeroDivisionError: division by zero; encod"),
        ({"encode": lambda v: [*encode(v), next(counter)]}, "encode() returned something else th"),
        (
            {"decode": lambda *_: json.loads("{}")["x"]},
            "decode() raised KeyError: 'x' for what encode() wrote: [",
        ),
        ({"decode": lambda c, _: decode(c, Rich)}, f"decode() returned a {__name__}:Rich, not"),
        ({"decode": lambda c, k: decode(["7", c[1]], k)}, "decode() returned Money(amount=Decima"),
        (
            {"encode": lambda v: {1: v.currency}, "decode": lambda c, k: k(Decimal(0), c[1])},
            "decode() raised KeyError: 1 for what encode() wrote: {'1': 'EUR'}; read what",
        ),
        ({"encode": lambda v: [object(), v.amount]}, "reading its record raised DecodeError: "),
        ({"name": "my money"}, "CodecSpec.name is 'my money'; expected up to 64 letters, digits"),
        ({"types": ("builtins:int",)}, "expected no built-in type; see docs/plugins.md"),
        ({"types": (TYPE, "acme:Absent")}, "codec money: no sample is of its type acme:Absent;"),
    ],
    ids=[
        "encode",
        "unstable",
        "decode",
        "type",
        "value",
        "keys become texts",
        "opaque",
        "name",
        "built in",
        "no sample",
    ],
)
def test_each_fault_of_a_codec_is_found(fields: dict[str, Any], expected: str) -> None:
    """With the sample that shows it."""
    findings = find(make_codec(**fields), samples=SAMPLES)
    assert [line for line in findings if expected in line], findings


def test_a_sample_without_a_codec_is_found() -> None:
    """Its author meant it to be written."""
    sample = Rich(Decimal(1), "X")
    (finding,) = find(make_codec(), samples=[*SAMPLES, sample])
    assert finding.startswith(f"sample {sample!r}: no codec of the plugin is for {__name__}:Rich;")


class Passing(Processor):
    """A processor that passes on what comes, unless it is given a fault."""

    def __init__(
        self,
        process: Callable[[Any], Any] = list,
        flush: Callable[[], Any] = list,
        shutdown: Callable[[], Any] = list,
        held: Any = 0,
    ) -> None:
        self._process = process
        self.flush = flush  # type: ignore[method-assign]  # which is how a test gives its fault
        self.shutdown = shutdown  # type: ignore[method-assign]  # as above
        self.held = held

    def process(self, records: list[Record]) -> Any:
        return self._process(records)


def find_in_processor(**faults: Any) -> list[str]:
    """Return the findings of a plugin with this processor."""
    spec = ProcessorSpec(name="p", summary="s", factory=lambda _: Passing(**faults))
    return find(Plugin(spec))


def test_a_sound_processor_passes() -> None:
    """So does one that drops everything, and one that has nothing to do."""
    assert find_in_processor() == []
    assert find_in_processor(process=lambda _: ()) == []
    assert find(Plugin(ProcessorSpec(name="p", summary="s", factory=lambda _: None))) == []


@pytest.mark.parametrize(
    ("faults", "expected"),
    [
        (
            {"process": lambda _: None},
            "process() of an empty batch raised TypeError: 'NoneType' ob",
        ),
        (
            {"process": lambda records: [r for r in records if r["name"].upper() and r["seq"] + 1]},
            "raised KeyError: 'seq'; pass on what it does not understand",
        ),
        (
            {"process": lambda records: [{**record, "v": 9} for record in records]},
            "process() returned what is no valid record:",
        ),
        ({"process": lambda _: [{"type": {1, 2}}]}, "process() returned a dict that is no JSON"),
        ({"flush": lambda: 1 / 0}, "processor p: flush() raised ZeroDivisionError: "),
        ({"flush": lambda: make_runs(1)[0]}, "a second flush() returned 6 records again; forget"),
        ({"shutdown": lambda: 1 / 0}, "processor p: shutdown() raised ZeroDivisionError: "),
        ({"held": 3}, "processor p: after shutdown() it still holds 3 records; count in `held`"),
    ],
    ids=["none", "odd records", "invalid", "no JSON", "flush raises", "held twice", "end", "held"],
)
def test_each_fault_of_a_processor_is_found(faults: dict[str, Any], expected: str) -> None:
    """With the batch that shows it."""
    findings = find_in_processor(**faults)
    assert [line for line in findings if expected in line], findings


def find_in_table(answer: Callable[[Any], Any], **given: Any) -> list[str]:
    """Return the findings of a plugin with a price table that answers so."""
    table = SimpleNamespace(find_price=answer)
    spec = PriceTableSpec(name="t", summary="s", factory=lambda: table)
    return find(Plugin(spec), **given)


def price(usd: Any, table: Any = "acme") -> Any:
    return SimpleNamespace(usd=usd, table=table)


def test_a_sound_price_table_passes() -> None:
    """An exact price for what it knows, None for everything else."""

    def answer(query: Any) -> Any:
        return price(Decimal("0.01")) if query.model == "acme-1" else None

    assert find_in_table(answer, models=["acme-1"]) == []


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (lambda _: price(0.1), "return a Price whose usd is a Decimal from 0, or None for"),
        (lambda _: price(Decimal(-1)), "return a Price whose usd is a Decimal from 0"),
        (lambda _: price(Decimal("nan")), "return a Price whose usd is a Decimal from 0"),
        (lambda _: price(Decimal(1), ""), "a price does not name its table; set Price.table"),
        (
            lambda q: json.loads("{}")[q.model],
            "find_price() of model 'no-such-model' raised KeyError: 'no-such",
        ),
        (lambda _: None, "price table t: it knows no price of 'acme-1'; correct the name"),
    ],
    ids=["float", "negative", "nan", "no table", "raises", "unknown"],
)
def test_each_fault_of_a_price_table_is_found(answer: Callable[[Any], Any], expected: str) -> None:
    """Money that is not exact, and an answer that is none."""
    findings = find_in_table(answer, models=["acme-1"])
    assert [line for line in findings if expected in line], findings


COMMANDS = [
    ({"target": "no_module_x:f"}, "target 'no_module_x:f' is no command: ModuleNotFoundError:"),
    ({"target": "json:nothing"}, "target 'json:nothing' is no command: AttributeError: "),
    ({"target": "json:__doc__"}, "target 'json:__doc__' is no command: "),
    ({"name": "Say Hello"}, "command Say Hello: nobody types such a name; write lower-case"),
    ({"summary": ""}, "command c: it has no summary; say in one line what it does"),
]


@pytest.mark.parametrize(
    ("fields", "expected"),
    COMMANDS,
    ids=["no module", "no attribute", "a text", "name", "summary"],
)
def test_each_fault_of_a_command_is_found(fields: dict[str, Any], expected: str) -> None:
    """Before a user sees it."""
    values = {"name": "c", "summary": "s", "target": "json:dumps", **fields}
    findings = find(Plugin(CommandSpec(**values)))
    assert [line for line in findings if expected in line], findings


INTEGRATION = """
def instrument(tracer): tracer.calls = [*getattr(tracer, "calls", []), "on"]
def uninstrument(tracer): assert tracer.calls.pop() == "on"
"""


LEFT_ON = INTEGRATION.replace(
    "tracer.calls = ", "assert not hasattr(tracer, 'calls'); tracer.calls = "
)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (INTEGRATION, None),
        ("x = 1", "is no integration: AttributeError: "),
        ("def instrument(): pass\nuninstrument = instrument", "is no integration: TypeError: too"),
        (
            LEFT_ON,
            "turning it on and off twice raised AssertionError: ; undo all that was done",
        ),
    ],
    ids=["sound", "no functions", "no tracer", "leaves something"],
)
def test_integrations_are_turned_on_and_off(
    code: str, expected: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When their library is there; else there is nothing to try."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "acme_target", raising=False)
    (tmp_path / "acme_target.py").write_text(code)
    values: dict[str, Any] = {"name": "i", "summary": "s", "target": "acme_target"}
    findings = find(Plugin(IntegrationSpec(modules=("json",), **values)))
    if expected is None:
        assert findings == []
    else:
        assert [line for line in findings if expected in line], findings
    assert find(Plugin(IntegrationSpec(modules=("no_such_library",), **values))) == []
    sys.modules.pop("acme_target", None)


MARK = "from agenttrace.plugins import *\n@hookimpl\n"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("", "it has no hook; mark a function, such as agenttrace_exporters, @hookimpl"),
        (
            "def agenttrace_cli(): return []",
            ".agenttrace_cli: it has the name of a hook but no mar",
        ),
        (
            MARK + "def agenttrace_exportres(): return []",
            ".agenttrace_exportres: there is no hook of this name; write agenttrace_exporters, or",
        ),
        (MARK + "def agenttrace_cli(run=99): return []", "its argument run=99 is never passed,"),
        (MARK + "async def agenttrace_cli(): return []", "it is async; make it a plain function"),
        (MARK + "async def agenttrace_cli(): yield 1", "it is async; make it a plain function"),
        (
            MARK.replace("@hookimpl", "@hookimpl(wrapper=True)") + "def agenttrace_cli(): yield",
            "it is a hook wrapper; return specs: wrappers are not supported",
        ),
        (MARK + "def agenttrace_cli(argument): return []", "registration failed: PluginValidation"),
        (MARK + "def agenttrace_cli(): return ['x']", "it returned a str; expected CommandSpec"),
        (MARK + "def agenttrace_cli(): return None", "agenttrace_cli failed: TypeError:"),
        (MARK + "def agenttrace_cli(): 1 / 0", "agenttrace_cli failed: ZeroDivisionError:"),
        ("AGENTTRACE_PLUGIN_API = 99", "it needs plugin API 99, this agenttrace has 1:"),
        (
            "import typer\nimport heavy_library\n" + MARK + "def agenttrace_cli(): return []",
            "heavy_library, shellingham, typer; import that in the factory or the target",
        ),
        (
            MARK + "def agenttrace_cli():\n    import heavy_library\n    return []",
            "and asking its hooks imports heavy_library; import that in the factory",
        ),
    ],
    ids=[
        "no hook",
        "unmarked",
        "typo",
        "default",
        "async",
        "async generator",
        "wrapper",
        "argument",
        "other things",
        "none",
        "raises",
        "api",
        "heavy import",
        "heavy hook",
    ],
)
def test_each_fault_of_a_hook_is_found(
    code: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its name, its arguments, what it returns, and what asking it costs everyone."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "checked_plugin", raising=False)
    monkeypatch.delitem(sys.modules, "heavy_library", raising=False)
    (tmp_path / "checked_plugin.py").write_text(code)
    (tmp_path / "heavy_library.py").touch()
    findings = find("checked_plugin")
    sys.modules.pop("checked_plugin", None)
    assert [line for line in findings if expected in line], findings


def test_a_plugin_of_a_later_version_may_have_more_hooks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is marked as optional is no typo."""
    monkeypatch.syspath_prepend(str(tmp_path))
    mark = MARK.replace("@hookimpl", "@hookimpl(optionalhook=True)")
    (tmp_path / "later_plugin.py").write_text(
        f"{mark}def agenttrace_tomorrow(): return []\n{MARK}def agenttrace_cli(): return []\n"
    )
    assert find("later_plugin") == []


def test_the_records_that_plugins_are_tried_with_are_valid() -> None:
    """Odd as they are: what a plugin is blamed for must not be the test's own fault."""
    batches = [*make_runs(2), *make_odd_records()]
    for batch in batches:
        assert copy_records(batch) == batch
        for line in encode_records(batch):
            parse_line(line)
