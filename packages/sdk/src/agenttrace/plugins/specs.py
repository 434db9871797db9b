"""The records that plugins hand to the host."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from agenttrace.pipeline.export import Exporter


@dataclass(frozen=True, kw_only=True)
class ExporterSpec:
    """An exporter that users can pick by a text.

    `tracer.set_exporter("name:target")` calls `factory("target", **options)`, and a text that
    begins with one of `schemes`, as in `scheme://host`, calls it with the whole text. The factory
    imports what it needs; it raises `ConfigurationError` for a target that cannot be meant. The
    SDK passes `api_key=` when one is set, so a factory takes `**options` and ignores the unknown.
    """

    name: str
    summary: str
    factory: Callable[..., Exporter]
    schemes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class CommandSpec:
    """A subcommand of `agenttrace`.

    `target` is `"package.module:attribute"`, imported only when the command runs: a function with
    typer annotations, or a `typer.Typer` for a group. `summary` is its line in `agenttrace --help`.
    """

    name: str
    summary: str
    target: str


@dataclass(frozen=True, kw_only=True)
class PluginInfo:
    """A plugin in use: its entry point's name, its distribution, and its hooks."""

    name: str
    distribution: str
    version: str
    hooks: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class PluginFailure:
    """A plugin, or a part of one, that is not in use, and why; unknown texts are empty."""

    name: str
    distribution: str
    version: str
    error: str
