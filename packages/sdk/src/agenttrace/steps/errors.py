"""What goes wrong in stepping: one tree.

StepError
├── BreakpointError     a breakpoint that cannot be read
└── SearchError         a search that would take too much
"""

from __future__ import annotations

from typing import ClassVar

from agenttrace.errors import AgentTraceError


class StepError(AgentTraceError):
    """The base of what stepping raises; the message says what, where and what to do."""

    exit_code: ClassVar[int] = 2


class BreakpointError(StepError):
    """A breakpoint that cannot be read: a pattern, a query or a number that is none."""


class SearchError(StepError):
    """A search that would take too much time or memory."""

    exit_code: ClassVar[int] = 4
