"""The merge law: snapshots of one id, in any order and any number, give one state.

Each field holds the value from the best-ranked snapshot that has it (`wire.rank_snapshot`). For
that to hold whatever the order, a state must know of which rank a field is: most are of the
state's own rank, and the few that an older snapshot gave are listed in `older`.

No recorder writes two different snapshots of one rank, but for what each of its exporters says of
records that were lost on its own way: two that lost equally many for different reasons. Of these
fields both are kept, by a law of their own (`_TIES`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import orjson

from agenttrace.wire import rank_snapshot
from agenttrace.wire.models import MAX_DROP_REASONS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

NEVER_SEEN: Final = -1
"""The rank of a state that no snapshot has reached yet."""

_TERMINAL_BIT: Final = 1 << 53  # `rev` is below it


def rank_of(status: str, rev: int) -> int:
    """Return the rank of a snapshot as one integer that orders as `wire.rank_snapshot` does."""
    terminal, revision = rank_snapshot(status, rev)
    return (_TERMINAL_BIT if terminal else 0) | revision


def is_of_ended(rank: int) -> bool:
    """Tell whether a snapshot of this rank has a terminal status."""
    return rank >= _TERMINAL_BIT


@dataclass(slots=True)
class State:
    """What is known of a run or span: its fields by name (absent is unknown) and their ranks."""

    rank: int = NEVER_SEEN
    fields: dict[str, Any] = field(default_factory=dict)
    older: dict[str, int] = field(default_factory=dict)

    def apply(self, rank: int, fields: Mapping[str, Any]) -> bool:
        """Merge a snapshot; tell whether anything changed. Applying one twice changes nothing."""
        if rank > self.rank:
            self._overrule(rank, fields)
            return True
        taken = self._settle_ties(rank, fields)
        if rank < self.rank:
            taken |= {name: value for name, value in fields.items() if self._rank_of(name) < rank}
            self.older.update(dict.fromkeys(taken, rank))
        self.fields.update(taken)
        return bool(taken)

    def _settle_ties(self, rank: int, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Return what a field becomes that another snapshot of this rank says otherwise."""
        taken = {}
        for name, join in _TIES.items():
            if name not in fields:
                continue
            known_rank, value = self._rank_of(name), fields[name]
            if known_rank == rank:
                value = join(self.fields[name], value)
                if value != self.fields[name]:
                    taken[name] = value
            elif known_rank < rank == self.rank:
                self.older.pop(name, None)
                taken[name] = value
        return taken

    def _overrule(self, rank: int, fields: Mapping[str, Any]) -> None:
        kept = self.fields.keys() - fields.keys()
        self.older = {name: self.older.get(name, self.rank) for name in kept}
        self.rank = rank
        self.fields.update(fields)

    def _rank_of(self, name: str) -> int:
        if name not in self.fields:
            return NEVER_SEEN
        return self.older.get(name, self.rank)


def _join_counts(known: str, said: str) -> str:
    """Return the greatest count of each reason, of the first 32 reasons."""
    counts: dict[str, int] = orjson.loads(known)
    for reason, count in orjson.loads(said).items():
        counts[reason] = max(count, counts.get(reason, 0))
    return orjson.dumps(dict(sorted(counts.items())[:MAX_DROP_REASONS])).decode()


_TIES: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "dropped_json": _join_counts,
    "complete": lambda known, said: known and said,
}
"""In any order and number, two values at a time: the same result."""


def dump_older(older: Mapping[str, int]) -> str | None:
    """Return the ranks of older fields as the text that a row holds."""
    return orjson.dumps(older).decode() if older else None


def load_older(text: str | None) -> dict[str, int]:
    """Return what `dump_older` wrote."""
    return dict(orjson.loads(text)) if text else {}
