"""The fast reader and the judge agree on every line: on what a record is, and what it says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agenttrace.wire import validation
from agenttrace.wire.judgement import judge_line
from agenttrace.wire.models import read_raw
from agenttrace.wire.validation import WireError, parse_line

GOLDEN = Path(__file__).parents[1] / "golden"
HEX = st.sampled_from(["0" * 16, "a1" * 8, "0" * 32, "f" * 32, "0" * 64, "9c" * 32, "G" * 32, ""])
TEXT = st.sampled_from(["", "x", "é", "a\x00b", "😀", '"\\', "STARTED", "1"]) | st.sampled_from(
    [64, 65, 128, 129, 256, 257, 512, 513]
).map("n".__mul__)
NUMBER = st.sampled_from([0, 1, -1, 2**31 - 1, 2**31, 2**53, 2**63 - 1, 2**63, 2**64, 10**40])
SCALAR = st.none() | st.booleans() | NUMBER | st.floats(allow_nan=False) | TEXT | HEX
ANY = st.recursive(
    SCALAR,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=4,
)
FLAT = st.dictionaries(TEXT, SCALAR | st.lists(SCALAR, max_size=3), max_size=3)


def known(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Return objects that mostly have the right fields, at times one more or another value."""
    strays = st.fixed_dictionaries({}, optional=dict.fromkeys([*fields, "odd"], ANY))
    right = st.fixed_dictionaries({}, optional=fields)
    return right | st.builds(lambda a, b: {**a, **b}, right, strays)


PAYLOAD = known(
    value=ANY,
    codec=st.sampled_from(["json", "typed", "", "c" * 65]),
    fidelity=st.sampled_from(["exact", "opaque", "odd"]),
    types=st.dictionaries(st.sampled_from(["", "/a", "a"]), TEXT | FLAT, max_size=2),
    bytes=NUMBER,
    sha256=HEX,
) | st.builds(lambda value: {"value": value, "codec": "json", "fidelity": "exact"}, ANY)
RAISED: dict[str, st.SearchStrategy[Any]] = {
    "type": TEXT,
    "message": TEXT,
    "cause_is_context": st.booleans(),
    "context_is_cause": st.booleans(),
    "suppress_context": st.booleans(),
    "notes": st.lists(TEXT, max_size=2),
    "module": TEXT,
    "mro": st.lists(st.just("m:C"), max_size=66),
    "args": PAYLOAD,
    "attributes": PAYLOAD,
}
ERROR = known(**RAISED) | known(**RAISED, cause=known(**RAISED), context=known(**RAISED))
USAGE = known(
    prompt_tokens=NUMBER, total_tokens=NUMBER, source=st.sampled_from(["reported", "guessed"])
)
COST = known(
    usd=st.sampled_from(["0", "1.5", "999999.9", "1000000", "1000000.1", "1e3", "", "٣"]),
    source=st.sampled_from(["rates", "price_table", "odd"]),
    table=TEXT,
)
LINK = known(run_id=HEX, span_id=HEX, attributes=FLAT)
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "v": st.sampled_from([1, 1, 1, 2, 1.0, True, "1"]),
    "type": st.sampled_from(["run", "span", "event", "log"]),
    "run_id": HEX, "span_id": HEX, "parent_span_id": HEX, "replayed_from": HEX,
    "input_hash": HEX, "fn_hash": HEX, "rev": NUMBER, "seq": NUMBER, "lane": NUMBER,
    "end_seq": NUMBER, "forked_at": NUMBER, "hash_version": NUMBER, "start_ns": NUMBER,
    "end_ns": NUMBER, "duration_ns": NUMBER, "t_ns": NUMBER, "offset_ns": NUMBER,
    "name": TEXT, "model": TEXT, "replay_key": TEXT, "correlation_id": TEXT,
    "tags": st.lists(TEXT, max_size=66), "attributes": FLAT, "resource": FLAT,
    "status": st.sampled_from(["STARTED", "CANCELLED", "DONE"]),
    "span_type": st.sampled_from(["LLM_CALL", "llm"]), "effect": st.sampled_from(["none", "odd"]),
    "outcome": st.sampled_from(["ok", "odd"]), "complete": st.booleans(),
    "dropped": st.dictionaries(TEXT, NUMBER | TEXT, max_size=34) | NUMBER,
    "boundary": st.booleans(), "input": PAYLOAD, "output": PAYLOAD, "body": PAYLOAD,
    "error": ERROR, "usage": USAGE, "cost": COST, "links": st.lists(LINK, max_size=2),
}  # fmt: skip
COMMON: dict[str, Any] = {"v": 1, "run_id": "0" * 32, "name": "n"}
SOUND: list[dict[str, Any]] = [
    {**COMMON, "type": "run", "rev": 0, "status": "STARTED", "start_ns": 5},
    {**COMMON, "type": "span", "span_id": "1" * 16, "rev": 1, "status": "COMPLETED",
     "start_ns": 5, "seq": 0, "lane": 0, "effect": "none", "span_type": "LLM_CALL"},
    {**COMMON, "type": "event", "seq": 3, "t_ns": 7},
]  # fmt: skip
RECORD = st.builds(
    lambda sound, change: {**sound, **change},
    st.sampled_from(SOUND),
    st.lists(st.sampled_from(sorted(FIELDS)), max_size=3, unique=True).flatmap(
        lambda names: st.fixed_dictionaries({name: FIELDS[name] for name in names})
    ),
)


