"""From a value to the parts that are compared: masked, parsed, ordered, without recursion."""

from __future__ import annotations

from collections import Counter
from itertools import count
from math import ceil, floor, log10
from typing import TYPE_CHECKING, Any, Final

from agenttrace.diff.fields.guides import LARGE_CHARS, Guide, make_guide, read_json_text
from agenttrace.diff.fields.parts import (
    IGNORED,
    SHORT_CHARS,
    Branch,
    Form,
    Leaf,
    Part,
    digest_parts,
    digest_text,
    key_of,
    list_member_keys,
    read_scalar,
    type_key,
    weight_of,
)
from agenttrace.diff.fields.plain import is_verbatim, write_plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from agenttrace.diff.fields.paths import Key
    from agenttrace.diff.fields.rules import FieldRules
    from agenttrace.wire import JsonValue

MAX_FIELDS: Final = 100_000
"""A value of more scalars, objects and lists is large: its parts are matched as they stand."""

_MAX_COARSE_LEVELS: Final = 8


class _TooLargeError(Exception):
    pass


class _Open:
    """A branch whose parts are being read."""

    __slots__ = ("branch", "guide", "hidden", "key", "pending")

    def __init__(
        self, branch: Branch, guide: Guide | None, key: Key, pending: Iterator[Any]
    ) -> None:
        self.branch = branch
        self.guide = guide
        self.key = key
        self.pending = pending
        self.hidden: list[Key] = []


class Reader:
    """Reads values by one set of rules. `left` is how many fields more it reads."""

    def __init__(self, rules: FieldRules, max_fields: int = MAX_FIELDS) -> None:
        self.rules = rules
        self.left = max_fields
        self._rel_digits = ceil(-log10(rules.numeric_rel)) if rules.numeric_rel else None

    def read(self, value: JsonValue, guide: Guide | None, key: Key = "") -> Part:
        """Return the parts of a value.

        Raises:
            _TooLargeError: when it has more fields than are left.

        """
        if guide is not None and guide.is_ignored:
            return IGNORED
        top = self._start(key, value, guide, None if guide is None else guide.type)
        if not isinstance(top, _Open):
            return top
        stack = [top]
        while True:
            opened = stack[-1]
            below = self._read_scalars(opened)
            if below is not None:
                stack.append(below)
                continue
            branch = self._finish(stack.pop())
            if not stack:
                return branch
            _add(stack[-1], opened.key, branch)

    def _read_scalars(self, opened: _Open) -> _Open | None:
        """Read parts up to the next that is a branch, which is returned."""
        guide = opened.guide
        is_text = opened.branch.form is Form.TEXT
        for key, item in opened.pending:
            below = guide
            described = None
            if guide is not None and not is_text:  # what a text holds stands where the text does
                below = guide.below.get(str(key))
                if below is not None:
                    if below.is_ignored:
                        opened.hidden.append(key)
                        continue
                    described = below.type
            part = self._start(key, item, below, described)
            if isinstance(part, _Open):
                return part
            _add(opened, key, part)
        return None

    def _start(
        self, key: Key, value: JsonValue, guide: Guide | None, described: str | None
    ) -> Part | _Open:
        self.left -= 1
        if self.left < 0:
            raise _TooLargeError
        kind = type(value)
        pending: Iterator[Any]
        if kind is str:
            inner = read_json_text(key, value, self.rules)
            if inner is None:
                return _type_scalar(self._read_text(value), described)
            branch, pending = Branch(Form.TEXT), iter((("", inner),))
            branch.inner = inner
        elif kind is dict:
            branch, pending = Branch(Form.OBJECT), iter(value.items())
            branch.masked = self._mask_names(value)
        elif kind is list:
            branch, pending = Branch(Form.LIST), zip(count(), value, strict=False)
            branch.unordered = None if guide is None else guide.unordered
        else:
            return _type_scalar(self._read_number(value), described)
        branch.type = described
        return _Open(branch, guide, key, pending)

    def _mask_names(self, value: dict[str, Any]) -> dict[str, str] | None:
        """Return what the names of which a part is masked read as, but where two read alike."""
        if any(type(name) is not str for name in value):
            raise TypeError(
                "an object has a name that is no text: expected what json.loads returns"
            )
        masked = {name: self.rules.mask_text(name) for name in value}
        if all(name == found for name, found in masked.items()):
            return None
        often = Counter(masked.values())
        return {
            name: found for name, found in masked.items() if name != found and often[found] == 1
        }

    def _read_text(self, text: str) -> Part:
        if len(text) > LARGE_CHARS:
            return Leaf(digest_text("L", text), is_coarse=True)
        masked = self.rules.mask_text(text)
        if len(text) > SHORT_CHARS:
            return Leaf(digest_text("S", masked), text=masked)
        return f"s{masked}"

    def _read_number(self, value: Any) -> Part:
        digits = self.rules.float_digits
        if digits is not None and type(value) is float:
            value = float(f"{value:.{digits}g}")
        key = read_scalar(value)
        if not self.rules.has_tolerance or key[0] not in "nx" or key[1:] in _ENDLESS:
            return key
        return Leaf(self._round(value) or key, number=value)

    def _round(self, value: float) -> str | None:
        """Return a key that only numbers within the tolerance share, None without such a key."""
        try:
            size = abs(float(value))
        except OverflowError:
            return None
        absolute = self.rules.numeric_abs
        if absolute and size <= absolute * 2**40:
            return f"a{floor(value / absolute)}"
        if self._rel_digits is None or self._rel_digits > _MAX_DIGITS:
            return None
        return f"r{float(value):.{max(self._rel_digits, 0)}e}"

    def _finish(self, opened: _Open) -> Branch:
        branch = opened.branch
        if branch.form is Form.OBJECT:
            keys = list_member_keys(branch)
            branch.weight += sum(map(weight_of, branch.members.values()))
            branch.ignored = tuple(map(str, opened.hidden))
        else:
            keys = [key_of(item) for item in branch.items]
            branch.weight += sum(map(weight_of, branch.items))
            if branch.unordered is not None:
                keys.sort()
            if opened.hidden:
                hidden = set(opened.hidden)
                branch.at = [at for at in range(len(keys) + len(hidden)) if at not in hidden]
        branch.key = digest_parts(branch.form, keys)
        if branch.unordered is not None:
            branch.key = f"u{branch.key}"
        if branch.type is not None:
            branch.key = type_key(branch.key, branch.type)
        return branch


