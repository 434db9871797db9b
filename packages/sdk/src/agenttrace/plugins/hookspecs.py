"""Every hook that a plugin may implement, as a module-level function marked with `@hookimpl`.

All hooks are optional, called once when plugins are first needed, and return records. Order has no
meaning: the host sorts by name. A hook that raises takes its own plugin out of use, no other.
Hook wrappers are not supported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agenttrace.plugins.markers import hookspec

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agenttrace.plugins.specs import CommandSpec, ExporterSpec


@hookspec
def agenttrace_exporters() -> Iterable[ExporterSpec]:  # type: ignore[empty-body]  # a specification
    """Return the exporters that users can pick by name or scheme.

    Called when a tracer is first given a text for an exporter, and by `agenttrace plugins`.
    """


@hookspec
def agenttrace_cli() -> Iterable[CommandSpec]:  # type: ignore[empty-body]  # a specification
    """Return subcommands of `agenttrace`.

    Called when the command starts. Must be quick: the code of a command belongs behind `target`.
    """
