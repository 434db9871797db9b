"""The exporters that come with this package. Each is registered as a plugin like any other."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agenttrace.exporters.console import ConsoleExporter
    from agenttrace.exporters.http import APIExporter
    from agenttrace.exporters.jsonl import JSONLExporter
    from agenttrace.exporters.memory import MemoryExporter

__all__ = ["APIExporter", "ConsoleExporter", "JSONLExporter", "MemoryExporter"]

_MODULES = {
    "APIExporter": "http",
    "ConsoleExporter": "console",
    "JSONLExporter": "jsonl",
    "MemoryExporter": "memory",
}


def __getattr__(name: str) -> object:
    # Each is imported when it is asked for: the HTTP client alone takes 100 ms.
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
