"""The contract of what is named by a text and imported when it is used: commands, integrations."""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from typing import TYPE_CHECKING, Final

from agenttrace.plugins.calls import describe_error
from agenttrace.plugins.integrator import list_missing

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agenttrace.plugins.checks.findings import Findings
    from agenttrace.plugins.specs import CommandSpec, IntegrationSpec

_COMMAND: Final = re.compile(r"[a-z][a-z0-9-]*")


def check_commands(specs: Iterable[CommandSpec], *, findings: Findings) -> None:
    """Check that each command has a name to type, code to import, and arguments typer can read."""
    import typer  # noqa: PLC0415 -- for authors' tests only
    from typer.main import get_command  # noqa: PLC0415 -- as above

    for spec in specs:
        where = f"command {spec.name}"
        if not _COMMAND.fullmatch(spec.name):
            findings.add(where, "nobody types such a name", "write lower-case letters, digits, -")
        if not spec.summary:
            findings.add(
                where, "it has no summary", "say in one line what it does: --help shows it"
            )
        module, _, attribute = spec.target.partition(":")
        try:
            target = getattr(import_module(module), attribute)
            app = target
            if not isinstance(target, typer.Typer):
                app = typer.Typer(add_completion=False)
                app.command()(target)
            get_command(app)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 -- a plugin's import may raise anything
            findings.add(
                where,
                f"its target {spec.target!r} is no command: {describe_error(error)}",
                "write 'module:attribute' of a function with typer annotations or a typer.Typer",
            )


def check_integrations(specs: Iterable[IntegrationSpec], *, findings: Findings) -> None:
    """Check each integration whose modules are there: on, off, on again, and twice each."""
    from agenttrace.testing import make_tracer  # noqa: PLC0415 -- it imports this package

    for spec in specs:
        where = f"integration {spec.name}"
        if list_missing(spec):
            continue  # its author tests it where the library is installed
        try:
            module = import_module(spec.target)
            functions = [getattr(module, name) for name in ("instrument", "uninstrument")]
            for function in functions:
                inspect.signature(function).bind("a tracer")
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 -- a plugin's import may raise anything
            findings.add(
                where,
                f"its target {spec.target!r} is no integration: {describe_error(error)}",
                "write the name of a module with instrument(tracer) and uninstrument(tracer)",
            )
            continue
        tracer, _ = make_tracer()
        turn_on, turn_off = functions
        with findings.catch(where, "turning it on and off twice", "undo all that was done"):
            for function in (turn_on, turn_off, turn_on, turn_off):
                function(tracer)
        tracer.shutdown()
