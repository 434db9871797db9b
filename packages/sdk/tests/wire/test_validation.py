"""Validation at the boundary: what is a record, what is not, and why not."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agenttrace import Tracer
from agenttrace.plugins import encode_records
from agenttrace.settings import Settings
from agenttrace.testing import MemoryExporter, collect
from agenttrace.wire import rank_snapshot
from agenttrace.wire.models import ValidError, ValidEvent, ValidRun, ValidSpan
from agenttrace.wire.validation import MAX_LINE_BYTES, WireError, parse_line

RUN: dict[str, Any] = {
    "v": 1,
    "type": "run",
    "run_id": "0" * 31 + "1",
    "rev": 0,
    "name": "agent",
    "status": "STARTED",
    "start_ns": 5,
}
SPAN: dict[str, Any] = {
    **RUN,
    "type": "span",
    "span_id": "0" * 15 + "1",
    "span_type": "TOOL_CALL",
    "seq": 0,
    "lane": 0,
    "effect": "read",
}
EVENT: dict[str, Any] = {
    "v": 1,
    "type": "event",
    "run_id": "0" * 31 + "1",
    "seq": 3,
    "t_ns": 7,
    "name": "chunk",
}


def dump(record: dict[str, Any]) -> bytes:
    """Return a record as a line."""
    return json.dumps(record).encode()


def put(field: str, text: str) -> bytes:
    """Return a span's line that has this JSON text as the value of a field."""
    rest = {name: value for name, value in SPAN.items() if name != field}
    return dump(rest)[:-1] + f', "{field}": {text}}}'.encode()


def refuse(line: bytes) -> tuple[str, str]:
    """Return the code and message of a line that is refused."""
    with pytest.raises(WireError) as caught:
        parse_line(line)
    assert str(caught.value) == caught.value.message
    return caught.value.code, caught.value.message


def judge(line: bytes) -> tuple[str, str] | None:
    """Return the code and message of a line that is refused, None for a record."""
    try:
        parse_line(line)
    except WireError as error:
        return error.code, error.message
    return None


def test_the_least_records_are_taken() -> None:
    """Required fields alone; the rest is unknown."""
    assert parse_line(dump(RUN)) == ValidRun(
        v=1,
        run_id=RUN["run_id"],
        rev=0,
        name="agent",
        status="STARTED",
        start_ns=5,
    )
    span = parse_line(dump(SPAN))
    assert isinstance(span, ValidSpan)
    assert (span.seq, span.effect, span.input, span.end_ns) == (0, "read", None, None)
    event = parse_line(dump(EVENT))
    assert isinstance(event, ValidEvent)
    assert (event.seq, event.span_id, event.body) == (3, None, None)


def test_a_whole_span_is_taken() -> None:
    """Every field, the flat objects and payloads as text."""
    line = dump(
        {
            **SPAN,
            "status": "ERROR",
            "rev": 1,
            "parent_span_id": "0" * 15 + "2",
            "end_ns": 9,
            "duration_ns": 4,
            "end_seq": 8,
            "outcome": "error",
            "output": {"value": None, "codec": "json", "fidelity": "exact"},
            "error": {"type": "a.B", "message": "", "cause": {"type": "c", "message": "d"}},
            "model": "m",
            "usage": {"prompt_tokens": 3, "source": "reported"},
            "cost": {"usd": "0.10", "source": "rates"},
            "attributes": {"a": [1, None, "x"], "b": 2.5},
            "replay_key": "k",
            "input_hash": "0" * 64,
            "hash_version": 1,
            "fn_hash": "f" * 64,
            "of_a_later_version": {"any": ["thing"]},
        }
    )
    span = parse_line(line)
    assert isinstance(span, ValidSpan)
    assert span.output is not None
    assert (span.output.value_json, span.output.types_json) == ("null", None)
    assert span.error == ValidError(type="a.B", message="", cause=ValidError(type="c", message="d"))
    assert span.usage is not None
    assert (span.usage.prompt_tokens, span.usage.completion_tokens) == (3, None)
    assert span.cost is not None
    assert Decimal(span.cost.usd) == Decimal("0.1")
    assert span.attributes_json == '{"a": [1, null, "x"], "b": 2.5}'


@pytest.mark.parametrize(
    "text",
    ["1e2", "123456789012345678901234567890", "-0.0", '"\\u00e9"', "[ 1 , 2 ]", '{"b":1,"a":1}'],
)
def test_payloads_keep_their_text(text: str) -> None:
    """Byte for byte: a parser would round, reorder and reformat."""
    span = parse_line(put("input", f'{{"value": {text}, "codec": "c", "fidelity": "exact"}}'))
    assert isinstance(span, ValidSpan)
    assert span.input is not None
    assert span.input.value_json == text


