"""`check_plugin`: everything that the host asks of a plugin, tried in isolation."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

from agenttrace.plugins import builtin
from agenttrace.plugins.checks.exporters import Destination, check_exporters
from agenttrace.plugins.checks.findings import Findings
from agenttrace.plugins.checks.hooks import check_hooks, check_import
from agenttrace.plugins.checks.processors import check_price_tables, check_processors
from agenttrace.plugins.checks.targets import check_commands, check_integrations
from agenttrace.plugins.checks.values import check_codecs
from agenttrace.plugins.claims import BUILTIN
from agenttrace.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from agenttrace.plugins.claims import SpecT
    from agenttrace.plugins.manager import PluginManager


def check_plugin(  # noqa: PLR0913 -- what an author's parts are tried with, each by its name
    plugin: object,
    *,
    name: str | None = None,
    destinations: Mapping[str, Destination] | None = None,
    samples: Iterable[object] = (),
    models: Iterable[str] = (),
    settings: Settings | None = None,
) -> None:
    """Raise one AssertionError that tells all that is wrong with a plugin, else return.

    `plugin` is the module that the entry point names, its name as a text, or an object with hooks;
    no other installed plugin has a part in it. Each of its parts is tried:

    - hooks: their names, arguments and results, and that asking them imports nothing heavy;
    - exporters, each with its `Destination` from `destinations`: all records are accounted for
      whether it takes them, fails for now, refuses, or all of that in turn; deadlines are kept;
      what comes twice or too late changes nothing;
    - codecs: each of `samples` is written and built again, equal and of the same type;
    - processors, when active with `settings`: odd records raise nothing, and what comes out is
      valid;
    - price tables: exact prices, or None; those of `models` are known;
    - integrations whose library is installed are turned on and off; commands can be imported.

    Nothing of the environment is read, and no time is measured but that of calls which hang.
    """
    if isinstance(plugin, str):
        plugin = import_module(plugin)
    title = BUILTIN if plugin is builtin else name or _name(plugin)
    findings = Findings()
    manager = check_hooks(title, plugin, settings=settings or Settings(), findings=findings)
    check_import(title, plugin, findings=findings)
    own = _Own(manager, title)
    check_exporters(own.pick(manager.exporters()), destinations or {}, findings=findings)
    check_codecs(own.pick(manager.codecs()), list(samples), findings=findings)
    check_processors(manager, own.name(manager.processors()), findings=findings)
    check_price_tables(manager, own.name(manager.price_tables()), models, findings=findings)
    check_integrations(own.pick(manager.integrations()), findings=findings)
    check_commands(own.pick(manager.commands()), findings=findings)
    for failure in manager.failures():  # what a factory did only now
        findings.add(failure.name, failure.error, "see docs/plugins.md for the host's rules")
    findings.raise_all(title)


class _Own:
    """Tells what one plugin added from what is built in."""

    def __init__(self, manager: PluginManager, plugin: str) -> None:
        self._manager = manager
        self._plugin = plugin

    def pick(self, specs: list[SpecT]) -> list[SpecT]:
        return [spec for spec in specs if self._manager.find_plugin(spec) == self._plugin]

    def name(self, specs: list[SpecT]) -> set[str]:
        return {spec.name for spec in self.pick(specs)}


def _name(plugin: object) -> str:
    return plugin.__name__ if isinstance(plugin, ModuleType) else type(plugin).__name__
