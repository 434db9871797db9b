"""Rules as a file has them, and values as they are compared by them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agenttrace.diff import DEFAULT, Mask, Rules, RulesError, Unordered, read_rules
from agenttrace.diff.normalise import Normaliser


def test_a_whole_document_is_read() -> None:
    """Every rule that there is."""
    document = {
        "ignore": ["$.input.date", "$..id", "$['error'].note", "$.*.at"],
        "mask": ["v[0-9]+", {"name": "city", "pattern": "Rome|Oslo"}],
        "builtin_masks": False,
        "numeric": {"abs": 0.5, "rel": 0.01},
        "unordered": ["$.output.tags", {"path": "$.output.hits", "key": "id"}],
        "parse_json_strings": "all",
    }
    assert read_rules(document) == Rules(
        ignore=("$.input.date", "$..id", "$['error'].note", "$.*.at"),
        masks=(Mask("mask1", "v[0-9]+"), Mask("city", "Rome|Oslo")),
        builtin_masks=False,
        numeric_abs=0.5,
        numeric_rel=0.01,
        unordered=(Unordered("$.output.tags"), Unordered("$.output.hits", "id")),
        parse_json_strings="all",
    )
    assert read_rules(None) == read_rules({}) == DEFAULT


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ([], "rules are a mapping, not list"),
        (
            {"ignore": ["$.inputs.date"]},
            r"ignore: '\$.inputs.date' is nowhere: \$ has input, output",
        ),
        ({"unordered": ["$['city']"]}, r"unordered: .* is nowhere: .*; \$..city is at any depth"),
        ({"ignored": []}, "unknown rule 'ignored'; there are: builtin_masks, ignore, mask"),
        ({"ignore": ["input"]}, "ignore: 'input' is no JSONPath; expected one such as"),
        ({"ignore": ["$["]}, r"ignore: '\$\[' is no JSONPath"),
        ({"ignore": 3}, "ignore is 3; expected a list"),
        ({"mask": ["("]}, r"mask 1: '\(' is no regular expression"),
        ({"mask": ["x*"]}, r"mask 1: 'x\*' matches nothing at all"),
        ({"mask": [{"name": "x"}]}, "mask 1 is .* expected pattern"),
        ({"numeric": {"abs": -1}}, "numeric.abs is -1; expected a number from 0 on"),
        ({"numeric": {"abs": float("nan")}}, "numeric.abs is nan"),
        ({"numeric": 1}, "numeric is 1; expected abs, rel or both"),
        ({"parse_json_strings": "some"}, "parse_json_strings is 'some'"),
        ({"builtin_masks": "no"}, "builtin_masks is 'no'; expected true or false"),
        ({"unordered": [{"key": "id"}]}, "unordered: None is no JSONPath"),
    ],
)
def test_what_is_no_rule_is_refused(document: Any, message: str) -> None:
    """With the rule and what it should be."""
    with pytest.raises(RulesError, match=message):
        read_rules(document)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("run 0193a5f0-c0de-7000-8000-000000000001.", "run <uuid>."),
        ("at 2026-01-31T12:00:00.123Z or 2026-01-31 12:00", "at <time> or <time>"),
        ("call_k2Jh81LmNq and chatcmpl-A1b2C3d4E5", "<id> and <id>"),
        ("req_011CSHoEeqs5C35K2UUqR7Fy", "<id>"),
        ("sha 4d6f1c0a9be27d33", "sha <hex>"),
        ("see /tmp/tmpab12_x/out.txt", "see <tmp>/out.txt"),
        ("call_function, request, message_text", "call_function, request, message_text"),
        ("1234567890123456", "1234567890123456"),
        ("version 3.14 of 2026", "version 3.14 of 2026"),
    ],
)
def test_noise_is_masked(text: str, masked: str) -> None:
    """Ids, times and temporary paths, and no word that merely looks a little like one."""
    assert Normaliser().mask_text(text) == masked


@pytest.mark.parametrize(
    ("base", "head", "is_equal"),
    [
        ("1", "1.0", True),
        ("1", "true", False),
        ("0.30000000000000004", "0.3", True),
        ("-0.0", "0", True),
        ('{"a":1,"b":2}', '{"b":2, "a":1}', True),
        ("null", "{}", False),
        ('{"a":null}', "{}", False),
        ('"\\u00e9"', '"é"', True),
        ("[1,2]", "[2,1]", False),
        ("12345678901234567890", "12345678901234567891", False),
        ('{"arguments":"{\\"a\\": 1}"}', '{"arguments":"{\\"a\\":1}"}', True),
        ('{"text":"{\\"a\\": 1}"}', '{"text":"{\\"a\\":1}"}', False),
        ("1e999", "1e999", True),
        ("NaN", "NaN", True),
    ],
)
def test_values_are_equal_by_what_they_mean(base: str, head: str, is_equal: bool) -> None:
    """Not by how their JSON is written."""
    normaliser = Normaliser()
    sides = [normaliser.write("output", text) for text in (base, head)]
    assert (sides[0] == sides[1]) == is_equal


def test_the_quick_way_and_the_long_way_agree() -> None:
    """A value without noise is written by C alone: as it would be part by part."""
    value = {"b": [1.5, 2.0, None, True], "a": {"text": "plain", "n": -0.0}}
    text = json.dumps(value)
    long_way = Normaliser(Rules(ignore=("$.output.nothing",)))
    assert Normaliser().write("output", text) == long_way.write("output", text)


def test_a_place_is_taken_out_once() -> None:
    """Also when a path comes to it twice: what stands behind it stays."""
    rules = Rules(ignore=("$.input[0,0]", "$.input..*..gone"))
    assert Normaliser(rules).write("input", '[1,2,{"a":{"b":{"gone":3}}}]') == '[2,{"a":{"b":{}}}]'
