"""What the entry point names: small, as it is imported whenever plugins are looked at.

The work is in other modules, which the factory and the target import when they are used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agenttrace.plugins import (
    CodecSpec,
    CommandSpec,
    ConfigurationError,
    Exporter,
    ExporterSpec,
    hookimpl,
)

if TYPE_CHECKING:
    from agenttrace_shop.money import Money

AGENTTRACE_PLUGIN_API = 1


@hookimpl
def agenttrace_exporters() -> list[ExporterSpec]:
    """Return the exporter that keeps runs in a SQLite file."""
    return [
        ExporterSpec(
            name="sqlite",
            summary="keeps runs in a SQLite file: sqlite:./runs.db",
            factory=make_exporter,
        )
    ]


@hookimpl
def agenttrace_codecs() -> list[CodecSpec]:
    """Return the codec of money: without it a recorded amount could be read, but not replayed."""
    return [
        CodecSpec(
            name="shop.money",
            types=("agenttrace_shop.money:Money",),
            encode=encode_money,
            decode=decode_money,
            summary="exact amounts in one currency",
        )
    ]


@hookimpl
def agenttrace_cli() -> list[CommandSpec]:
    """Return the command that lists the runs of a file."""
    return [
        CommandSpec(
            name="sqlite-runs",
            summary="List the runs of a SQLite file.",
            target="agenttrace_shop.commands:list_runs",
        )
    ]


def make_exporter(target: str, **_options: object) -> Exporter:
    """Return an exporter to the file `target`; options are the host's, and may grow."""
    if not target:
        raise ConfigurationError("the exporter sqlite needs a path: sqlite:./runs.db")
    from agenttrace_shop.exporter import SQLiteExporter  # noqa: PLC0415 -- when it is picked

    return SQLiteExporter(target)


def encode_money(value: object) -> object:
    """Return what JSON can hold of an amount."""
    money: Money = value  # type: ignore[assignment]  # the host passes values of the codec's types
    return [str(money.amount), money.currency]


def decode_money(content: object, kind: type) -> object:
    """Return the amount again, of the class that was recorded."""
    written: list[str] = content  # type: ignore[assignment]  # what encode_money returned
    return kind(*written)
