"""A shop's plugin for AgentTrace: runs in SQLite, exact money, a command to list runs."""

from agenttrace_shop.money import Money

__all__ = ["Money"]
