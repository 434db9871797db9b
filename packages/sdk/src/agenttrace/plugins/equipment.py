"""What plugins bring beside exporters, put where recording looks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agenttrace.encoding.codecs import REGISTRY

if TYPE_CHECKING:
    from agenttrace.plugins.manager import PluginManager
    from agenttrace.recorder import Recorder


def equip(recorder: Recorder, plugins: PluginManager) -> None:
    """Let processors, codecs and price tables take part in recording; called once for a tracer.

    Codecs hold for the whole process, as the classes that they are for do. Price tables are made
    when the first price is looked for.

    Raises:
        PluginError: for the first plugin that fails, with `AGENTTRACE_STRICT_PLUGINS=1` only.

    """
    recorder.plugin_versions = plugins.versions()
    recorder.hub.use_processors([processor for _, processor in plugins.make_processors()])
    recorder.price_with(plugins.make_price_tables)
    for spec in plugins.codecs():
        REGISTRY.add(spec)
