"""Flat values and names: whatever is given, the wire format takes what comes out."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agenttrace.attributes import clean_attributes, clean_name, clean_tags, flatten
from agenttrace.wrappers import trace

if TYPE_CHECKING:
    from collections.abc import Iterator

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


def test_h14_attributes_are_bounded_and_the_rest_is_counted(recording: Recording) -> None:
    """A loop that sets a new key each time cannot fill the memory; the record says so."""
    assert len(clean_attributes({str(n): n for n in range(2_000)})) == 1024
    with recording.tracer.run("agent") as run, recording.tracer.span("s") as span:
        for number in range(100_000):
            span.set_attribute(f"k{number}", number)
            run.set_attribute(f"k{number}", number)
        span.set_attribute("k0", "changed")
    attributes = recording.span("s")["attributes"]
    assert len(attributes) == 1019  # and room for what else the recorder says
    assert attributes["k0"] == "changed"
    assert attributes["otel.dropped_attributes_count"] == 100_000 - 1018
    attributes = recording.runs()[0]["attributes"]
    assert len(attributes) == 1024
    assert attributes["otel.dropped_attributes_count"] == 100_000 - 1023
    assert recording.tracer.stats().errors["too_many_attributes"] == 200_000 - 1018 - 1023


def test_h14_a_run_is_opened_with_so_many_attributes_at_most(recording: Recording) -> None:
    """What it was given beyond them is counted, with what is set later."""
    with recording.tracer.run("agent", attributes={f"k{n}": n for n in range(2_000)}) as run:
        run.set_attribute("one more", 1)
    attributes = recording.runs()[0]["attributes"]
    assert len(attributes) == 1024
    assert attributes["otel.dropped_attributes_count"] == 2_000 - 1023 + 1


def test_h14_events_are_bounded_and_the_rest_is_counted(recording: Recording) -> None:
    """10,000 events of a span are 1,000, and how many there were; its stream keeps every chunk."""

    @trace(recording.tracer)
    def stream() -> Iterator[int]:
        span = recording.tracer.current_span()
        assert span is not None
        for number in range(5_000):
            span.add_event("step", number)
            span.record_exception(ValueError(number))
            yield number

    with recording.tracer.run("agent"):
        assert list(stream()) == list(range(5_000))
    names = Counter(event["name"] for event in recording.events())
    assert names == {"step": 500, "exception": 500, "chunk": 5_000}
    assert recording.span("stream")["attributes"]["otel.dropped_events_count"] == 9_000
    assert recording.tracer.stats().errors["too_many_events"] == 9_000


@given(st.text())
def test_any_text_becomes_a_name_that_utf_8_holds(text: str) -> None:
    """Lone surrogates and U+0000 are replaced."""
    name = clean_name(text)
    assert 1 <= len(name.encode().decode()) <= 512
    assert "\x00" not in name
