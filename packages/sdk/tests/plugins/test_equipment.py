"""What plugins bring beside exporters takes part in recording."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from agenttrace import PluginError, SpanType, Tracer
from agenttrace.encoding.codecs import REGISTRY
from agenttrace.encoding.decode import decode_payload
from agenttrace.exporters import MemoryExporter
from agenttrace.pipeline.processor import Processor
from agenttrace.plugins import CodecSpec, PriceTableSpec, ProcessorSpec, hookimpl
from agenttrace.plugins.manager import PluginManager
from agenttrace.settings import Settings
from agenttrace.testing import collect, make_tracer
from agenttrace.usage.prices import Price

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from agenttrace.usage.prices import PriceQuery
    from agenttrace.wire import Record


class Point:
    """Nothing that the recorder knows how to write by itself."""

    def __init__(self, x: int, y: int) -> None:
        self.x, self.y = x, y


class _Marking(Processor):
    def process(self, records: list[Record]) -> Iterable[Record]:
        for record in records:
            if record["type"] == "run":
                record["tags"] = ["marked"]
        return records


class _Table:
    def find_price(self, query: PriceQuery) -> Price | None:
        return Price(usd=Decimal("0.25"), table="acme 1") if query.model == "acme-1" else None


class Plugin:
    """A codec, a processor and a price table."""

    @hookimpl
    def agenttrace_codecs(self) -> list[CodecSpec]:
        return [
            CodecSpec(
                name="point",
                types=(f"{__name__}:Point",),
                encode=lambda point: [point.x, point.y],  # type: ignore[attr-defined]  # a Point
                decode=lambda content, cls: cls(*content),  # type: ignore[misc]  # a list
            )
        ]

    @hookimpl
    def agenttrace_processors(self) -> list[ProcessorSpec]:
        return [ProcessorSpec(name="marking", summary="", factory=lambda _settings: _Marking())]

    @hookimpl
    def agenttrace_price_tables(self) -> list[PriceTableSpec]:
        return [PriceTableSpec(name="acme", summary="", factory=_Table)]


def make_equipped(plugin: object, settings: Settings) -> tuple[Tracer, MemoryExporter]:
    """Return a tracer with one plugin."""
    memory = MemoryExporter()
    plugins = PluginManager(settings=settings, plugins=[("acme", plugin)])
    return Tracer(exporter=memory, settings=settings, plugins=plugins), memory


@pytest.fixture
def records() -> Iterator[list[Record]]:
    """The records of a run that has use for all three."""
    tracer, memory = make_equipped(Plugin(), Settings())
    try:
        with (
            tracer.run("agent"),
            tracer.span("call", SpanType.LLM_CALL, model="acme-1", input=Point(1, 2)) as span,
        ):
            span.set_usage(prompt_tokens=1, completion_tokens=2)
        yield collect(tracer, memory)
    finally:
        tracer.shutdown()
        REGISTRY.remove("point")


def test_a_codec_writes_and_reads_its_type(records: list[Record]) -> None:
    """An object of a plugin's type comes back as one."""
    (span,) = (each for each in records if each["type"] == "span" and "end_ns" in each)
    point = decode_payload(span["input"])
    assert (type(point).__qualname__, point.x, point.y) == ("Point", 1, 2)


def test_a_price_table_prices_the_call(records: list[Record]) -> None:
    """The table of a plugin is asked, and named beside the price."""
    (span,) = (each for each in records if each["type"] == "span" and "end_ns" in each)
    assert span["cost"] == {"usd": "0.25", "source": "price_table", "table": "acme 1"}


def test_a_processor_sees_every_record(records: list[Record]) -> None:
    """What it changes is what exporters get."""
    assert [each["tags"] for each in records if each["type"] == "run"] == [["marked"], ["marked"]]


def test_a_run_tells_which_plugins_took_part(records: list[Record]) -> None:
    """Whoever reads a recording knows what could have changed it."""
    run = next(each for each in records if each["type"] == "run")
    assert run["resource"]["agenttrace.plugins"] == ["acme"]


def test_strict_mode_refuses_at_the_first_exporter() -> None:
    """A build with a broken processor must not go on without it."""

    class Broken:
        @hookimpl
        def agenttrace_processors(self) -> list[ProcessorSpec]:
            raise RuntimeError("no settings")

    with pytest.raises(PluginError, match="no settings"):
        make_equipped(Broken(), Settings(strict_plugins=True))


def test_a_test_s_tracer_has_no_plugins() -> None:
    """What is installed beside a program changes none of its tests."""
    tracer, _ = make_tracer()
    assert [info.name for info in tracer.plugins.plugins()] == ["builtin"]
    tracer.shutdown()
