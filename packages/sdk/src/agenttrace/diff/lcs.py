"""A longest common subsequence of two sequences, minimal and the same on every machine.

Where items recur, Crochemore's bit-parallel recurrence on Python's integers: one step does a whole
row of the table, so 10,000 against 10,000 items are 10,000 additions of 1,250 bytes. Where most
items are the only ones of their kind, Hunt and Szymanski's way, which looks at equal pairs alone.
difflib would not do: what it finds is not the longest.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

Pair: TypeAlias = tuple[int, int]
"""A position in the first sequence and the position in the second that is matched with it."""

_MAX_TABLE_BITS: Final = 2**28
"""A table is kept up to 32 MiB; beyond that the problem is halved, which takes twice the time."""
_SPARSE: Final = 400
"""One equal pair takes as long as so many bits of the table: 0.5 us against 1.2 ns."""
_MIN_KEPT: Final = 64


def match_sequences(base: Sequence[Hashable], head: Sequence[Hashable]) -> list[Pair]:
    """Return the positions of a longest common subsequence, rising on both sides.

    Items are compared by `==` and `hash`: give canonical texts or digests where 1, 1.0 and True
    are not one thing. Time is O(n * m / 30) in the worst case, which is where few items recur
    often: a second for 30,000 against 30,000. Memory is O(n + m), and 32 MiB at most besides.
    Among several longest ones the answer is always the same, but `match_sequences(head, base)`
    may be another.
    """
    start, base_end, head_end = _trim_ends(base, head)
    pairs = [(each, each) for each in range(start)]
    one = _keep_known(base, start, base_end, set(head[start:head_end]))
    other = _keep_known(head, start, head_end, set(base[start:base_end]))
    matched = _match_known([base[at] for at in one], [head[at] for at in other])
    pairs += [(one[first], other[second]) for first, second in matched]
    pairs += zip(range(base_end, len(base)), range(head_end, len(head)), strict=True)
    return pairs


def _trim_ends(base: Sequence[Hashable], head: Sequence[Hashable]) -> tuple[int, int, int]:
    """Return where the first difference is, and where each side's equal end begins."""
    shorter = min(len(base), len(head))
    start = 0
    while start < shorter and base[start] == head[start]:
        start += 1
    base_end, head_end = len(base), len(head)
    while min(base_end, head_end) > start and base[base_end - 1] == head[head_end - 1]:
        base_end -= 1
        head_end -= 1
    return start, base_end, head_end


def _keep_known(
    items: Sequence[Hashable], start: int, end: int, known: set[Hashable]
) -> Sequence[int]:
    """Return the positions of the items that the other side has too."""
    return [at for at in range(start, end) if items[at] in known]


def match_anchors(base: Sequence[Hashable], head: Sequence[Hashable]) -> list[Pair]:
    """Return the positions of a longest common subsequence of what occurs once on each side.

    Equal ends are matched, too. It need not be the longest one of all, but takes O(n log n) time.
    """
    start, base_end, head_end = _trim_ends(base, head)
    pairs = [(each, each) for each in range(start)]
    one, other = Counter(base[start:base_end]), Counter(head[start:head_end])
    places = {head[at]: [at] for at in range(start, head_end) if other[head[at]] == 1}
    once = [at for at in range(start, base_end) if one[base[at]] == 1 and base[at] in places]
    found = _match_sparse([places[base[at]] for at in once])
    pairs += [(once[at], j) for at, j in found]
    pairs += zip(range(base_end, len(base)), range(head_end, len(head)), strict=True)
    return pairs


def _match_known(base: Sequence[Hashable], head: Sequence[Hashable]) -> list[Pair]:
    """Choose the way that is faster for how often items recur."""
    places: dict[Hashable, list[int]] = {}
    for at, item in enumerate(head):
        places.setdefault(item, []).append(at)
    equal_pairs = sum(len(places[item]) for item in base)
    if equal_pairs * _SPARSE <= len(base) * len(head):
        return _match_sparse([places[item] for item in base])
    return _match_parts(base, head)


