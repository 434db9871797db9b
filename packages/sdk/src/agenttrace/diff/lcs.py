"""A longest common subsequence of two sequences, minimal and the same on every machine.

Crochemore's bit-parallel recurrence on Python's integers: one step does a whole row of the table,
so 10,000 against 10,000 items are 10,000 additions of 1,250 bytes. difflib would not do: what it
finds is not the longest.
"""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

Pair: TypeAlias = tuple[int, int]
"""A position in the first sequence and the position in the second that is matched with it."""

_MAX_TABLE_BITS: Final = 2**28
"""A table is kept up to 32 MiB; beyond that the problem is halved, which takes twice the time."""


def match_sequences(base: Sequence[Hashable], head: Sequence[Hashable]) -> list[Pair]:
    """Return the positions of a longest common subsequence, rising on both sides.

    Items are compared by `==` and `hash`: give canonical texts or digests where 1, 1.0 and True
    are not one thing. Time is O(n * m / 30) in the worst case, memory O(n + m) and 32 MiB at
    most; equal ends and items that one side lacks cost next to nothing. Among several longest
    ones the answer is always the same, but `match_sequences(head, base)` may be another.
    """
    start, base_end, head_end = _trim_ends(base, head)
    pairs = [(each, each) for each in range(start)]
    one = _keep_known(base, start, base_end, set(head[start:head_end]))
    other = _keep_known(head, start, head_end, set(base[start:base_end]))
    matched = _match_parts([base[at] for at in one], [head[at] for at in other])
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
    places = _find_places(base)
    row = every = (1 << len(base)) - 1
    rows = []
    for item in head:
        hits = row & places.get(item, 0)
        row = ((row + hits) | (row ^ hits)) & every
        rows.append(row)
    return rows


def _find_places(base: Sequence[Hashable]) -> dict[Hashable, int]:
    """Return for each item the set of its positions as the bits of an integer."""
    positions: dict[Hashable, list[int]] = {}
    for at, item in enumerate(base):
        positions.setdefault(item, []).append(at)
    return {item: _set_bits(places) for item, places in positions.items()}


def _set_bits(places: list[int]) -> int:
    held = bytearray((places[-1] >> 3) + 1)
    for at in places:
        held[at >> 3] |= 1 << (at & 7)
    return int.from_bytes(held, "little")


def _find_split(base: Sequence[Hashable], head: Sequence[Hashable], middle: int) -> int:
    """Return how much of `base` goes with `head[:middle]`: Hirschberg's cut, the first best one."""
    before = _count_shared(base, head[:middle])
    after = _count_shared(base[::-1], head[middle:][::-1])
    after.reverse()
    sums = [one + other for one, other in zip(before, after, strict=True)]
    return sums.index(max(sums))


def _count_shared(base: Sequence[Hashable], head: Sequence[Hashable]) -> list[int]:
    """Return for each length of a start of `base` how long its longest one with `head` is."""
    places = _find_places(base)
    row = every = (1 << len(base)) - 1
    for item in head:
        hits = row & places.get(item, 0)
        row = ((row + hits) | (row ^ hits)) & every
    bits = f"{row:0{len(base)}b}" if base else ""
    return list(accumulate((1 - int(bit) for bit in reversed(bits)), initial=0))
