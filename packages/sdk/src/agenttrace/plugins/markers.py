"""The markers of pluggy, under this project's name."""

from __future__ import annotations

from typing import Final

import pluggy

PROJECT: Final = "agenttrace"
PLUGIN_API_VERSION: Final = 1
"""Grows when a hook or a record changes in a way that plugins must know of."""

OLDEST_PLUGIN_API: Final = 1
"""The oldest PLUGIN_API_VERSION whose plugins still work."""

hookspec: Final = pluggy.HookspecMarker(PROJECT)
hookimpl: Final = pluggy.HookimplMarker(PROJECT)
