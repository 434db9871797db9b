"""The errors that this package raises: while it is being set up, and when recordings are read.

AgentTraceError
├── ConfigurationError (ValueError)    an argument or a setting that cannot be meant
├── PluginError                        a plugin that cannot be loaded, in strict mode
└── trace.RecordingError               a recording that cannot be read
    └── trace.RunNotFoundError         no run, or more than one, is what was asked for

Once a tracer runs it raises nothing of its own: what goes wrong is counted in `Tracer.stats()` and
logged once per kind under the logger `agenttrace`.
"""

from __future__ import annotations

from typing import ClassVar


class AgentTraceError(Exception):
    """The root of this package's errors. `exit_code` is the command's when it ends with one."""

    exit_code: ClassVar[int] = 2


class ConfigurationError(AgentTraceError, ValueError):
    """An argument or a setting that cannot be meant; the message says what to write instead."""


class PluginError(AgentTraceError):
    """A plugin that could not be loaded; raised only with `AGENTTRACE_STRICT_PLUGINS=1`."""