@pytest.mark.parametrize(
    ("line", "code", "message"),
    [
        (b"", "invalid_json", "the line is not valid JSON: it ends too early"),
        (b"{", "invalid_json", "the line is not valid JSON: it ends too early"),
        (b"foo", "invalid_json", "the line is not valid JSON at byte 1: expected ident"),
        (
            b'{"v":1,\n"a":\xc3\xa9}',
            "invalid_json",
            "the line is not valid JSON at byte 12: expected value",
        ),
        (
            b'{"v":1,"a":"\\ud800"}',
            "invalid_json",
            "the line is not valid JSON at byte 18: unexpected end of hex escape",
        ),
        (b'{"v":1e999}', "invalid_field", "v has a number that is out of range"),
        (b"[]", "invalid_json", "the line must be a JSON object"),
        (b"null", "invalid_json", "the line must be a JSON object"),
        (b"5", "invalid_json", "the line must be a JSON object"),
        (b'{"v":1}x', "invalid_json", "the line is not valid JSON at byte 7: trailing characters"),
        (b"\xef\xbb\xbf{}", "invalid_json", "the line is not valid JSON at byte 0: expected value"),
        (b'{"v":1,"a":"\xff"}', "invalid_utf8", "the line is not UTF-8 at byte 12"),
        (b"{}", "unknown_version", "v must be 1"),
        (b'{"v":2,"type":"run"}', "unknown_version", "v must be 1"),
        (b'{"v":true,"type":"run"}', "unknown_version", "v must be 1"),
        (b'{"v":"1","type":"run"}', "unknown_version", "v must be 1"),
        (b'{"v":1}', "unknown_type", "type must be 'run', 'span' or 'event'"),
        (b'{"v":1,"type":["run"]}', "unknown_type", "type must be 'run', 'span' or 'event'"),
        (b'{"v":1,"type":"log"}', "unknown_type", "type must be 'run', 'span' or 'event'"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_what_is_no_record_is_refused_with_its_reason(line: bytes, code: str, message: str) -> None:
    """A code for programs, a message for people."""
    assert refuse(line) == (code, message)


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"run_id": "0" * 31}, "run_id"),
        ({"run_id": "G" * 32}, "run_id"),
        ({"run_id": "A" * 32}, "run_id"),
        ({"run_id": "0" * 32 + "\n"}, "run_id"),
        ({"run_id": None}, "run_id"),
        ({"span_id": "1"}, "span_id"),
        ({"rev": -1}, "rev"),
        ({"rev": "0"}, "rev"),
        ({"rev": 1.5}, "rev"),
        ({"rev": True}, "rev"),
        ({"name": ""}, "name"),
        ({"name": "n" * 513}, "name"),
        ({"name": "a\x00b"}, "name"),
        ({"name": 5}, "name"),
        ({"status": "DONE"}, "status"),
        ({"span_type": "llm_call"}, "span_type"),
        ({"effect": "writes"}, "effect"),
        ({"start_ns": -1}, "start_ns"),
        ({"start_ns": 2**63}, "start_ns"),
        ({"start_ns": 10**30}, "start_ns"),
        ({"start_ns": 1e3}, "start_ns"),
        ({"seq": 2**53}, "seq"),
        ({"lane": -1}, "lane"),
        ({"end_ns": 4}, "the record"),
        ({"outcome": "fine"}, "outcome"),
        ({"input": 5}, None),
        ({"input": {"codec": "json", "fidelity": "exact"}}, None),
        ({"input": {"value": 1, "codec": "", "fidelity": "exact"}}, "input.codec"),
        ({"input": {"value": 1, "codec": "json", "fidelity": "lossy"}}, "input.fidelity"),
        (
            {"input": {"value": 1, "codec": "json", "fidelity": "exact", "sha256": "x"}},
            "input.sha256",
        ),
        ({"error": {"type": "", "message": ""}}, "error.type"),
        ({"error": {"message": ""}}, "error.type"),
        ({"error": "bad"}, "error"),
        ({"error": {"type": "a", "message": "b", "notes": [1]}}, "error.notes.0"),
        ({"usage": {"prompt_tokens": 1}}, "usage.source"),
        ({"usage": {"prompt_tokens": -1, "source": "reported"}}, "usage.prompt_tokens"),
        ({"usage": {"source": "guessed"}}, "usage.source"),
        ({"cost": {"usd": 0.1, "source": "rates"}}, "cost.usd"),
        ({"cost": {"usd": "free", "source": "rates"}}, "cost.usd"),
        ({"cost": {"usd": "-1", "source": "rates"}}, "cost.usd"),
        ({"cost": {"usd": "NaN", "source": "rates"}}, "cost.usd"),
        ({"cost": {"usd": "1e9", "source": "rates"}}, "cost.usd"),
        ({"cost": {"usd": "1e-9", "source": "rates"}}, "cost.usd"),
        ({"cost": {"usd": "0E+999999999", "source": "rates"}}, "cost.usd"),
        ({"cost": {"usd": "1_000", "source": "rates"}}, "cost.usd"),
        ({"cost": {"usd": " 1 ", "source": "rates"}}, "cost.usd"),
        ({"cost": {"usd": "1\n", "source": "rates"}}, "cost.usd"),
        ({"cost": {"usd": "\u0661", "source": "rates"}}, "cost.usd"),
        ({"cost": {"usd": "-0", "source": "rates"}}, "cost.usd"),
        ({"cost": {"usd": "+1", "source": "rates"}}, "cost.usd"),
        ({"cost": {"usd": ".5", "source": "rates"}}, "cost.usd"),
        ({"cost": {"usd": "5.", "source": "rates"}}, "cost.usd"),
        ({"cost": {"usd": "", "source": "rates"}}, "cost.usd"),
        ({"cost": {"usd": "1000000.1", "source": "rates"}}, "cost.usd"),
        ({"cost": {"usd": "0." + "1" * 41, "source": "rates"}}, "cost.usd"),
        ({"attributes": []}, None),
        ({"attributes": {"a": {"b": 1}}}, None),
        ({"attributes": {"a": [[1]]}}, None),
        ({"attributes": {str(n): n for n in range(1025)}}, None),
        ({"input_hash": "0" * 63}, "input_hash"),
        ({"fn_hash": "F" * 64}, "fn_hash"),
        ({"model": "m" * 513}, "model"),
        ({"model": ""}, "model"),
        ({"replay_key": ""}, "replay_key"),
        ({"replay_key": "k\x00"}, "replay_key"),
    ],
    ids=lambda value: repr(value)[:50],
)
def test_a_field_that_is_wrong_is_named(change: dict[str, Any], where: str | None) -> None:
    """Where it is and what it should be, without repeating what was sent."""
    code, message = refuse(dump({**SPAN, **change}))
    assert code == "invalid_field" or where is None
    assert message.startswith(where or next(iter(change)))
    assert "\n" not in message


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"tags": ["t"] * 65}, "tags"),
        ({"tags": [""]}, "tags.0"),
        ({"tags": "t"}, "tags"),
        ({"correlation_id": ""}, "correlation_id"),
        ({"correlation_id": "c" * 129}, "correlation_id"),
        ({"status": "CANCELLED"}, "status"),
        ({"resource": {"a": {}}}, "resource"),
        ({"replayed_from": "x"}, "replayed_from"),
        ({"forked_at": -1}, "forked_at"),
        ({"dropped": []}, "dropped"),
        ({"dropped": 3}, "dropped"),
        ({"dropped": {"queue_full": -1}}, "dropped.queue_full"),
        ({"dropped": {"queue_full": 0}}, "dropped.queue_full"),
        ({"dropped": {"queue_full": 1.5}}, "dropped.queue_full"),
        ({"dropped": {"queue_full": True}}, "dropped.queue_full"),
        ({"dropped": {"queue_full": "1"}}, "dropped.queue_full"),
        ({"dropped": {"queue_full": None}}, "dropped.queue_full"),
        ({"dropped": {"queue_full": 2**53}}, "dropped.queue_full"),
        ({"dropped": {"queue_full": 10**400}}, "dropped.queue_full"),
        ({"dropped": {"queue_full": {"a": 1}}}, "dropped.queue_full"),
        ({"dropped": {str(n): 1 for n in range(33)}}, "dropped"),
        ({"dropped": {str(n): 1 for n in range(10_000)}}, "dropped"),
        ({"dropped": {"": 1}}, "dropped."),
        ({"dropped": {"q\x00": 1}}, "dropped.q"),
        ({"dropped": {"q" * 65: 1}}, "dropped.q"),
    ],
    ids=lambda value: repr(value)[:50],
)
def test_a_run_s_own_fields_are_checked(change: dict[str, Any], where: str) -> None:
    """A run is never CANCELLED; its tags and ids have their limits."""
    assert refuse(dump({**RUN, **change}))[1].startswith(where)