_ENDLESS: Final = frozenset({"nan", "inf", "-inf"})
_MAX_DIGITS: Final = 15


def _type_scalar(part: Part, described: str | None) -> Part:
    if described is None:
        return part
    key = type_key(key_of(part), described)
    if isinstance(part, Leaf):
        return Leaf(
            key, text=part.text, number=part.number, type_=described, is_coarse=part.is_coarse
        )
    return Leaf(key, type_=described)


def _add(opened: _Open, key: Key, part: Part) -> None:
    if opened.branch.form is Form.OBJECT:
        opened.branch.members[str(key)] = part
    else:
        opened.branch.items.append(part)


def read_value(value: JsonValue, rules: FieldRules, types: Mapping[str, Any] | None = None) -> Part:
    """Return the parts of a value, with its recorded types; of a large one what `read_coarse` does.

    Raises:
        TypeError: when the value is none that JSON has.

    """
    fine = _read_fine(value, rules, types)
    return read_coarse(value) if fine is None else fine


def read_pair(
    base: JsonValue,
    head: JsonValue,
    rules: FieldRules,
    base_types: Mapping[str, Any] | None = None,
    head_types: Mapping[str, Any] | None = None,
) -> tuple[Part, Part]:
    """Return the parts of two values, in one way for both: where one is large both are coarse.

    Raises:
        TypeError: when a value is none that JSON has.

    """
    one = _read_fine(base, rules, base_types)
    other = None if one is None else _read_fine(head, rules, head_types)
    if one is None or other is None:
        return read_coarse_pair(base, head)
    return one, other


