"""The public names, and what importing them costs."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from importlib.metadata import version
from types import ModuleType

import pytest

import agenttrace

PACKAGES = [
    "agenttrace",
    "agenttrace.exporters",
    "agenttrace.plugins",
    "agenttrace.redaction",
    "agenttrace.testing",
    "agenttrace.wrappers",
]
HEAVY = (
    "asyncio",
    "click",
    "dataclasses",
    "httpx",
    "importlib.metadata",
    "inspect",
    "json",
    "logging",
    "msgspec",
    "orjson",
    "pluggy",
    "pydantic",
    "pydantic_core",
    "rich",
    "typer",
    "agenttrace.cli",
    "agenttrace.exporters",
    "agenttrace.pipeline.worker",
    "agenttrace.plugins",
    "agenttrace.wire.validation",
    "agenttrace_server",
)


def _rank(name: str) -> tuple[int, str]:
    """Order names as the formatter does: constants, classes, functions."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2, name)


@pytest.mark.parametrize("name", PACKAGES)
def test_all_is_sorted_and_every_name_is_there(name: str) -> None:
    """A star import gives exactly the public names, and they are in order."""
    module: ModuleType = import_module(name)
    assert list(module.__all__) == sorted(module.__all__, key=_rank)
    assert [each for each in module.__all__ if not hasattr(module, each)] == []


def test_everything_public_in_the_package_is_in_all() -> None:
    """What has no underscore and is no module is part of the interface, so it is listed."""
    public = {
        name
        for name, value in vars(agenttrace).items()
        if not name.startswith("_") and not isinstance(value, ModuleType) and name != "annotations"
    }
    assert public == set(agenttrace.__all__) - {"__version__"}


def test_import_loads_nothing_heavy() -> None:
    """`import agenttrace` costs little: what only some programs need waits until they need it."""
    code = f"import sys, agenttrace; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_import_starts_no_thread_and_opens_no_file() -> None:
    """Nothing happens before the first record."""
    code = (
        "import os, threading, agenttrace; from agenttrace.wrappers import trace_tool\n"
        "t = agenttrace.Tracer(); f = trace_tool(t)(len)\n"
        "before = set(os.listdir('/proc/self/fd')) if os.path.isdir('/proc/self/fd') else set()\n"
        "assert f('abc') == 3\n"
        "after = set(os.listdir('/proc/self/fd')) if os.path.isdir('/proc/self/fd') else set()\n"
        "print(threading.active_count(), before == after)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "True"]


def test_the_version_is_the_distribution_s() -> None:
    """`agenttrace.__version__` is what pip shows."""
    assert agenttrace.__version__ == version("agenttrace")
