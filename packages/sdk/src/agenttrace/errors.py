"""The errors that this package raises, all of them while it is being set up.

AgentTraceError
├── ConfigurationError (ValueError)    an argument or a setting that cannot be meant
└── PluginError                        a plugin that cannot be loaded, in strict mode

Once a tracer runs it raises nothing of its own: what goes wrong is counted in `Tracer.stats()` and
logged once per kind under the logger `agenttrace`.
"""

from __future__ import annotations


class AgentTraceError(Exception):
    """The root of this package's errors."""


class ConfigurationError(AgentTraceError, ValueError):
    """An argument or a setting that cannot be meant; the message says what to write instead."""


class PluginError(AgentTraceError):
    """A plugin that could not be loaded; raised only with `AGENTTRACE_STRICT_PLUGINS=1`."""