@pytest.mark.parametrize(
    ("field", "text", "where"),
    [
        ("seq", "1e999", "seq"),
        ("attributes", '{"a": 1e999}', "attributes"),
        ("attributes", '{"a": [1, -1e999]}', "attributes"),
        (
            "input",
            '{"value": 1, "codec": "json", "fidelity": "exact", "bytes": 1e999}',
            "input.bytes",
        ),
    ],
)
def test_a_number_that_no_computer_holds_is_named(field: str, text: str, where: str) -> None:
    """It is JSON, and of the right kind: what is wrong is its size."""
    message = f"{where} has a number that is out of range"
    assert judge(put(field, text)) == ("invalid_field", message)


@pytest.mark.parametrize("depth", [20, 90])
def test_a_long_path_is_shortened_in_the_middle(depth: int) -> None:
    """The reason is not pushed out by where it is."""
    error: dict[str, Any] = {"type": "T"}
    for _ in range(depth):
        error = {"type": "T", "message": "", "cause": error}
    code, message = refuse(dump({**SPAN, "error": error}))
    where, _, reason = message.partition(": ")
    assert code == "invalid_field"
    assert where.startswith("error.cause.cause.cause.….cause.cause.cause.")
    assert reason == "Field required"


def _nest(levels: int) -> str:
    return "[" * levels + "]" * levels


