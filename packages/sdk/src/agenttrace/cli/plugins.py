"""`agenttrace plugins`: what was found, what it adds, and what failed and why."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated, Any

import typer

from agenttrace.cli.output import Screen, write_text
from agenttrace.plugins.manager import PluginManager
from agenttrace.settings import read_settings
from agenttrace.trace.visible import show_lines


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
        write_text(json.dumps(report, indent=2) + "\n")
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
    screen = Screen()
    plugins = report["plugins"]
    rows = [[p["name"], p["distribution"], p["version"], ", ".join(p["hooks"])] for p in plugins]
    _print_table(screen, "Plugins", rows)
    _print_table(screen, "Exporters", [[e["name"], e["summary"]] for e in report["exporters"]])
    _print_table(screen, "Commands", [[c["name"], c["summary"]] for c in report["commands"]])
    if report["failures"]:
        screen.write([screen.paint("Failed", "bold red")])
        for failure in report["failures"]:
            source = f" ({failure['distribution']} {failure['version']})".replace(" )", ")")
            where = source if failure["distribution"] else ""
            screen.write([f"  {failure['name']}{where}: {show_lines(failure['error'])}"])


def _print_table(screen: Screen, title: str, rows: list[list[str]]) -> None:
    screen.write([screen.paint(title, "bold")])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        screen.write(["  " + show_lines("  ".join(cells)).rstrip()])
