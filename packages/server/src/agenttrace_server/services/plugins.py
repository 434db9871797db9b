"""Which plugins this server's installation has, as `agenttrace plugins` lists them."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from agenttrace.plugins.manager import PluginManager
from agenttrace.settings import read_settings


class Plugin(NamedTuple):
    """A plugin that was found."""

    name: str
    distribution: str
    version: str
    hooks: tuple[str, ...]
    error: str | None
    """Why it, or a part of it, is not in use; None: it is."""


class PluginService:
    """Finds plugins, once: what is installed later is found at the next start."""

    def __init__(self) -> None:
        self._found: asyncio.Task[tuple[Plugin, ...]] | None = None

    async def list_plugins(self) -> tuple[Plugin, ...]:
        """Return the plugins by name, those that failed too."""
        if self._found is None:
            # On a thread: a plugin is imported, which may take seconds.
            self._found = asyncio.create_task(asyncio.to_thread(_find))
        return await asyncio.shield(self._found)


def _find() -> tuple[Plugin, ...]:
    manager = PluginManager(settings=read_settings())
    for ask in (
        manager.exporters,
        manager.processors,
        manager.codecs,
        manager.price_tables,
        manager.integrations,
        manager.commands,
    ):
        ask()  # a hook that fails is found out by asking it
    failures = manager.failures()
    failed = {failure.name for failure in failures}
    found = [
        Plugin(plugin.name, plugin.distribution, plugin.version, tuple(plugin.hooks), None)
        for plugin in manager.plugins()
        if plugin.name not in failed
    ]
    found += [Plugin(f.name, f.distribution, f.version, (), f.error) for f in failures]
    return tuple(sorted(found))