@pytest.mark.parametrize("field", ["odd", "input", "attributes"])
def test_a_line_is_a_hundred_levels_deep_at_most(field: str) -> None:
    """Wherever it is deep, and whatever brackets its texts have."""
    texts = {"odd": "{}", "attributes": '{{"a":{}}}', "input": '{{"value":{}}}'}
    wrapped = texts[field].format(_nest(200))
    assert judge(put(field, wrapped)) == (
        "invalid_json",
        "the line is nested deeper than 100 levels",
    )


@pytest.mark.parametrize(
    ("text", "is_taken"),
    [
        (_nest(98), True),
        (_nest(99), False),
        ("[" + ",".join([_nest(5)] * 100) + "]", True),
        ("[" + ",".join([_nest(97)] * 10_000) + "]", True),
        ("[" + ",".join([_nest(97)] * 10_000) + "," + _nest(98) + "]", False),
        ('"' + "[" * 200 + '"', True),
        ('["\\"' + "[" * 200 + '"]', True),
        ('["\\",' + _nest(98) + "]", False),
    ],
    ids=lambda value: str(value)[:20],
)
def test_depth_is_counted_outside_of_texts(text: str, is_taken: bool) -> None:
    """The record and the payload around the value are two levels."""
    found = judge(put("input", f'{{"value":{text},"codec":"json","fidelity":"exact"}}'))
    assert (found is None) == is_taken, found


@pytest.mark.parametrize(
    ("field", "text", "where"),
    [
        ("odd", '1,"odd":2', "odd"),
        ("odd", '1 , "rev" : 1', "rev"),
        ("odd", '1,"\\u0072ev":1', "rev"),
        ("usage", '{"source":"reported","source":"reported"}', "usage.source"),
        ("cost", '{"usd":"1","source":"rates","usd":"2"}', "cost.usd"),
        ("input", '{"value":1,"codec":"json","fidelity":"exact","value":2}', "input.value"),
        ("error", '{"type":"a","message":"","cause":{"type":"a","message":"","type":"b"}}',
         "error.cause.type"),
        ("attributes", '{"a":1,"a":1}', "attributes.a"),
        ("attributes", '{"a" : 1, "b:c": 2, "\\u0061": 3}', "attributes.a"),
    ],
    ids=lambda value: str(value)[:30],
)  # fmt: skip
def test_a_name_that_is_there_twice_is_refused(field: str, text: str, where: str) -> None:
    """Readers differ in which of the two they take."""
    assert judge(put(field, text)) == ("invalid_field", f"{where}: is there twice")


@pytest.mark.parametrize("text", ['{"a":1,"a":2}', '[{"a":{"b":1,"b":1}}]'])
def test_a_payload_s_names_are_not_looked_at(text: str) -> None:
    """A payload is kept as it came."""
    span = parse_line(put("input", f'{{"value":{text},"codec":"json","fidelity":"exact"}}'))
    assert isinstance(span, ValidSpan)
    assert span.input is not None
    assert span.input.value_json == text


@pytest.mark.parametrize("text", ['{"a b":":","c":"x:y"}', '{"\\u0061":1,"b":2}', "{ }", "{}"])
def test_attributes_that_look_odd_are_taken(text: str) -> None:
    """Colons, escapes and white space are no names that are there twice."""
    assert judge(put("attributes", text)) is None


