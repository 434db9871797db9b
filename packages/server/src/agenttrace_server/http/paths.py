"""Which paths are doors, and which the dashboard's pages and files."""

from __future__ import annotations

import re
from typing import Final

# Doors, those of later releases too. However a path is spelt, what may reach a door is one.
_DOOR: Final = re.compile(
    r"/+(api|graphql|v1|healthz|readyz|metrics|docs|local)([/;]|$)", re.IGNORECASE
)
EXPLORER_PATH: Final = "/docs"
"""The page of the schema."""


def is_door(path: str) -> bool:
    """Tell whether a program may mean this path: it must never get the dashboard's page."""
    return _DOOR.match(path) is not None


def is_page(path: str) -> bool:
    """Tell whether a link on a page of somebody else may lead a person here."""
    return path == EXPLORER_PATH or not is_door(path)