def _match_sparse(places: Sequence[Sequence[int]]) -> list[Pair]:
    """Match each item of base with one of its places in head, rising: Hunt and Szymanski."""
    ends: list[int] = []  # the least place at which a subsequence of each length ends
    chains: list[Any] = []  # and how it got there: (base position, head position, before)
    for i, found in enumerate(places):
        for j in reversed(found):
            length = bisect_left(ends, j)
            before = chains[length - 1] if length else None
            if length == len(ends):
                ends.append(j)
                chains.append((i, j, before))
            elif j < ends[length]:
                ends[length] = j
                chains[length] = (i, j, before)
    pairs: list[Pair] = []
    chain = chains[-1] if chains else None
    while chain is not None:
        i, j, chain = chain
        pairs.append((i, j))
    pairs.reverse()
    return pairs


def _match_parts(base: Sequence[Hashable], head: Sequence[Hashable]) -> list[Pair]:
    """Match all, a part at a time where the table of the whole would be too big."""
    pairs: list[Pair] = []
    parts = [(0, len(base), 0, len(head))]
    while parts:
        base_from, base_to, head_from, head_to = parts.pop()
        one, other = base[base_from:base_to], head[head_from:head_to]
        if len(one) * len(other) <= _MAX_TABLE_BITS or len(other) == 1:
            pairs += [(base_from + i, head_from + j) for i, j in _match_table(one, other)]
            continue
        middle = len(other) // 2
        split = _find_split(one, other, middle)
        parts.append((base_from + split, base_to, head_from + middle, head_to))
        parts.append((base_from, base_from + split, head_from, head_from + middle))
    return pairs


def _match_table(base: Sequence[Hashable], head: Sequence[Hashable]) -> list[Pair]:
    if not base or not head:
        return []
    size = (len(base) + 7) // 8
    rows = [row.to_bytes(size, "little") for row in _fill_rows(base, head)]
    pairs: list[Pair] = []
    i, j = len(base), len(head)
    while i and j:
        row = rows[j - 1]
        if _has_bit(row, i - 1):  # base[i - 1] adds nothing to what head[:j] shares
            i -= 1
        elif j > 1 and not _has_bit(rows[j - 2], i - 1):  # nor does head[j - 1]
            j -= 1
        else:
            i -= 1
            j -= 1
            pairs.append((i, j))
    pairs.reverse()
    return pairs


def _has_bit(row: bytes, at: int) -> bool:
    return bool(row[at >> 3] >> (at & 7) & 1)


def _fill_rows(base: Sequence[Hashable], head: Sequence[Hashable]) -> list[int]:
    """Return a row an item of `head`: bit i is 0 where base[i] makes the longest one longer."""
    places = _Places(base)
    row = every = (1 << len(base)) - 1
    rows = []
    for item in head:
        hits = row & places.find(item)
        row = ((row + hits) | (row ^ hits)) & every
        rows.append(row)
    return rows


class _Places:
    """Where each item of a sequence stands, as the bits of an integer."""

    def __init__(self, items: Sequence[Hashable]) -> None:
        self._positions: dict[Hashable, list[int]] = {}
        for at, item in enumerate(items):
            self._positions.setdefault(item, []).append(at)
        self._kept: dict[Hashable, int] = {}

    def find(self, item: Hashable) -> int:
        """Return the places of an item, 0 where it has none."""
        found = self._kept.get(item)
        if found is not None:
            return found
        positions = self._positions.get(item)
        if positions is None:
            return 0
        held = bytearray((positions[-1] >> 3) + 1)
        for at in positions:
            held[at >> 3] |= 1 << (at & 7)
        found = int.from_bytes(held, "little")
        # Those of rare items are made when needed: kept, they would grow with the square.
        if len(positions) >= _MIN_KEPT:
            self._kept[item] = found
        return found


def _find_split(base: Sequence[Hashable], head: Sequence[Hashable], middle: int) -> int:
    """Return how much of `base` goes with `head[:middle]`: Hirschberg's cut, the first best one."""
    before = _count_shared(base, head[:middle])
    after = _count_shared(base[::-1], head[middle:][::-1])
    after.reverse()
    sums = [one + other for one, other in zip(before, after, strict=True)]
    return sums.index(max(sums))


def _count_shared(base: Sequence[Hashable], head: Sequence[Hashable]) -> list[int]:
    """Return for each length of a start of `base` how long its longest one with `head` is."""
    places = _Places(base)
    row = every = (1 << len(base)) - 1
    for item in head:
        hits = row & places.find(item)
        row = ((row + hits) | (row ^ hits)) & every
    bits = f"{row:0{len(base)}b}" if base else ""
    return list(accumulate((1 - int(bit) for bit in reversed(bits)), initial=0))
