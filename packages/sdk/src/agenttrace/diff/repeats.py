"""Origins that are one change made many times, such as in each turn of a loop, told as one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agenttrace.diff.model import Origin


@dataclass(frozen=True, slots=True)
class FoldedOrigin:
    """The first of some equal origins. `number` and `last` count all origins from 0.

    `more` is how many like it there are besides, `propagated` what follows from all of them.
    """

    origin: Origin
    number: int
    more: int
    last: int
    propagated: int


def fold_origins(origins: Iterable[Origin]) -> list[FoldedOrigin]:
    """Return origins of one path, cause and evidence as one, in the order of their first ones."""
    found: dict[tuple[object, ...], FoldedOrigin] = {}
    for number, origin in enumerate(origins):
        cause = origin.cause
        key = (
            *(origin.path, origin.base is None, origin.head is None),
            *(cause.kind, cause.detail, cause.evidence),
        )
        first = found.get(key)
        if first is None:
            found[key] = FoldedOrigin(origin, number, 0, number, origin.propagated)
            continue
        propagated = first.propagated + origin.propagated
        found[key] = replace(first, more=first.more + 1, last=number, propagated=propagated)
    return list(found.values())
