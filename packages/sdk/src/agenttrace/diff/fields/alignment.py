"""Which items of two lists belong together, and how far apart two parts are.

The distance of two values is the weight of what differs: the least that turns one into the other,
where an item may be removed, added, or changed in place. It is found exactly while a budget of
comparisons lasts; after that longest common subsequences stand in, and `is_approximate` is set.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, TypeAlias

from agenttrace.diff.fields.messages import role_of
from agenttrace.diff.fields.parts import (
    WEIGHT,
    Branch,
    Form,
    Leaf,
    Part,
    key_of,
    pair_members,
    type_of,
    weight_of,
)
from agenttrace.diff.lcs import match_anchors, match_sequences

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agenttrace.diff.fields.rules import FieldRules
    from agenttrace.diff.fields.steps import Steps
    from agenttrace.diff.lcs import Pair

MAX_TABLE_CELLS: Final = 50_000
"""Two runs of items are compared each with each while that is so many pairs at most, …"""
MAX_CELLS: Final = 400_000
"""… and so many in one comparison."""

MAX_LCS_CELLS: Final = 2_000_000_000
"""The longest common subsequence of longer lists is only looked for between what occurs once."""

Pairs: TypeAlias = "list[Pair]"


class Aligner:
    """Aligns lists by one set of rules; remembers distances, and what of its budget is left."""

    def __init__(self, rules: FieldRules) -> None:
        self.rules = rules
        self.is_approximate = False
        self._cells_left = MAX_CELLS
        self._distances: dict[tuple[str, str], int] = {}

    def measure(self, base: Part, head: Part) -> Steps[int]:
        """Return the distance of two parts; the same in both directions."""
        quick = self._measure_simple(base, head)
        if quick is not None:
            return quick
        assert isinstance(base, Branch)
        assert isinstance(head, Branch)
        if base.key > head.key:
            base, head = head, base
        known = self._distances.get((base.key, head.key))
        if known is None:
            known = 0 if base.type == head.type else WEIGHT
            if base.form is Form.OBJECT:
                known += yield self._measure_objects(base, head)
            elif base.form is Form.TEXT:
                known += yield self.measure(base.items[0], head.items[0])
            else:
                known += yield self._measure_lists(base, head)
            self._distances[base.key, head.key] = known
        return known

    def _measure_simple(self, base: Part, head: Part) -> int | None:
        """Return the distance, None where it takes a look at parts of both."""
        if key_of(base) == key_of(head):
            return 0
        if isinstance(base, Branch) and isinstance(head, Branch) and base.form is head.form:
            return None
        if isinstance(base, Leaf) and isinstance(head, Leaf) and base.type == head.type:
            if base.text is not None and head.text is not None:
                return _measure_texts(base, head)
            if base.number is not None and head.number is not None:
                return 0 if self.rules.are_close(base.number, head.number) else WEIGHT
        return max(weight_of(base), weight_of(head))

    def _measure_objects(self, base: Branch, head: Branch) -> Steps[int]:
        found = 0
        for base_name, head_name in pair_members(base, head):
            if base_name is None or head_name is None:
                holder, name = (head, head_name) if base_name is None else (base, base_name)
                found += weight_of(holder.members[str(name)])
                continue
            one, other = base.members[base_name], head.members[head_name]
            quick = self._measure_simple(one, other)
            found += (yield self.measure(one, other)) if quick is None else quick
        return found

    def _measure_lists(self, base: Branch, head: Branch) -> Steps[int]:
        pairs = yield self.align(base, head)
        found = sum(map(weight_of, base.items)) + sum(map(weight_of, head.items))
        for i, j in pairs:
            one, other = base.items[i], head.items[j]
            found -= weight_of(one) + weight_of(other)
            quick = self._measure_simple(one, other)
            found += (yield self.measure(one, other)) if quick is None else quick
        return found

    def align(self, base: Branch, head: Branch) -> Steps[Pairs]:
        """Return the positions of the items that belong together, by position in `base`."""
        pairs: Pairs
        if base.key > head.key:  # so that both directions give the same pairs
            pairs = yield self.align(head, base)
            return sorted((i, j) for j, i in pairs)
        unordered = base.unordered or head.unordered
        if unordered is not None:
            return _match_unordered(base.items, head.items, unordered.key)
        pairs = yield self._align_items(base.items, head.items)
        return pairs

    def _align_items(self, base: Sequence[Part], head: Sequence[Part]) -> Steps[Pairs]:
        one, other = [key_of(item) for item in base], [key_of(item) for item in head]
        start, base_end, head_end = _trim_ends(one, other)
        pairs = [(at, at) for at in range(start)]
        mid_base, mid_head = base[start:base_end], head[start:head_end]
        if self._can_fill(len(mid_base), len(mid_head)):
            middle = yield self._fill_table(mid_base, mid_head)
        else:
            middle = yield self._match_in_tiers(mid_base, mid_head)
        pairs += [(start + i, start + j) for i, j in middle]
        pairs += zip(range(base_end, len(base)), range(head_end, len(head)), strict=True)
        return pairs

    def _can_fill(self, base_size: int, head_size: int) -> bool:
        cells = base_size * head_size
        if cells > MAX_TABLE_CELLS or cells > self._cells_left:
            return False
        self._cells_left -= cells
        return True

    def _fill_table(self, base: Sequence[Part], head: Sequence[Part]) -> Steps[Pairs]:
        """Return the pairs of the least distance: the textbook's table of prefixes."""
        if not base or not head:
            return []
        roles = [role_of(each) for each in base], [role_of(each) for each in head]
        is_chat = None not in roles[0] and None not in roles[1]
        if len(base) == len(head) == 1 and (not is_chat or roles[0] == roles[1]):
            return [(0, 0)]
        removal, addition = list(map(weight_of, base)), list(map(weight_of, head))
        row = [0]
        for weight in addition:
            row.append(row[-1] + weight)
        rows = [row]
        costs: list[list[int]] = []
        for i, one in enumerate(base):
            above, row, line = row, [row[0] + removal[i]], []
            for j, other in enumerate(head):
                if is_chat and roles[0][i] != roles[1][j]:
                    cost = removal[i] + addition[j]
                else:
                    quick = self._measure_simple(one, other)
                    cost = (yield self.measure(one, other)) if quick is None else quick
                line.append(cost)
                row.append(min(above[j] + cost, above[j + 1] + removal[i], row[j] + addition[j]))
            rows.append(row)
            costs.append(line)
        return _trace_back(rows, costs, removal)

    def _match_in_tiers(self, base: Sequence[Part], head: Sequence[Part]) -> Steps[Pairs]:
        """Match equal items, and between them each with each where few, else by shape."""
        self.is_approximate = True
        pairs: Pairs = []
        equal = _match_long([key_of(each) for each in base], [key_of(each) for each in head])
        for gap in list_gaps(equal, len(base), len(head)):
            base_from, base_to, head_from, head_to = gap
            one, other = base[base_from:base_to], head[head_from:head_to]
            if self._can_fill(len(one), len(other)):
                found = yield self._fill_table(one, other)
            else:
                found = _match_long(
                    [_shape_of(each) for each in one], [_shape_of(each) for each in other]
                )
            pairs += [(base_from + i, head_from + j) for i, j in found]
        return sorted(pairs + equal)


