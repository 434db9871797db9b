"""What this package itself adds, registered through the same hooks as anyone's."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from agenttrace.errors import ConfigurationError
from agenttrace.plugins.markers import hookimpl
from agenttrace.plugins.specs import (
    CommandSpec,
    ExporterSpec,
    IntegrationSpec,
    PriceTableSpec,
    ProcessorSpec,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agenttrace.pipeline.export import Exporter
    from agenttrace.pipeline.processor import Processor
    from agenttrace.plugins.protocols import PriceTableLike
    from agenttrace.settings import Settings


@hookimpl
def agenttrace_exporters() -> Iterable[ExporterSpec]:
    """Return JSONL, HTTP, console and memory."""
    return (
        ExporterSpec(
            name="jsonl",
            summary="appends to a file: jsonl:./traces.jsonl",
            factory=_make_jsonl,
        ),
        ExporterSpec(
            name="http",
            summary="sends to a server's API: http://localhost:8000/api",
            factory=_make_http,
            schemes=("http", "https"),
        ),
        ExporterSpec(
            name="console",
            summary="prints a line for each span that ends, on standard error",
            factory=_make_console,
        ),
        ExporterSpec(
            name="memory",
            summary="keeps records in memory, for tests and notebooks",
            factory=_make_memory,
        ),
    )


@hookimpl
def agenttrace_processors() -> Iterable[ProcessorSpec]:
    """Return resource attributes and tail sampling, which comes last."""
    return (
        ProcessorSpec(
            name="resource_attributes",
            summary="adds AGENTTRACE_RESOURCE_ATTRIBUTES to every run",
            factory=_make_enricher,
        ),
        ProcessorSpec(
            name="tail_sampling",
            summary="keeps runs with errors, slow ones and AGENTTRACE_TAIL_SAMPLE_RATE of the rest",
            factory=_make_tail_sampler,
            order=1_000,
        ),
    )


@hookimpl
def agenttrace_price_tables() -> Iterable[PriceTableSpec]:
    """Return the list prices of genai-prices, which is an extra, when they are installed."""
    if find_spec("genai_prices") is None:
        return ()
    return (
        PriceTableSpec(
            name="genai-prices",
            summary="list prices of hosted models, of the day of the call",
            factory=_make_genai_prices,
            order=1000,  # what anyone else says of a price is more to the point
        ),
    )


@hookimpl
def agenttrace_integrations() -> Iterable[IntegrationSpec]:
    """Return threads and processes."""
    return (
        IntegrationSpec(
            name="threads",
            summary="gives new threads and thread pools the current run and span",
            modules=("threading", "concurrent.futures"),
            target="agenttrace.integrations.threads",
        ),
        IntegrationSpec(
            name="processes",
            summary="gives new processes and process pools the current run and span",
            modules=("multiprocessing", "concurrent.futures"),
            target="agenttrace.integrations.processes",
        ),
    )


@hookimpl
def agenttrace_cli() -> Iterable[CommandSpec]:
    """Return the commands that need no server."""
    return tuple(
        CommandSpec(name=name, summary=summary, target=f"agenttrace.cli.{target}")
        for name, target, summary in _COMMANDS
    )


_COMMANDS = (
    ("baseline", "baseline:app", "Learn what several runs of one version vary in."),
    ("diff", "diff:diff_runs", "Compare two runs: what changed, where it began, and why."),
    ("doctor", "doctor:doctor", "Run a program twice and list what is not the same in both runs."),
    ("export", "export:export_runs", "Write whole runs in the wire format."),
    ("import", "imports:import_files", "Send recordings to a server, or add them to a file."),
    (
        "plugins",
        "plugins:list_plugins",
        "List the plugins that were found, and what failed and why.",
    ),
    ("replay", "replay:replay", "Run a program against a recording, or step through it."),
    ("runs", "runs:list_runs", "List the runs of a recording, newest first."),
    ("show", "show:show_run", "Show a run as a tree, with its tokens, costs and errors."),
    ("tail", "tail:tail_recording", "Follow a recording: starts and ends as they come."),
    ("test", "corpus:corpus", "Replay a program against recordings, as a build's tests."),
)


def _make_jsonl(target: str, **_options: object) -> Exporter:
    from agenttrace.exporters.jsonl import JSONLExporter  # noqa: PLC0415 -- when it is picked

    if not target:
        raise ConfigurationError("the exporter jsonl needs a path: jsonl:./traces.jsonl")
    return JSONLExporter(path=target)


def _make_http(target: str, **options: object) -> Exporter:
    from agenttrace.exporters.http import APIExporter  # noqa: PLC0415 -- 100 ms, when it is picked

    api_key = options.get("api_key")
    return APIExporter(target, api_key=api_key if isinstance(api_key, str) else "")


def _make_console(target: str, **_options: object) -> Exporter:
    from agenttrace.exporters.console import ConsoleExporter  # noqa: PLC0415 -- when it is picked

    if target:
        raise ConfigurationError(f"the exporter console takes no target, but was given {target!r}")
    return ConsoleExporter()


def _make_memory(target: str, **_options: object) -> Exporter:
    from agenttrace.exporters.memory import MemoryExporter  # noqa: PLC0415 -- when it is picked

    if target:
        raise ConfigurationError(f"the exporter memory takes no target, but was given {target!r}")
    return MemoryExporter()


def _make_enricher(settings: Settings) -> Processor | None:
    from agenttrace.pipeline.enriching import Enricher, read_pairs  # noqa: PLC0415 -- when it is on

    attributes = read_pairs(settings.resource_attributes or ())
    return Enricher(attributes) if attributes else None


def _make_tail_sampler(settings: Settings) -> Processor | None:
    if settings.tail_sample_rate >= 1.0:
        return None
    from agenttrace.pipeline.sampling import TailSampler  # noqa: PLC0415 -- when it is on

    return TailSampler(
        share=settings.tail_sample_rate,
        slow_s=settings.tail_slow_s or None,
        max_bytes=settings.tail_max_bytes,
    )


def _make_genai_prices() -> PriceTableLike:
    from agenttrace.usage.list_prices import GenaiPrices  # noqa: PLC0415 -- with the first price

    return GenaiPrices()