def _read_fine(value: JsonValue, rules: FieldRules, types: Mapping[str, Any] | None) -> Part | None:
    """Return the parts of a value, None of a large one."""
    if has_more_fields(value, MAX_FIELDS):
        return None
    try:
        return Reader(rules).read(value, make_guide(value, rules, types))
    except _TooLargeError:  # what its texts hold as JSON counts, too
        return None


def has_more_fields(value: JsonValue, limit: int) -> bool:
    """Tell whether a value has more than `limit` scalars, objects and lists."""
    waiting: list[Any] = [value]
    fields = 1
    while waiting:
        each = waiting.pop()
        if type(each) is dict:
            each = each.values()
        elif type(each) is not list:
            continue
        fields += len(each)
        if fields > limit:
            return True
        waiting += [item for item in each if type(item) is list or type(item) is dict]
    return False


def read_coarse(value: JsonValue, levels: int = _MAX_COARSE_LEVELS) -> Part:
    """Return the parts of a large value: no rule applies, and small parts are not looked into."""
    if not isinstance(value, dict | list) or not levels:
        return _read_whole(value)
    if isinstance(value, dict):
        branch = Branch(Form.OBJECT)
        branch.members = {name: _read_below(item, levels) for name, item in value.items()}
    else:
        branch = Branch(Form.LIST)
        branch.items = [_read_below(item, levels) for item in value]
    return _finish_coarse(branch)


def read_coarse_pair(
    base: JsonValue, head: JsonValue, levels: int = _MAX_COARSE_LEVELS
) -> tuple[Part, Part]:
    """Return the parts of two large values; what is equal to the letter is one leaf of both."""
    if is_verbatim(base, head):
        same = Leaf("=", is_coarse=True)
        return same, same
    if levels and isinstance(base, dict) and isinstance(head, dict):
        one, other = Branch(Form.OBJECT), Branch(Form.OBJECT)
        for name in [each for each in base if each in head]:
            parts = read_coarse_pair(base[name], head[name], levels - 1)
            one.members[name], other.members[name] = parts
        for branch, value in ((one, base), (other, head)):
            rest = {n: _read_below(value[n], levels) for n in value if n not in branch.members}
            branch.members.update(rest)
        return _finish_coarse(one), _finish_coarse(other)
    if levels and isinstance(base, list) and isinstance(head, list):
        return _read_coarse_lists(base, head, levels)
    return _read_below(base, levels + 1), _read_below(head, levels + 1)


def _read_coarse_lists(base: list[Any], head: list[Any], levels: int) -> tuple[Part, Part]:
    shorter = min(len(base), len(head))
    start = 0
    while start < shorter and is_verbatim(base[start], head[start]):
        start += 1
    end = 0
    while end < shorter - start and is_verbatim(base[-1 - end], head[-1 - end]):
        end += 1
    first = [Leaf(f"={at}", is_coarse=True) for at in range(start)]
    last = [Leaf(f"=-{at}", is_coarse=True) for at in range(end)]
    one, other = Branch(Form.LIST), Branch(Form.LIST)
    for branch, value in ((one, base), (other, head)):
        middle = [_read_below(item, levels) for item in value[start : len(value) - end]]
        branch.items = [*first, *middle, *last]
    return _finish_coarse(one), _finish_coarse(other)


def _read_below(value: JsonValue, levels: int) -> Part:
    if has_more_fields(value, MAX_FIELDS):
        return read_coarse(value, levels - 1)
    return _read_whole(value)


def _read_whole(value: JsonValue) -> Leaf:
    return Leaf(digest_text("C", write_plain(value)), is_coarse=True)


def _finish_coarse(branch: Branch) -> Branch:
    if branch.form is Form.OBJECT:
        keys = list_member_keys(branch)
        branch.weight += sum(map(weight_of, branch.members.values()))
    else:
        keys = [key_of(item) for item in branch.items]
        branch.weight += sum(map(weight_of, branch.items))
    branch.key = f"C{digest_parts(branch.form, keys)}"
    return branch