def list_gaps(pairs: Pairs, base_size: int, head_size: int) -> list[tuple[int, int, int, int]]:
    """Return where neither side is matched, as `(base from, to, head from, to)`, both not empty."""
    gaps = []
    base_from = head_from = 0
    for i, j in [*pairs, (base_size, head_size)]:
        if i > base_from and j > head_from:
            gaps.append((base_from, i, head_from, j))
        base_from, head_from = i + 1, j + 1
    return gaps


def _match_long(base: list[str], head: list[str]) -> Pairs:
    """Match what is equal, exactly while that takes no longer than two seconds or so."""
    if len(base) * len(head) <= MAX_LCS_CELLS:
        return match_sequences(base, head)
    pairs = match_anchors(base, head)
    between: Pairs = []
    for base_from, base_to, head_from, head_to in list_gaps(pairs, len(base), len(head)):
        one, other = base[base_from:base_to], head[head_from:head_to]
        if len(one) * len(other) <= MAX_LCS_CELLS // 8:
            found = match_sequences(one, other)
        else:
            found = [
                (at, at)
                for at, each in enumerate(zip(one, other, strict=False))
                if each[0] == each[1]
            ]
        between += [(base_from + i, head_from + j) for i, j in found]
    return sorted(pairs + between)


def _trim_ends(base: list[str], head: list[str]) -> tuple[int, int, int]:
    shorter = min(len(base), len(head))
    start = 0
    while start < shorter and base[start] == head[start]:
        start += 1
    base_end, head_end = len(base), len(head)
    while min(base_end, head_end) > start and base[base_end - 1] == head[head_end - 1]:
        base_end -= 1
        head_end -= 1
    return start, base_end, head_end


