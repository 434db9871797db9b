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

    def check(self) -> None:
        """Raise TypeError when a field is not what it is declared as; the host calls it."""
        _check_texts(self, "name", "summary")
        if not callable(self.factory):
            raise TypeError(f"ExporterSpec.factory is {_show(self.factory)}; expected a function")
        is_list = isinstance(self.schemes, tuple | list)
        if not is_list or not all(type(scheme) is str and scheme for scheme in self.schemes):
            raise TypeError(
                f"ExporterSpec.schemes is {_show(self.schemes)}; expected a tuple of texts, such "
                "as ('acme',)"
            )


@dataclass(frozen=True, kw_only=True)
class CommandSpec:
    """A subcommand of `agenttrace`.

    `target` is `"package.module:attribute"`, imported only when the command runs: a function with
    typer annotations, or a `typer.Typer` for a group. `summary` is its line in `agenttrace --help`.
    """

    name: str
    summary: str
    target: str

    def check(self) -> None:
        """Raise TypeError when a field is not what it is declared as; the host calls it."""
        _check_texts(self, "name", "summary", "target")


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


def _check_texts(spec: ExporterSpec | CommandSpec, *fields: str) -> None:
    for field in fields:
        value = getattr(spec, field)
        if type(value) is not str or (field == "name" and not value):
            raise TypeError(f"{type(spec).__name__}.{field} is {_show(value)}; expected a text")


def _show(value: object) -> str:
    return repr(value)[:100]
