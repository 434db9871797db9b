"""Checks of a plugin's hooks: their names, their signatures, what they return and import."""

from __future__ import annotations

import difflib
import inspect
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Final

from agenttrace.plugins import builtin
from agenttrace.plugins.calls import describe_error
from agenttrace.plugins.loader import HOOK_NAMES
from agenttrace.plugins.manager import PluginManager
from agenttrace.plugins.markers import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from agenttrace.plugins.checks.findings import Findings
    from agenttrace.settings import Settings

IMPORT_TIMEOUT_S: Final = 60.0
_MARK: Final = f"{PROJECT}_impl"
_SEEN_BY: Final = """
import json, sys
import agenttrace.plugins.manager
before = set(sys.modules)
import importlib
plugin = importlib.import_module(sys.argv[1])
from agenttrace.plugins.manager import PluginManager
from agenttrace.settings import Settings
PluginManager(settings=Settings(), plugins=[("checked", plugin)]).failures()
brought = {name.partition(".")[0] for name in set(sys.modules) - before}
json.dump(sorted(brought - set(sys.stdlib_module_names)), sys.stdout)
"""


def check_hooks(
    name: str, plugin: object, *, settings: Settings, findings: Findings
) -> PluginManager:
    """Check how the plugin registers; return a manager with it and the built-in one alone."""
    for hook, function, options in _list_implementations(plugin):
        _check_implementation(f"{name}.{hook}", function, options, findings)
    _check_unmarked(name, plugin, findings)
    given = [] if plugin is builtin else [(name, plugin)]
    manager = PluginManager(settings=settings._replace(strict_plugins=False), plugins=given)
    failures = manager.failures()
    for failure in failures:
        findings.add(name, failure.error, "see docs/plugins.md for the host's rules")
    has_hooks = any(info.hooks for info in manager.plugins() if info.name == name)
    if not has_hooks and not failures:
        findings.add(
            name, "it has no hook", "mark a function, such as agenttrace_exporters, @hookimpl"
        )
    return manager


def _list_implementations(
    plugin: object,
) -> Iterator[tuple[str, object, Mapping[str, object]]]:
    for attribute in sorted(dir(plugin)):
        function = inspect.getattr_static(plugin, attribute, None)
        function = getattr(function, "__func__", function)
        options = getattr(function, _MARK, None)
        if isinstance(options, dict):
            yield options.get("specname") or attribute, function, options


def _check_implementation(
    where: str, function: object, options: Mapping[str, object], findings: Findings
) -> None:
    hook = where.rpartition(".")[2]
    if hook not in HOOK_NAMES:
        if not options.get("optionalhook"):
            close = difflib.get_close_matches(hook, HOOK_NAMES, n=1)
            meant = f"write {close[0]}, or " if close else ""
            findings.add(
                where,
                "there is no hook of this name",
                f"{meant}mark it @hookimpl(optionalhook=True) if a later version has it",
            )
        return
    if options.get("wrapper") or options.get("hookwrapper"):
        findings.add(where, "it is a hook wrapper", "return specs: wrappers are not supported")
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        findings.add(
            where, "it is async", "make it a plain function: async work belongs in what it returns"
        )
    for parameter in inspect.signature(function).parameters.values():  # type: ignore[arg-type]  # pluggy marks functions only
        if parameter.default is not inspect.Parameter.empty:
            findings.add(
                where,
                f"its argument {parameter} is never passed, as it has a default",
                "remove it: hooks have no arguments",
            )


def _check_unmarked(name: str, plugin: object, findings: Findings) -> None:
    marked = {hook for hook, _, _ in _list_implementations(plugin)}
    for attribute in sorted(dir(plugin)):
        is_function = inspect.isroutine(inspect.getattr_static(plugin, attribute, None))
        if attribute.startswith(f"{PROJECT}_") and is_function and attribute not in marked:
            findings.add(
                f"{name}.{attribute}",
                "it has the name of a hook but no mark, so it is never called",
                "write @hookimpl above it, or give it another name",
            )


def check_import(name: str, plugin: object, *, findings: Findings) -> None:
    """Check that importing the module and asking its hooks brings nothing but the plugin itself.

    It is done in a process of its own. A plugin that is no module is passed over.
    """
    if not isinstance(plugin, ModuleType):
        return
    module = plugin.__name__
    environment = {
        key: text for key, text in os.environ.items() if not key.startswith("AGENTTRACE_")
    }
    environment["PYTHONPATH"] = os.pathsep.join(path or str(Path.cwd()) for path in sys.path)
    command = [sys.executable, "-c", _SEEN_BY, module]
    try:
        done = subprocess.run(  # noqa: S603 -- this interpreter, and a module that is imported here
            command,
            env=environment,
            capture_output=True,
            text=True,
            timeout=IMPORT_TIMEOUT_S,
            check=True,
        )
        brought = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        said = getattr(error, "stderr", "") or describe_error(error)
        findings.add(
            name,
            f"it cannot be imported alone: {said.strip().splitlines()[-1]}",
            f"run python -c 'import {module}' and see",
        )
        return
    own = {module.partition(".")[0], PROJECT}
    heavy = [each for each in brought if each not in own and not each.startswith("_")]
    if heavy:
        findings.add(
            name,
            f"importing {module} and asking its hooks imports {', '.join(heavy)}",
            "import that in the factory or the target, which run when they are used: every "
            "program that looks at plugins pays for it",
        )
