"""The markers of pluggy, under this project's name."""

from __future__ import annotations

from typing import Final

import pluggy

PROJECT: Final = "agenttrace"
PLUGIN_API_VERSION: Final = 1
"""Grows when a hook or a record changes in a way that plugins must know of."""

hookspec: Final = pluggy.HookspecMarker(PROJECT)
hookimpl: Final = pluggy.HookimplMarker(PROJECT)
