"""Where a follower is in the change log: one object that it and whoever drives it share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Gap:
    """Positions between which a follower was told nothing, by cursors."""

    start: str
    end: str


@dataclass(frozen=True, slots=True)
class Told:
    """What the latest batch told of the log."""

    end: int
    """Everything up to here has been told."""
    count: int
    """Of its changes."""
    has_more: bool
    ended: bool


@dataclass(slots=True)
class Place:
    """Where a follower begins and ends, and where it is now. Positions are those of the log."""

    start: int | None = None
    """Behind which it begins; None: at the cursor that it was given, with a batch at once."""
    until: int | None = None
    """It ends when it has told everything up to here; None: only with the run."""
    gap_from: int | None = None
    """It says first that it was told nothing from here to `start`."""
    told: Told | None = None
    """By the batch that was handed out last; None before the first."""
    bell: asyncio.Event | None = None
    """Rings it: look at the log now."""
    on_look: Callable[[int], None] | None = field(default=None, repr=False)
    """Called with the position up to which it looked, when there was nothing to tell."""

    def note(self, told: Told) -> None:
        """Remember what the next batch tells."""
        self.told = told

    def pass_over(self, end: int) -> None:
        """Say that up to here there is nothing to tell."""
        if self.on_look is not None:
            self.on_look(end)
