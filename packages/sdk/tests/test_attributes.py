"""Flat values and names: whatever is given, the wire format takes what comes out."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agenttrace.attributes import clean_attributes, clean_name, clean_tags, flatten

if TYPE_CHECKING:
    from .conftest import Recording


@pytest.mark.parametrize(
    ("value", "flat"),
    [
        ("x", "x"),
        (1, 1),
        (2.5, 2.5),
        (True, True),
        (None, None),
        ([1, "a", None], [1, "a", None]),
        ((1, 2), [1, 2]),
        ([[1], {"a": 2}], ["[1]", '{"a":2}']),
        ({"a": 1}, '{"a":1}'),
        (2**70, str(2**70)),
        (math.nan, '{"$float":"NaN"}'),
        (b"a", '{"$bytes":"YQ=="}'),
        ("a\x00b", "a\ufffdb"),
        ("\ud800", "?"),
        ("x" * 70_000, "x" * 65_536),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_values_become_flat(value: Any, flat: Any) -> None:
    """Scalars and lists of them as they are, anything else as JSON text."""
    assert flatten(value) == flat


@pytest.mark.parametrize(
    ("name", "clean"),
    [("x", "x"), ("", "unnamed"), (5, "unnamed"), ("n" * 600, "n" * 512), ("a\x00", "a\ufffd")],
    ids=lambda value: repr(value)[:20],
)
def test_names_are_1_to_512_characters(name: object, clean: str) -> None:
    """A name that the server would refuse would lose its span."""
    assert clean_name(name) == clean


def test_tags_are_unique_and_bounded() -> None:
    """In their order, each once, at most 64; one text is one tag."""
    assert clean_tags(["b", "a", "b", "", 3]) == ["b", "a"]  # type: ignore[list-item]  # the point
    assert clean_tags("one") == ["one"]
    assert len(clean_tags(str(n) for n in range(100))) == 64
    assert clean_tags(["t" * 300]) == ["t" * 256]


def test_attributes_are_bounded(recording: Recording) -> None:
    """A loop that sets a new key each time cannot fill the memory."""
    assert len(clean_attributes({str(n): n for n in range(2_000)})) == 1024
    with recording.tracer.run("agent") as run, recording.tracer.span("s") as span:
        for number in range(2_000):
            span.set_attribute(f"k{number}", number)
            run.set_attribute(f"k{number}", number)
        span.set_attribute("k0", "changed")
    assert len(recording.span("s")["attributes"]) == 1020  # and room for the recorder's own
    assert recording.span("s")["attributes"]["k0"] == "changed"
    assert len(recording.runs()[0]["attributes"]) == 1024


@given(st.text())
def test_any_text_becomes_a_name_that_utf_8_holds(text: str) -> None:
    """Lone surrogates and U+0000 are replaced."""
    name = clean_name(text)
    assert 1 <= len(name.encode().decode()) <= 512
    assert "\x00" not in name
