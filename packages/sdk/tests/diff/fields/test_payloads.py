"""Payloads as they were recorded: typed ones, cut ones, and such as no parser reads."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from recordings import load, make_payload, make_run, make_span

from agenttrace.diff.fields import FieldRules, compare_payloads, hash_payload, list_changes
from agenttrace.encoding.freeze import freeze
from agenttrace.encoding.payload import encode
from agenttrace.trace.records import RecordedPayload


def read(payload: dict[str, Any]) -> RecordedPayload:
    """Return a payload of the wire as a reader of recordings has it."""
    run = load([make_run(), make_span(1, input=payload)])
    found = run.spans[0].input
    assert found is not None
    return found


def record(value: Any, max_bytes: int = 100_000) -> RecordedPayload:
    """Return the payload of a value, by the recorder's own encoding."""
    encoded = encode(freeze(value), max_bytes=max_bytes)
    payload = make_payload(json.loads(encoded.text)) | {"fidelity": encoded.fidelity}
    if encoded.types:
        payload |= {"codec": "typed", "types": json.loads(encoded.types)}
    if encoded.whole is not None:
        payload |= {"bytes": encoded.whole.json_bytes, "sha256": encoded.whole.json_sha256}
    return read(payload)


def show(base: RecordedPayload, head: RecordedPayload) -> list[tuple[Any, ...]]:
    changes = list_changes(compare_payloads(base, head).values)
    return [(each.path, each.kind.value, each.base, each.head) for each in changes]


@pytest.mark.parametrize(
    ("base", "head", "changes"),
    [
        ({"a": (1, 2)}, {"a": (1, 2)}, []),
        ({"a": (1, 2)}, {"a": [1, 2]}, [("a", "retyped", "tuple", None)]),
        ({"a": (1, 2)}, {"a": (1, 3)}, [("a[1]", "changed", 2, 3)]),
        ({"n": Decimal("1.0")}, {"n": "1.0"}, [("n", "retyped", "decimal", None)]),
        (b"ab", b"ac", [('["$bytes"]', "changed", "YWI=", "YWM=")]),
    ],
)
def test_typed_values_are_compared_as_they_are_shown(
    base: Any, head: Any, changes: list[Any]
) -> None:
    """Content by content; a type that JSON cannot say counts beside it."""
    one, other = record(base), record(head)
    assert show(one, other) == changes
    assert (hash_payload(one) == hash_payload(other)) == (not changes)
    assert compare_payloads(one, other).is_empty == (not changes)


def test_what_differs_beyond_a_cut_is_known_by_its_digest() -> None:
    """Two long values with one beginning: what was kept is equal, and the whole is not."""
    one, other = record("x" * 5_000 + "a", 1_000), record("x" * 5_000 + "b", 1_000)
    delta = compare_payloads(one, other)
    assert delta.values.is_empty
    assert delta.differs_unseen
    assert not delta.is_empty
    assert (delta.base_is_partial, delta.head_is_partial) == (True, True)
    assert hash_payload(one) != hash_payload(other)
    again = compare_payloads(one, record("x" * 5_000 + "a", 1_000))
    assert again.is_empty
    assert hash_payload(one) == hash_payload(record("x" * 5_000 + "a", 1_000))


def test_a_payload_that_is_nested_beyond_the_parser_is_compared_as_text() -> None:
    """Hostile nesting ends in an answer, not in a RecursionError."""
    texts = ["[" * 100_000 + inner + "]" * 100_000 for inner in ("1", "2")]
    one, other = (_make_raw(text) for text in texts)
    delta = compare_payloads(one, other)
    assert [change.kind.value for change in list_changes(delta.values)] == ["changed"]
    assert hash_payload(one) != hash_payload(other)


def test_a_payload_that_one_side_lacks_needs_a_name() -> None:
    """With a name it is added or removed at that place, and rules find it there."""
    delta = compare_payloads(None, record({"a": (1,)}), name="output")
    (change,) = list_changes(delta.values)
    assert (change.path, change.kind.value, change.head) == ("output", "added", {"a": [1]})
    rules = FieldRules(ignore=("$.output.a",))
    one, other = record({"a": (1,)}), record({"a": [2]})
    assert compare_payloads(one, other, rules, name="output").is_empty
    assert not compare_payloads(one, other, rules).is_empty
    with pytest.raises(TypeError, match="give a name"):
        compare_payloads(None, other)


def _make_raw(text: str) -> RecordedPayload:
    payload = read(make_payload(None))
    payload.text = msgspec.Raw(text.encode())
    return payload
