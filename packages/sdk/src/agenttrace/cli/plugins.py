"""`agenttrace plugins`: what was found, what it adds, and what failed and why."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import Annotated, Any

import typer

from agenttrace.plugins.manager import PluginManager
from agenttrace.settings import read_settings


def list_plugins(
    *,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON, for programs to read.")
    ] = False,
) -> None:
    """List the plugins that were found, and what failed and why.

    Exit code 1 when a plugin failed, else 0. `agenttrace plugins --json | jq .failures` is for
    programs.
    """
    manager = PluginManager(settings=read_settings())
    report = describe_plugins(manager)
    if as_json:
        typer.echo(json.dumps(report, indent=2))
    else:
        _print_report(report)
    if report["failures"]:
        raise typer.Exit(1)


def describe_plugins(manager: PluginManager) -> dict[str, Any]:
    """Return `{plugins, exporters, commands, failures}`, each a list sorted by name."""
    exporters = [
        {"name": spec.name, "schemes": list(spec.schemes), "summary": spec.summary}
        for spec in manager.exporters()
    ]
    commands = [{"name": spec.name, "summary": spec.summary} for spec in manager.commands()]
    failures = [asdict(failure) for failure in manager.failures()]
    plugins = [{**asdict(info), "hooks": list(info.hooks)} for info in manager.plugins()]
    return {
        "plugins": plugins,
        "exporters": exporters,
        "commands": commands,
        "failures": failures,
    }


def _print_report(report: dict[str, Any]) -> None:
    # rich takes 60 ms to import, and JSON does not need it.
    from rich.console import Console  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    # Piped text is for grep: no colour, and no line is broken.
    console = Console(soft_wrap=not sys.stdout.isatty(), highlight=False)
    _print_table(
        console,
        "Plugins",
        [
            [p["name"], p["distribution"], p["version"], ", ".join(p["hooks"])]
            for p in report["plugins"]
        ],
    )
    _print_table(
        console,
        "Exporters",
        [[e["name"], e["summary"]] for e in report["exporters"]],
    )
    _print_table(console, "Commands", [[c["name"], c["summary"]] for c in report["commands"]])
    if report["failures"]:
        console.print(Text("Failed", style="bold red"))
        for failure in report["failures"]:
            source = f" ({failure['distribution']} {failure['version']})".replace(" )", ")")
            where = source if failure["distribution"] else ""
            console.print(Text(f"  {failure['name']}{where}: {failure['error']}"))


def _print_table(console: Any, title: str, rows: list[list[str]]) -> None:
    from rich.text import Text  # noqa: PLC0415 -- as in _print_report

    console.print(Text(title, style="bold"))
    widths = (
        [max(len(row[column]) for row in rows) for column in range(len(rows[0]))] if rows else []
    )
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        console.print(Text("  " + "  ".join(cells).rstrip()))
