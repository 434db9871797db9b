"""Rules: what masks find and what they do not, paths, tolerances, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from agenttrace.diff.fields import (
    BUILTIN_MASKS,
    FieldRules,
    Mask,
    Unordered,
    compare_values,
    hash_value,
    list_changes,
    normalise_value,
)
from agenttrace.errors import ConfigurationError


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("a 3f2b8c1e-9d4a-4e6f-8a7b-1c2d3e4f5a6b.", "a <uuid>."),
        ("at 2026-11-26T13:53:56Z", "at <time>"),
        ("at 2026-11-26 13:53:56.123456+01:00!", "at <time>!"),
        ("call_9kXq2LmN4pQr", "<call>"),
        ("toolu_01A09q90qw90lq917835lq9", "<call>"),
        ("chatcmpl-9nKLmDPqrs", "<completion>"),
        ("msg_013Zva2CMHLNnXjNJJKqJ2EF", "<completion>"),
        ("req_011CSHoEeqs5C35K2UUqR7Fy", "<request>"),
        ("sha 9f86d081884c7d659a2feaa0c55ad015", "sha <hex>"),
        ("/tmp/agent-x1/out.txt", "<tmp>/out.txt"),
        ("/private/var/folders/ab/c_d/T/run.1", "<tmp>"),
        ("C:\\Users\\me\\AppData\\Local\\Temp\\run1", "<tmp>"),
    ],
)
def test_what_the_builtin_masks_find(text: str, masked: str) -> None:
    """Ids, times and temporary paths, which no two runs share, read as placeholders."""
    assert normalise_value(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "call_center_report",
        "call_back",
        "call_1",
        "req_body",
        "run_tests",
        "2026-11-26",
        "12:30",
        "1234567890123456",
        "cafe",
        "/etc/tmpfiles",
        "message-passing",
        "a-b-c-d-e",
    ],
)
def test_what_the_builtin_masks_leave(text: str) -> None:
    """Names, dates, short and decimal numbers are content."""
    assert normalise_value(text) == text


def test_names_of_members_are_masked_too() -> None:
    """Results by the id of their call are compared; what differs is told by the name in head."""
    base, head = {"call_9kXq2LmN4pQr": 1}, {"call_Zz8yYx7wWv6u": 1}
    assert compare_values(base, head).is_empty
    assert hash_value(base) == hash_value(head)
    (change,) = list_changes(compare_values(base, {"call_Zz8yYx7wWv6u": 2}))
    assert (change.base, change.head, change.path) == (1, 2, "call_Zz8yYx7wWv6u")
    two = {"call_9kXq2LmN4pQr": 1, "call_Zz8yYx7wWv6u": 2}
    assert normalise_value(two) == two  # two names that read alike keep apart


def test_own_masks_stand_beside_the_builtin_ones() -> None:
    """A mask is a pattern and a name; without the built-in ones nothing else is masked."""
    rules = FieldRules(masks=(*BUILTIN_MASKS, Mask("order", r"ORD-\d+")))
    assert normalise_value("ORD-17 at 2026-11-26T13:53:56Z", rules) == "<order> at <time>"
    own = FieldRules(masks=(Mask("order", r"ORD-\d+"),))
    assert normalise_value("ORD-17 at 2026-11-26T13:53:56Z", own) == (
        "<order> at 2026-11-26T13:53:56Z"
    )


VALUE = {
    "id": 1,
    "at": 2,
    "list": [{"id": 3, "n": 4, "kind": "x"}, {"id": 5, "n": 6, "kind": "y"}],
    "call": {"function": {"arguments": '{"id": 7, "n": 8}'}},
}


@pytest.mark.parametrize(
    ("path", "left"),
    [
        ("$.id", {"at", "list", "call"}),
        ("$['id','at']", {"list", "call"}),
        ("$.list[*].id", {"id", "at", "list", "call"}),
        ("$.*", set()),
    ],
)
def test_ignored_members_are_gone(path: str, left: set[str]) -> None:
    """A JSONPath takes out what it matches."""
    assert set(normalise_value(VALUE, FieldRules(ignore=(path,)))) == left


def test_paths_reach_everywhere() -> None:
    """Descendants, positions, slices, filters, and what texts hold as JSON."""
    found = normalise_value(VALUE, FieldRules(ignore=("$..id", "$.at")))
    assert found == {
        "list": [{"n": 4, "kind": "x"}, {"n": 6, "kind": "y"}],
        "call": {"function": {"arguments": {"$json": {"n": 8}}}},
    }
    rules = FieldRules(ignore=("$.list[?@.kind == 'x'].n", "$.list[-1]", "$.call", "$..id"))
    assert normalise_value(VALUE, rules) == {"at": 2, "list": [{"kind": "x"}]}
    assert normalise_value([1, 2, 3, 4], FieldRules(ignore=("$[1:3]",))) == [1, 4]
    assert normalise_value("all of it", FieldRules(ignore=("$",))) == {"$ignored": True}


def test_a_rule_that_finds_nothing_does_nothing() -> None:
    """Scalars have no members; an unordered rule about an object is about nothing."""
    rules = FieldRules(ignore=("$.a", "$..b", "$[0]"), unordered=(Unordered("$"),))
    for value in (None, 1, "text", '{"a": 1', {"c": 1}):
        assert normalise_value(value, rules) == value


@pytest.mark.parametrize(
    ("base", "head", "rules", "is_equal"),
    [
        (0.1 + 0.2, 0.3, {}, False),
        (0.1 + 0.2, 0.3, {"numeric_rel": 1e-9}, True),
        (1000, 1001, {"numeric_rel": 1e-3}, True),
        (1000, 1002, {"numeric_rel": 1e-3}, False),
        (0, 1e-12, {"numeric_rel": 0.5}, False),
        (0, 1e-12, {"numeric_abs": 1e-9}, True),
        (-0.4, 0.5, {"numeric_abs": 1}, True),
        (float("nan"), 1.0, {"numeric_abs": 1e9}, False),
        (float("inf"), 1.0, {"numeric_abs": 1e9}, False),
        (float("inf"), float("-inf"), {"numeric_rel": 1}, False),
        (10**400, 10**400 + 1, {"numeric_rel": 1e-3}, False),
        (True, 1, {"numeric_abs": 5}, False),
        (0.1 + 0.2, 0.3, {"float_digits": 12}, True),
        (0.1 + 0.2, 0.3, {"float_digits": 17}, False),
        (10**15, 10**15 + 1, {"float_digits": 12}, False),
        (float("nan"), float("inf"), {"float_digits": 12}, False),
    ],
)
def test_numbers_within_the_tolerance_are_equal(
    base: Any, head: Any, rules: dict[str, Any], is_equal: bool
) -> None:
    """The greater room of the two counts; booleans and what has no end are no such numbers."""
    for one, other in ((base, head), (head, base), ([base], [head]), ({"a": base}, {"a": head})):
        assert compare_values(one, other, FieldRules(**rules)).is_empty == is_equal


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"ignore": ("messages",)}, "no JSONPath"),
        ({"ignore": ("$.a[",)}, "expected one such as"),
        ({"ignore": ("$.a | $.b",)}, "no JSONPath"),
        ({"ignore": ("$[?@..id]",)}, "before the filter"),
        ({"ignore": ("$[?$.a == 1]",)}, "before the filter"),
        ({"ignore": ("$..a..b..c",)}, "at most 2"),
        ({"ignore": ("$" + ".a" * 2000,)}, "at most 2000 characters"),
        ({"ignore": ("$[?" + "(" * 900 + "@.a" + ")" * 900 + "]",)}, "no JSONPath"),
        ({"unordered": (Unordered("tags"),)}, "no JSONPath"),
        ({"masks": (Mask("x", "("),)}, "mask x.*no regular expression"),
        ({"masks": (Mask("x", "a*"),)}, "empty text"),
        ({"numeric_abs": -1.0}, "from 0 on"),
        ({"numeric_rel": float("nan")}, "from 0 on"),
        ({"float_digits": 0}, "1 to 17"),
        ({"parse_json_strings": True}, "'arguments', 'all' or 'none'"),
    ],
)
def test_rules_that_cannot_be_meant_are_refused(rules: dict[str, Any], message: str) -> None:
    """What is wrong, and what to write instead."""
    with pytest.raises(ConfigurationError, match=message):
        FieldRules(**rules)


def test_a_placeholder_is_taken_to_the_letter() -> None:
    """The name of a mask is no pattern of a replacement."""
    rules = FieldRules(masks=(Mask(r"\1\g<0>", "a"),))
    assert normalise_value("banana", rules) == r"b<\1\g<0>>n<\1\g<0>>n<\1\g<0>>"