def show(line: bytes) -> Any:
    """Return what the reader makes of a line: the record's fields, or why it is none."""
    try:
        record = parse_line(line)
    except WireError as error:
        return error.code, error.message
    return _show(record)


def judge(line: bytes) -> Any:
    """Return what the judge makes of a line, in the same form."""
    try:
        shape = judge_line(line)
    except WireError as error:
        return error.code, error.message
    return shape.model_dump(mode="json", by_alias=True, exclude_none=True)


def _show(part: msgspec.Struct) -> dict[str, Any]:
    """Return a struct as the shapes' dump shows it."""
    shown: dict[str, Any] = {}
    if part.__struct_config__.tag is not None:
        shown["type"] = part.__struct_config__.tag
    for name in part.__struct_fields__:
        value = getattr(part, name)
        if isinstance(value, msgspec.Raw):
            shown[f"{name}_json"] = read_raw(value) if name != "value" else str(value, "utf-8")
        elif isinstance(value, list):
            shown[name] = [_show(v) if isinstance(v, msgspec.Struct) else v for v in value]
        else:
            shown[name] = _show(value) if isinstance(value, msgspec.Struct) else value
    shown.pop("v", None)
    if type(part).__name__ == "ValidError":
        shown["cause_is_context"] = bool(shown["cause_is_context"])
        shown["notes"] = shown["notes"] or []
    return {name: value for name, value in shown.items() if value is not None}


@settings(max_examples=500, deadline=None)
@given(RECORD, st.sampled_from([(",", ":"), (", ", ": ")]), st.booleans())
def test_reader_and_judge_agree(
    record: dict[str, Any], separators: tuple[str, str], is_ascii: bool
) -> None:
    """The same records, field by field; the same refusals, word by word."""
    line = json.dumps(record, separators=separators, ensure_ascii=is_ascii).encode()
    assert show(line) == judge(line)


@settings(max_examples=200, deadline=None)
@given(RECORD, st.data())
def test_they_agree_on_damaged_lines(record: dict[str, Any], data: st.DataObject) -> None:
    """Bytes taken out, doubled or put in: the damage of real life."""
    line = json.dumps(record, separators=(",", ":")).encode()
    start = data.draw(st.integers(0, len(line)))
    end = data.draw(st.integers(start, min(len(line), start + 40)))
    piece = data.draw(
        st.sampled_from([b"", line[start:end] * 2, b"1e999", b"null", b'"\\ud800"', b"\xff", b"{"])
    )
    damaged = line[:start] + piece + line[end:]
    assert show(damaged) == judge(damaged)


@pytest.mark.parametrize("record", SOUND, ids=["run", "span", "event"])
@pytest.mark.parametrize("text", ["null", "1e999", "[]", "{}", '{"odd": 1e999}', "-0", '"\\u0061"'])
def test_they_agree_on_odd_values_of_every_field(record: dict[str, Any], text: str) -> None:
    """Null is absent, what is unknown is ignored, in both."""
    for field in FIELDS:
        rest = {name: value for name, value in record.items() if name != field}
        line = json.dumps(rest)[:-1].encode() + f', "{field}": {text}}}'.encode()
        assert show(line) == judge(line)


def test_what_the_sdk_writes_is_read_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the judge nor the search for equal names is needed for a recorder's own lines."""

    def fail(line: bytes) -> None:
        assert b'"v"' not in line  # of the attributes alone it may have to be sure

    monkeypatch.setattr(validation, "judge_line", fail)
    monkeypatch.setattr(validation, "find_duplicate", fail)
    lines = [line for path in GOLDEN.glob("*.ndjson") for line in path.read_bytes().splitlines()]
    assert len(lines) > 20
    for line in lines:
        parse_line(line)
