"""Every hook that a plugin may implement, as a module-level function marked with `@hookimpl`.

All hooks are optional and plain functions without arguments. Each is called once, when what it
returns is first needed, on a thread of the host's choice, and returns records within 10 s. No
meaning comes from the order in which plugins load: the host sorts by `(order, name)`. A hook that
raises, hangs, or returns something else takes its own plugin out of use, no other. Hook wrappers
and `async` hooks are not supported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agenttrace.plugins.markers import hookspec

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agenttrace.plugins.specs import (
        CodecSpec,
        CommandSpec,
        ExporterSpec,
        IntegrationSpec,
        PriceTableSpec,
        ProcessorSpec,
    )

# -------------------------------------------------------------------------------------------------
# While a tracer is configured
# -------------------------------------------------------------------------------------------------


@hookspec
def agenttrace_exporters() -> Iterable[ExporterSpec]:  # type: ignore[empty-body]  # a specification
    """Return the exporters that users can pick by name or scheme.

    Called when a tracer is given a text that names no built-in exporter, and by
    `agenttrace plugins`.

    Example, with `tracer.set_exporter("acme:./runs.db")`::

        from agenttrace.plugins import ExporterSpec, hookimpl

        @hookimpl
        def agenttrace_exporters():
            return [ExporterSpec(name="acme", summary="keeps runs in SQLite", factory=make)]

        def make(target, **options):
            from acme_agenttrace.exporter import AcmeExporter
            return AcmeExporter(target)

    :return: The plugin's exporters. A name or scheme that two plugins claim belongs to neither;
        built-in ones keep theirs.
    """


@hookspec
def agenttrace_processors() -> Iterable[ProcessorSpec]:  # type: ignore[empty-body]  # a specification
    """Return the steps that records pass before they are handed to exporters.

    Called when a tracer's first exporter is set. Sampling, enrichment and further redaction belong
    here: a processor may drop, change, hold back and add records.

    Example, which marks every run with the machine that it ran on::

        import socket

        from agenttrace.plugins import Processor, ProcessorSpec, hookimpl

        class AddHost(Processor):
            def process(self, records):
                for record in records:
                    if record["type"] == "run":
                        record.setdefault("attributes", {})["host.name"] = socket.gethostname()
                return records

        @hookimpl
        def agenttrace_processors():
            return [
                ProcessorSpec(
                    name="add_host", summary="adds host.name", factory=lambda settings: AddHost()
                )
            ]

    :return: The plugin's processors; they run by `(order, name)`. A name that two plugins claim
        belongs to neither; built-in ones keep theirs.
    """


@hookspec
def agenttrace_codecs() -> Iterable[CodecSpec]:  # type: ignore[empty-body]  # a specification
    """Return how values of the plugin's types are written, and built again for a replay.

    Called when a tracer's first exporter is set, and when a recorded value is decoded.

    Example::

        from agenttrace.plugins import CodecSpec, hookimpl

        @hookimpl
        def agenttrace_codecs():
            return [
                CodecSpec(
                    name="acme.money",
                    types=("acme.money:Money",),
                    encode=lambda money: [str(money.amount), money.currency],
                    decode=lambda content, kind: kind(*content),
                )
            ]

    :return: The plugin's codecs. A name or a type that two plugins claim belongs to neither;
        built-in ones keep theirs.
    """


@hookspec
def agenttrace_price_tables() -> Iterable[PriceTableSpec]:  # type: ignore[empty-body]  # a specification
    """Return tables that know what a model's tokens cost.

    Called when a tracer looks for its first price.

    Example::

        from decimal import Decimal

        from agenttrace.plugins import Price, PriceTableSpec, hookimpl

        class AcmePrices:
            def find_price(self, query):
                tokens = query.usage.get("total_tokens")
                if query.model != "acme-1" or tokens is None:
                    return None  # unknown, which is not free
                return Price(usd=Decimal("0.000001") * tokens, table="acme 2026-11")

        @hookimpl
        def agenttrace_price_tables():
            return [PriceTableSpec(name="acme", summary="acme's models", factory=AcmePrices)]

    :return: The plugin's tables, asked by `(order, name)`: the first that knows a price is
        believed. A name that two plugins claim belongs to neither; built-in ones keep theirs.
    """


@hookspec
def agenttrace_integrations() -> Iterable[IntegrationSpec]:  # type: ignore[empty-body]  # a specification
    """Return libraries whose calls are recorded once `tracer.instrument()` is called.

    Called by `tracer.instrument()` and by `agenttrace plugins`. Neither the library nor the target
    is imported for it.

    Example, whose target module has `instrument(tracer)` and `uninstrument(tracer)`::

        from agenttrace.plugins import IntegrationSpec, hookimpl

        @hookimpl
        def agenttrace_integrations():
            return [
                IntegrationSpec(
                    name="acme",
                    summary="records the calls of acme's client",
                    modules=("acme_sdk",),
                    target="acme_agenttrace.integration",
                )
            ]

    :return: The plugin's integrations. A name that two plugins claim belongs to neither; built-in
        ones keep theirs.
    """


# -------------------------------------------------------------------------------------------------
# The command line
# -------------------------------------------------------------------------------------------------


@hookspec
def agenttrace_cli() -> Iterable[CommandSpec]:  # type: ignore[empty-body]  # a specification
    """Return subcommands of `agenttrace`.

    Called when the command starts. Must be quick: the code of a command belongs behind `target`.

    Example, which adds `agenttrace acme-count`::

        from agenttrace.plugins import CommandSpec, hookimpl

        @hookimpl
        def agenttrace_cli():
            return [
                CommandSpec(
                    name="acme-count",
                    summary="Count the records in a SQLite file.",
                    target="acme_agenttrace.cli:count",
                )
            ]

    :return: The plugin's commands. A name that two plugins claim belongs to neither; built-in ones
        keep theirs.
    """
