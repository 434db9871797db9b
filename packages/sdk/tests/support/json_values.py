"""Values as JSON holds them, for laws: the awkward ones too, and pairs that share a lot."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.integers(),
    st.sampled_from([10**400, -(10**400), 2**53, 2**53 + 1, 10**1000]),
    st.floats(),
    st.sampled_from([0.0, -0.0, 1.0, 0.1 + 0.2, 0.3, 1e16, float("nan"), float("inf")]),
    st.text("ab\u00e4\U0001f600", max_size=5),
    st.sampled_from(["", "\ud800", "a\ud800b", "\x00", "call_Abcdefg1", "call_Xyzxyzx2", "x" * 90]),
    st.sampled_from(["one two three\nfour five", "one two 3\nfour five", "word " * 30]),
)
NAMES = st.sampled_from(
    [
        "a",
        "b",
        "c",
        "id",
        "role",
        "content",
        "arguments",
        "",
        "\ud800",
        "~/",
        "call_A1b2c3d4",
        "call_Z9y8x7w6",
    ]
)


def extend(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    objects = st.dictionaries(NAMES, values, max_size=4)
    return st.one_of(
        st.lists(values, max_size=5),
        objects,
        objects.map(json.dumps),
        objects.map(lambda value: {"arguments": json.dumps(value)}),
        st.lists(
            st.fixed_dictionaries(
                {"role": st.sampled_from(["user", "assistant"]), "content": values}
            ),
            max_size=4,
        ),
    )


VALUES = st.recursive(SCALARS, extend, max_leaves=15)


def edit_value(draw: st.DrawFn, value: Any) -> Any:
    """Return the value with some of its parts drawn anew, so that pairs have much in common."""
    kind = draw(st.integers(0, 9))
    if kind == 0:
        return draw(VALUES)
    if isinstance(value, list):
        return _edit_list(draw, value, kind)
    if isinstance(value, dict):
        return _edit_object(draw, value, kind)
    if kind == 1 and isinstance(value, int) and abs(value) < 2**53:
        return float(value)
    return value


def _edit_list(draw: st.DrawFn, value: list[Any], kind: int) -> list[Any]:
    items = [edit_value(draw, item) if draw(st.integers(0, 3)) == 0 else item for item in value]
    if items and kind in {1, 2}:
        del items[draw(st.integers(0, len(items) - 1))]
    if kind in {3, 4}:
        items.insert(draw(st.integers(0, len(items))), draw(VALUES))
    if items and kind == 5:
        items.append(items.pop(0))
    if items and kind == 6:
        items.append(items[0])
    return items


def _edit_object(draw: st.DrawFn, value: dict[str, Any], kind: int) -> dict[str, Any]:
    names = list(value) if kind != 5 else list(reversed(value))
    made = {
        name: edit_value(draw, value[name]) if draw(st.integers(0, 2)) == 0 else value[name]
        for name in names
    }
    if made and kind == 6:
        made.pop(draw(st.sampled_from(sorted(made))))
    if kind == 7:
        made[draw(NAMES)] = draw(VALUES)
    return made


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Any, Any]:
    """Two values, the second mostly an edited first."""
    base = draw(VALUES)
    return base, edit_value(draw, base)


def write(value: Any) -> str:
    """Return the value to the letter: order of names, kinds of numbers, -0 and NaN."""
    return repr(value)