def _trace_back(rows: list[list[int]], costs: list[list[int]], removal: list[int]) -> Pairs:
    pairs: Pairs = []
    i, j = len(rows) - 1, len(rows[0]) - 1
    while i and j:
        here = rows[i][j]
        if rows[i - 1][j - 1] + costs[i - 1][j - 1] == here and _is_worth(
            rows, costs, removal, i, j
        ):
            i -= 1
            j -= 1
            pairs.append((i, j))
        elif rows[i - 1][j] + removal[i - 1] == here:
            i -= 1
        else:
            j -= 1
    pairs.reverse()
    return pairs


def _is_worth(
    rows: list[list[int]], costs: list[list[int]], removal: list[int], i: int, j: int
) -> bool:
    """Tell whether a pair is less than removing the one and adding the other."""
    addition = rows[0][j] - rows[0][j - 1]
    return costs[i - 1][j - 1] < removal[i - 1] + addition


def _measure_texts(base: Leaf, head: Leaf) -> int:
    """Return from half a `WEIGHT`, for texts that share nearly all, to a whole one."""
    one, other = base.sketch, head.sketch
    every = one.bit_count() + other.bit_count()
    shared = 2 * (one & other).bit_count()
    return WEIGHT // 2 if not every else WEIGHT - WEIGHT * shared // every // 2


def _shape_of(part: Part) -> str:
    if isinstance(part, Branch):
        names = ",".join(sorted(part.members)) if part.form is Form.OBJECT else ""
        return f"{part.form}{role_of(part) or ''}:{names}"
    return part[:1] if isinstance(part, str) else f"leaf {type_of(part)}"


def _match_unordered(base: Sequence[Part], head: Sequence[Part], key: str | None) -> Pairs:
    """Match items of one identity, of those without one the equal ones; ties in list order."""
    base_keys, head_keys = _find_identities(base, key), _find_identities(head, key)
    base_often, head_often = Counter(base_keys), Counter(head_keys)
    once = {each for each in base_often if base_often[each] == head_often[each] == 1} - {None}
    places: dict[str, list[int]] = {}
    for j in range(len(head) - 1, -1, -1):
        places.setdefault(_name_item(head[j], head_keys[j], once), []).append(j)
    pairs = []
    for i, item in enumerate(base):
        found = places.get(_name_item(item, base_keys[i], once))
        if found:
            pairs.append((i, found.pop()))
    return pairs


def _find_identities(items: Sequence[Part], key: str | None) -> list[str | None]:
    return [
        key_of(item.members[key])
        if key is not None and isinstance(item, Branch) and key in item.members
        else None
        for item in items
    ]


def _name_item(item: Part, identity: str | None, once: set[str | None]) -> str:
    return f"k{identity}" if identity in once else f"e{key_of(item)}"
