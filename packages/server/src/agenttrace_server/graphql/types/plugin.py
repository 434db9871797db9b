"""Plugins of the server's installation."""

from __future__ import annotations

import strawberry
from strawberry import field


@strawberry.type(description="A plugin that is installed where the server runs.")
class Plugin:
    """See the description, which is public."""

    name: str = field(description="The name of its entry point.")
    distribution: str = field(description="The distribution that it came with; empty: unknown.")
    version: str = field(description="That distribution's version; empty: unknown.")
    hooks: list[str] = field(description="What it adds, by the names of hooks.")
    error: str | None = field(
        description="Why it, or a part of it, is not in use; null: it is in use."
    )
