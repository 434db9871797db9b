"""The longest common subsequence, 64 comparisons at a time: rows of a table as integers.

Hyyrö's form of the bit-parallel algorithm (2004). Python's integers are as wide as the shorter
sequence, so a row costs `len / 64` machine words; rows are kept, to walk back along them.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

MAX_BITS: Final = 400_000_000
"""So many bits of rows are kept, 50 MB; longer sequences are cut at items that are unique."""

_Item = TypeVar("_Item", bound="Hashable")


def find_common(
    left: Sequence[_Item], right: Sequence[_Item]
) -> tuple[list[tuple[int, int]], bool]:
    """Return pairs of places of a common subsequence, and whether it is surely a longest one."""
    first = 0
    shortest = min(len(left), len(right))
    while first < shortest and left[first] == right[first]:
        first += 1
    last = 0
    while last < shortest - first and left[-1 - last] == right[-1 - last]:
        last += 1
    inner_left = left[first : len(left) - last]
    inner_right = right[first : len(right) - last]
    pairs = [(place, place) for place in range(first)]
    inner, is_longest = _find_inner(inner_left, inner_right)
    pairs += [(x + first, y + first) for x, y in inner]
    pairs += [(len(left) - step, len(right) - step) for step in range(last, 0, -1)]
    return pairs, is_longest


def _find_inner(
    left: Sequence[_Item], right: Sequence[_Item]
) -> tuple[list[tuple[int, int]], bool]:
    if not left or not right:
        return [], True
    if len(left) * len(right) <= MAX_BITS:
        return _walk_rows(left, right), True
    pairs: list[tuple[int, int]] = []
    anchors = [*_find_anchors(left, right), (len(left), len(right))]
    from_left = from_right = 0
    for x, y in anchors:
        part, other = left[from_left:x], right[from_right:y]
        if len(part) * len(other) <= MAX_BITS:
            inner = _walk_rows(part, other)
            pairs += [(a + from_left, b + from_right) for a, b in inner]
        if x < len(left):
            pairs.append((x, y))
        from_left, from_right = x + 1, y + 1
    return pairs, False


def _walk_rows(left: Sequence[_Item], right: Sequence[_Item]) -> list[tuple[int, int]]:
    masks: dict[_Item, int] = {}
    for place, item in enumerate(left):
        masks[item] = masks.get(item, 0) | 1 << place
    all_ones = (1 << len(left)) - 1
    row = all_ones
    rows = []
    for item in right:
        hits = row & masks.get(item, 0)
        row = ((row + hits) | (row - hits)) & all_ones
        rows.append(row)
    pairs = []
    x, y = len(left) - 1, len(right) - 1
    while x >= 0 and y >= 0:
        if rows[y] >> x & 1:  # the length does not grow with this item of left
            x -= 1
        elif y and not rows[y - 1] >> x & 1:  # it grew without this item of right
            y -= 1
        else:
            pairs.append((x, y))
            x, y = x - 1, y - 1
    pairs.reverse()
    return pairs


def _find_anchors(left: Sequence[_Item], right: Sequence[_Item]) -> list[tuple[int, int]]:
    """Return pairs of items that are once on both sides, in an order that both have."""
    places = _find_unique(right)
    found = [(x, places[item]) for item, x in _find_unique(left).items() if item in places]
    found.sort()
    tails: list[int] = []
    ends: list[int] = []
    before = [-1] * len(found)
    for number, (_, y) in enumerate(found):
        length = bisect_left(tails, y)
        if length == len(tails):
            tails.append(y)
            ends.append(number)
        else:
            tails[length], ends[length] = y, number
        before[number] = ends[length - 1] if length else -1
    chain = []
    number = ends[-1] if ends else -1
    while number >= 0:
        chain.append(found[number])
        number = before[number]
    return chain[::-1]


def _find_unique(items: Sequence[_Item]) -> dict[_Item, int]:
    counts: dict[_Item, int] = {}
    for item in items:
        counts[item] = counts.get(item, 0) + 1
    return {item: place for place, item in enumerate(items) if counts[item] == 1}
