"""Plugins as pip would have installed them, and a manager that finds exactly these."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from importlib.metadata import EntryPoint, PathDistribution
from typing import TYPE_CHECKING, Any

import pytest

from agenttrace.plugins.manager import PluginManager
from agenttrace.settings import Settings
from agenttrace.testing import check_plugin

if TYPE_CHECKING:
    from pathlib import Path

    from agenttrace.plugins.specs import Spec

Install = Callable[..., EntryPoint]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Write a distribution with one plugin module, as pip would have put it there."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def write(name: str, code: str, *, distribution: str = "", version: str = "1.0") -> EntryPoint:
        module = f"plugin_{len(list(tmp_path.glob('*.py')))}_{name.replace('-', '_')}"
        (tmp_path / f"{module}.py").write_text(
            "from agenttrace.plugins import *\nfrom agenttrace.exporters import MemoryExporter\n"
            + code
        )
        monkeypatch.delitem(sys.modules, module, raising=False)
        title = distribution or f"dist-{name}"
        info = tmp_path / f"{title.replace('-', '_')}-{version}.dist-info"
        info.mkdir(exist_ok=True)
        (info / "METADATA").write_text(f"Name: {title}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(f"[agenttrace]\n{name} = {module}\n")
        (point,) = PathDistribution(info).entry_points
        return point

    return write


def manage(*points: EntryPoint, **settings: Any) -> PluginManager:
    """Return a manager that finds exactly these entry points."""
    return PluginManager(settings=Settings(**settings), find=lambda: points)


GOOD = """
@hookimpl
def agenttrace_exporters():
    factory = lambda t, **o: MemoryExporter()
    return [ExporterSpec(name="NAME", summary="s", schemes=("NAME+x",), factory=factory)]
"""


def good(name: str) -> str:
    """Return the code of a plugin with an exporter of this name."""
    return GOOD.replace("NAME", name)


BUILTIN_EXPORTERS = ["console", "http", "jsonl", "memory"]


def names(specs: Iterable[Spec]) -> list[str]:
    """Return the names of specs."""
    return [spec.name for spec in specs]


def find(plugin: object, **given: Any) -> list[str]:
    """Return the findings of check_plugin, without their numbers."""
    try:
        check_plugin(plugin, name="mine", **given)
    except AssertionError as error:
        title, *lines = str(error).splitlines()
        assert title == f"mine: {len(lines)} finding{'s' if len(lines) > 1 else ''}"
        return [line.partition(". ")[2] for line in lines]
    return []
