"""The errors that this package raises: while it is being set up, and when a recording is read.

AgentTraceError
├── ConfigurationError (ValueError)    an argument or a setting that cannot be meant
├── DecodeError (ValueError)           a payload that cannot be made a value again
├── PluginError                        a plugin that cannot be loaded, in strict mode
└── trace.RecordingError               a recording that cannot be read
    └── trace.RunNotFoundError         no run, or more than one, is what was asked for

ReplayedError (BaseException)          a recorded exception whose class is gone

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


class ReplayedError(BaseException):
    """A recorded exception whose class is not loaded.

    Made with the class's name, as a subclass of this and of the nearest base that is loaded, so
    that an `except` for that base catches it; it is an `Exception` if that base is one.
    """


class PluginError(AgentTraceError):
    """A plugin that could not be loaded; raised only with `AGENTTRACE_STRICT_PLUGINS=1`."""


class DecodeError(AgentTraceError, ValueError):
    """A payload that cannot be made a value again; `culprit` spells the class at fault, if any.

    `is_shown_only`: of that class the content was recorded, and nothing can make an object of it.
    """

    def __init__(self, message: str, culprit: str = "", *, is_shown_only: bool = False) -> None:
        super().__init__(message)
        self.culprit = culprit
        self.is_shown_only = is_shown_only
