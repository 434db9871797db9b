"""The flight recorder for AI agents: record every step, follow it live, replay it, diff it."""

from __future__ import annotations

from agenttrace.context import RemoteContext
from agenttrace.encoding.codecs import register_codec
from agenttrace.errors import AgentTraceError, ConfigurationError, PluginError
from agenttrace.run import Run
from agenttrace.span import Span
from agenttrace.tracer import Tracer
from agenttrace.wire import Effect, RunStatus, SpanStatus, SpanType

__all__ = [
    "AgentTraceError",
    "ConfigurationError",
    "Effect",
    "PluginError",
    "RemoteContext",
    "Run",
    "RunStatus",
    "Span",
    "SpanStatus",
    "SpanType",
    "Tracer",
    "__version__",
    "register_codec",
]

__version__ = "0.1.0"
