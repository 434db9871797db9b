"""`agenttrace plugins`: what was found, what it adds, and what failed and why."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from agenttrace.cli.output import write_text
from agenttrace.plugins.integrator import list_missing
from agenttrace.plugins.manager import PluginManager
from agenttrace.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agenttrace.plugins.specs import CodecSpec, ExporterSpec, IntegrationSpec, Spec

TITLES: Final = {
    "exporters": "Exporters",
    "processors": "Processors",
    "codecs": "Codecs",
    "price_tables": "Price tables",
    "integrations": "Integrations",
    "commands": "Commands",
}


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
    """Return what there is, each a list: `plugins`, the kinds of TITLES, and `failures`.

    What a plugin adds has a `name`, a `summary`, the `plugin` that it came with, and that one's
    `distribution` and `version`; beside them exporters have `schemes`, codecs `types` and
    `codec_version`, integrations `modules` and those of them that are `missing`.
    """
    failures = [asdict(failure) for failure in manager.failures()]
    plugins = [{**asdict(info), "hooks": list(info.hooks)} for info in manager.plugins()]
    kinds: dict[str, Iterable[Spec]] = {
        "exporters": manager.exporters(),
        "processors": manager.processors(),
        "codecs": manager.codecs(),
        "price_tables": manager.price_tables(),
        "integrations": manager.integrations(),
        "commands": manager.commands(),
    }
    details = {
        "exporters": _show_exporter,
        "codecs": _show_codec,
        "integrations": _show_integration,
    }
    sources = {plugin["name"]: plugin for plugin in plugins}
    report: dict[str, Any] = {"plugins": plugins}
    for kind, specs in kinds.items():
        show: Any = details.get(kind, lambda _: {})
        report[kind] = [
            {**_describe(spec, sources.get(manager.find_plugin(spec), {})), **show(spec)}
            for spec in specs
        ]
    report["failures"] = failures
    return report


def _describe(spec: Spec, source: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": spec.name,
        "summary": getattr(spec, "summary", ""),
        "plugin": source.get("name", ""),
        "distribution": source.get("distribution", ""),
        "version": source.get("version", ""),
    }


def _show_exporter(spec: ExporterSpec) -> dict[str, Any]:
    return {"schemes": list(spec.schemes)}


def _show_codec(spec: CodecSpec) -> dict[str, Any]:
    return {"types": list(spec.types), "codec_version": spec.version}


def _show_integration(spec: IntegrationSpec) -> dict[str, Any]:
    return {"modules": list(spec.modules), "missing": list_missing(spec)}


def _print_report(report: dict[str, Any]) -> None:
    # rich takes 60 ms to import, and JSON does not need it.
    from rich.console import Console  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    # Piped text is for grep: no colour, and no line is broken.
    console = Console(soft_wrap=not sys.stdout.isatty(), highlight=False)
    with console.capture() as printed:
        rows = [
            [plugin["name"], _show_source(plugin), ", ".join(plugin["hooks"]) or "no hooks"]
            for plugin in report["plugins"]
        ]
        _print_table(console, "Plugins", rows)
        for kind, title in TITLES.items():
            _print_table(console, title, [_show_row(each) for each in report[kind]])
        if report["failures"]:
            console.print(Text("Failed", style="bold red"))
            for failure in report["failures"]:
                source = _show_source(failure)
                where = f" ({source})" if source else ""
                console.print(Text(f"  {failure['name']}{where}: {failure['error']}"))
    write_text(printed.get())


def _show_row(added: dict[str, Any]) -> list[str]:
    text = added["summary"] or ", ".join(added.get("types", ()))
    if added.get("missing"):
        text += f" (off: {', '.join(added['missing'])} not installed)"
    return [added["name"], _show_source(added), text]


def _show_source(added: dict[str, Any]) -> str:
    return f"{added['distribution']} {added['version']}".strip()


def _print_table(console: Any, title: str, rows: list[list[str]]) -> None:
    from rich.table import Table  # noqa: PLC0415 -- as in _print_report
    from rich.text import Text  # noqa: PLC0415 -- as in _print_report

    console.print(Text(title, style="bold"))
    if not rows:
        console.print(Text("  none", style="dim"))
    elif console.soft_wrap:
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        for row in rows:
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            console.print(Text("  " + "  ".join(cells).rstrip()))
    else:
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(width=0)
        for style, wraps in (("cyan", False), ("dim", False), ("", True)):
            table.add_column(style=style, no_wrap=not wraps, overflow="fold")
        for row in rows:
            table.add_row("", *(Text(cell) for cell in row))
        console.print(table)