@pytest.mark.parametrize("field", ["run_id", "rev", "name", "status", "start_ns"])
def test_a_missing_field_is_named(field: str) -> None:
    """So is one that is null, which means the same."""
    without = {key: value for key, value in RUN.items() if key != field}
    assert refuse(dump(without)) == ("invalid_field", f"{field}: Field required")
    assert refuse(dump({**RUN, field: None})) == ("invalid_field", f"{field}: Field required")


def test_several_wrong_fields_are_counted() -> None:
    """The first is named, the others are not hidden."""
    assert refuse(dump({**RUN, "rev": -1, "start_ns": -1}))[1].endswith("(and 1 more)")


def test_a_line_that_is_too_long_is_refused() -> None:
    """Before it is parsed."""
    line = dump(RUN)[:-1] + b', "x": "' + b"y" * MAX_LINE_BYTES + b'"}'
    assert refuse(line)[0] == "too_large"


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000 + "]" * 100_000,
        '{"a":' * 50_000 + "1" + "}" * 50_000,
        "9" * 5_000,
        "-" + "9" * 100_000,
        "1e999999",
        '"\\ud800"',
        '"' + "\\u0000" * 10 + '"',
    ],
    ids=[
        "deep list",
        "deep object",
        "5000 digits",
        "100000 digits",
        "exponent",
        "surrogate",
        "nul",
    ],
)
@pytest.mark.parametrize("field", ["seq", "name", "attributes", "input", "error", "usage", "odd"])
def test_hostile_json_is_refused_or_kept_and_never_raises_anything_else(
    field: str, text: str
) -> None:
    """Depth, digits and escapes that bring parsers down are answered like any other mistake."""
    found = judge(put(field, text))
    assert found is None or found[0] in {"invalid_json", "invalid_field"}
    assert found is None or len(found[1]) < 500


@given(st.binary(max_size=200))
def test_any_bytes_are_a_record_or_an_error(line: bytes) -> None:
    """Nothing but WireError comes out."""
    found = judge(line)
    assert found is None or all(found)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=8,
)


@given(st.sampled_from([RUN, SPAN, EVENT]), st.sampled_from(sorted(SPAN)), JSON)
def test_any_value_in_any_field_is_a_record_or_an_error(
    record: dict[str, Any], field: str, value: Any
) -> None:
    """Wrong types are answered, not passed on."""
    found = judge(dump({**record, field: value}))
    assert found is None or all(found)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda children: (
        st.lists(children)
        | st.tuples(children)
        | st.dictionaries(st.text() | st.integers(), children)
    ),
    max_leaves=10,
)


@given(
    name=st.text(),
    value=ANYTHING,
    attributes=st.dictionaries(st.text(), ANYTHING, max_size=4),
    tags=st.lists(st.text(), max_size=4),
    correlation_id=st.text(),
    message=st.text(),
)
def test_whatever_the_sdk_is_given_it_writes_records(  # noqa: PLR0917 -- one strategy each
    name: str,
    value: Any,
    attributes: dict[str, Any],
    tags: list[str],
    correlation_id: str,
    message: str,
) -> None:
    """The two ends of the wire agree: every line that is sent is a line that is taken."""
    memory = MemoryExporter()
    tracer = Tracer(exporter=memory, settings=Settings())
    with tracer.run(
        name, correlation_id=correlation_id, tags=tags, attributes=attributes, input=value
    ) as run:
        with tracer.span(
            name, input=value, attributes=attributes, model=name, replay_key=name
        ) as span:
            span.add_event(name, value)
            span.set_output(value)
            span.fail(ValueError(message))
        run.set_output(value)
    records = collect(tracer, memory)
    tracer.shutdown(timeout_s=5)
    assert tracer.stats().errors == {}
    assert len(records) == 5
    for line in encode_records(records):
        parse_line(line)


SNAPSHOTS = st.tuples(
    st.sampled_from(["STARTED", "COMPLETED", "ERROR", "CANCELLED", "INTERRUPTED"]),
    st.integers(0, 9),
)


@given(st.lists(SNAPSHOTS, min_size=1), st.randoms())
def test_the_winning_snapshot_does_not_depend_on_order(
    snapshots: list[tuple[str, int]], chance: Any
) -> None:
    """Terminal wins over STARTED, then the higher rev: in any order, any number of times."""
    winner = max(rank_snapshot(*each) for each in snapshots)
    shuffled = snapshots * 2
    chance.shuffle(shuffled)
    best = rank_snapshot(*shuffled[0])
    for each in shuffled:
        best = max(best, rank_snapshot(*each))
    assert best == winner
    assert winner[0] == any(status != "STARTED" for status, _ in snapshots)
