"""Hostile records through the real door: the same answer on both databases, and never a failure.

What validation lets through, the store takes and gives back: no record is refused because of the
database that it meets.
"""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from agenttrace_server.services.ingest import parse_body

from ..support.client import NDJSON, Client
from ..support.lines import Record, make_event, make_payload, make_run, make_run_id, make_span

_RANDOM = random.Random(7)
# Of four bytes each, and in no pattern: what an index takes at most.
WIDE = "".join(chr(_RANDOM.randrange(0x10000, 0x1F000)) for _ in range(512))
JUNK: tuple[Any, ...] = (
    None, True, False, 0, -1, 1.5, 2**31, 2**53 + 1, 2**63, 2**64, 10**400, -0.0, 1e300, "", " ",
    "x", "\0", "é\0", "\ud800", "STARTED", "A" * 10_000, WIDE, [], [1], [None], ["\0"], {},
    {"a": 1}, {"__proto__": {"polluted": True}}, [[[[]]]], make_payload("\0"),
    {"codec": "\0", "value": 1},
)  # fmt: skip
FULL_RUN = make_run(
    status="COMPLETED",
    rev=1,
    correlation_id="c",
    input=make_payload(1),
    output=make_payload(1),
    error={"type": "E", "message": "m"},
    tags=["t"],
    attributes={"a": 1},
    resource={"a": 1},
    links=[{"run_id": "a" * 32}],
    end_seq=9,
    complete=True,
    replayed_from="b" * 32,
    forked_at=1,
)
FULL_SPAN = make_span(
    parent_span_id="a" * 16,
    end_seq=3,
    outcome="ok",
    input=make_payload(1),
    output={**make_payload(1), "types": {"": "tuple"}, "bytes": 5, "sha256": "a" * 64},
    error={"type": "E", "message": "m", "cause": {"type": "F", "message": "n"}},
    model="m",
    usage={"prompt_tokens": 1, "source": "reported"},
    cost={"usd": "1", "source": "price_table", "table": "t"},
    attributes={"a": 1},
    replay_key="k",
    input_hash="a" * 64,
    hash_version=1,
    fn_hash="a" * 64,
    links=[{"run_id": "a" * 32, "span_id": "a" * 16, "attributes": {"a": [1]}}],
    boundary=True,
)
FULL_EVENT = make_event(5, offset_ns=3, body=make_payload(1))
NESTED = ("input", "output", "body", "error", "usage", "cost", "resource", "attributes")


def _spoil(record: Record) -> list[bytes]:
    """The record with every kind of wrong value for each field, and for each field within."""
    lines = []
    for name, value in record.items():
        spoilt = [{**record, name: junk} for junk in JUNK]
        if name in NESTED:
            for inner in value:
                spoilt += [{**record, name: {**value, inner: junk}} for junk in JUNK]
        lines += [json.dumps(one).encode() for one in spoilt]
    return lines


def _number(line: bytes, place: int) -> bytes:
    """Give the record an id of its own, so that none merges into another."""
    return (
        line.replace(b'"run", "run_id": "%032x"' % 1, b'"run", "run_id": "%032x"' % (place + 1))
        .replace(b'"span_id": "%016x", "rev"' % 1, b'"span_id": "%016x", "rev"' % (place + 1))
        .replace(b'"seq": 5, "t_ns"', b'"seq": %d, "t_ns"' % (place + 9))
    )


def _judge(client: Client, lines: list[bytes]) -> dict[int, str]:
    """Send the lines; return the codes by line, which must be those of validation alone."""
    codes: dict[int, str] = {}
    for start in range(0, len(lines), 90):  # no more errors than are listed
        body = b"\n".join(lines[start : start + 90])
        answer = client.http.post("/api/ingest", content=body, headers=NDJSON)
        assert answer.status_code in (200, 400), answer.text  # 400: no line is good
        found = {error["line"]: error["code"] for error in answer.json()["errors"]}
        assert found == {error.line: error.code for error in parse_body(body)[1]}
        assert answer.json()["rejected"] == len(found)
        codes.update({start + line - 1: code for line, code in found.items()})
    return codes


EVERYTHING = """query($id: ID!) { run(id: $id) { id name status correlationId tags
    startTime endTime durationMs replayedFrom { id } attributes totals { spans totalTokens costUsd }
    input { json } output { json } usageByModel { model calls costUsd }
    spanTree { spanId name status model depth input { json } output { json } attributes
    events(first: 9) { edges { node { name body { json } } } } } } }"""


@pytest.mark.parametrize("record", [FULL_RUN, FULL_SPAN, FULL_EVENT], ids=["run", "span", "event"])
def test_every_wrong_value_of_every_field_is_judged_alike(client: Client, record: Record) -> None:
    """Each is stored or refused by its line, as validation says; all that is stored is readable."""
    lines = [_number(line, place) for place, line in enumerate(_spoil(record))]
    codes = _judge(client, lines)
    assert set(codes.values()) <= {
        "invalid_field",
        "invalid_json",
        "unknown_type",
        "unknown_version",
    }
    assert 0 < len(codes) < len(lines)
    _read_everything(client)


def _read_everything(client: Client) -> None:
    runs = client.ask("{ runs(first: 200) { edges { node { id } } } }")["runs"]["edges"]
    assert runs
    for edge in runs:
        client.ask(EVERYTHING, id=edge["node"]["id"])


def _put(value: str) -> bytes:
    """A span whose output is this text of JSON."""
    line = json.dumps(make_span(output=make_payload("here"))).encode()
    return line.replace(b'"here"', value.encode())


DEEP = "[" * 90 + "]" * 90
KEPT = {
    "H1 U+0000": '"a\\u0000b"',
    "H3 keys that differ by U+0000": '{"a":1,"a\\u0000":2}',
    "H6 beyond a double": "1e999",
    "H7 beyond 53 bits": "9007199254740993",
    "H7 beyond 64 bits": "18446744073709551616",
    "H7 10^400": "1" + "0" * 400,
    "H7 1e200000": "1e200000",
    "H8 an integer of 5,000 digits": "7" * 5_000,
    "H11 90 levels": DEEP,
    "H12 the text of a number": "1e2",
    "H14 100,000 keys": "{" + ",".join(f'"k{n}":{n}' for n in range(100_000)) + "}",
    "H16 100,000 combining marks": '"e' + "\u0301" * 100_000 + '"',
    "H16 what grows when normalised": '"' + "\ufdfa" * 1_000 + '"',
    "H16 of four bytes": f'"{WIDE}"',
    "H16 right to left": '"\u202eabc"',
    "H16 white space": '" "',
    "H27 names of JavaScript": '{"__proto__":{"polluted":1},"constructor":{"prototype":2}}',
    "H36 minus zero": "-0.0",
    "H36 below a double": "1e-400",
}


def test_payloads_come_back_byte_for_byte(client: Client) -> None:
    """Whatever is JSON in a value is stored and shown as it was written."""
    lines = [
        _put(value).replace(make_run_id(0).encode(), make_run_id(place).encode())
        for place, value in enumerate(KEPT.values())
    ]
    assert _judge(client, lines) == {}
    query = "query($id: ID!) { run(id: $id) { spanTree { output { json } } } }"
    found = {
        name: client.ask(query, id=make_run_id(place))["run"]["spanTree"][0]["output"]["json"]
        for place, name in enumerate(KEPT)
    }
    assert found == KEPT


REFUSED: dict[str, bytes] = {
    "H2 U+0000 in a name": json.dumps(make_span(name="a\0")).encode(),
    "H2 U+0000 in a tag": json.dumps(make_run(tags=["a\0"])).encode(),
    "H2 U+0000 in a correlation id": json.dumps(make_run(correlation_id="a\0")).encode(),
    "H2 U+0000 in a codec": json.dumps(
        make_span(output={**make_payload(1), "codec": "a\0"})
    ).encode(),
    "H3 U+0000 in a key of attributes": json.dumps(make_run(attributes={"a\0": 1})).encode(),
    "H3 keys of attributes that differ by U+0000": json.dumps(
        make_span(attributes={"a": 1, "a\0": 2})
    ).encode(),
    "H3 U+0000 in a key of a resource": json.dumps(make_run(resource={"\0": "x"})).encode(),
    "H3 U+0000 in a key of a link": json.dumps(
        make_span(links=[{"run_id": "a" * 32, "attributes": {"a\0": 1}}])
    ).encode(),
    "H4 a lone surrogate": _put('"\\ud800"'),
    "H5 no UTF-8": _put('"x"').replace(b'"x"', b'"\xff"'),
    "H5 UTF-16": json.dumps(make_run()).encode("utf-16-le"),
    "H5 a byte-order mark": b"\xef\xbb\xbf" + json.dumps(make_run()).encode(),
    "H6 NaN": _put("NaN"),
    "H6 Infinity": _put("-Infinity"),
    "H10 a negative time": json.dumps(make_run(start_ns=-1)).encode(),
    "H10 beyond 63 bits": json.dumps(make_run(start_ns=2**64 - 1)).encode(),
    "H10 an end before the start": json.dumps(make_span(end_ns=1)).encode(),
    "H11 1,000 levels": _put("[" * 1_000 + "]" * 1_000),
    "H11 100,000 levels": _put("[" * 100_000 + "]" * 100_000),
    "H12 a field twice": json.dumps(make_run()).encode()[:-1] + b', "name": "b"}',
    "H14 1,025 attributes": json.dumps(
        make_run(attributes={f"k{n}": n for n in range(1_025)})
    ).encode(),
    "H15 a long name": json.dumps(make_span(name="x" * 10_000)).encode(),
    "H15 a long tag": json.dumps(make_run(tags=["x" * 257])).encode(),
    "H16 an empty name": json.dumps(make_span(name="")).encode(),
    "H29 an id that is too short": json.dumps({**make_span(), "span_id": "a" * 8}).encode(),
    "H36 a negative cost": json.dumps(make_span(cost={"usd": "-1", "source": "rates"})).encode(),
    "H36 a large cost": json.dumps(
        make_span(cost={"usd": "1000000000000", "source": "rates"})
    ).encode(),
    "H36 negative tokens": json.dumps(
        make_span(usage={"prompt_tokens": -1, "source": "reported"})
    ).encode(),
}


def test_what_cannot_be_meant_is_refused_by_its_line(client: Client) -> None:
    """Each has a code; the good line among them is stored."""
    lines = [*REFUSED.values(), json.dumps(make_run()).encode()]
    codes = _judge(client, lines)
    assert sorted(codes) == list(range(len(REFUSED)))
    assert client.ask("{ runs { totalCount } }") == {"runs": {"totalCount": 1}}


def test_u0000_in_the_value_of_an_attribute_is_kept(client: Client) -> None:
    """H1: values are never repaired: what was recorded is what is shown, on both databases."""
    attributes = {"a": "x\0y", "b": ["\0", "\ufffd"]}
    assert client.send([make_run(attributes=attributes)])["rejected"] == 0
    found = client.ask("query($id: ID!) { run(id: $id) { attributes } }", id=make_run_id(0))
    assert found["run"]["attributes"] == attributes


def test_the_limits_of_what_is_indexed_fit_their_indexes(client: Client) -> None:
    """The longest names, tags and attributes that are taken, of four bytes a character."""
    run = make_run(
        name=WIDE,
        correlation_id=WIDE[:128],
        tags=[WIDE[:256], WIDE[256:]],
        attributes={WIDE[:256]: WIDE[256:], "k" + WIDE: WIDE * 20, "__proto__": 1, "a.b": 2},
    )
    span = make_span(name=WIDE, model=WIDE, replay_key=WIDE, span_type="LLM_CALL")
    event = make_event(4, name=WIDE)
    assert client.send([run, span, event])["rejected"] == 0
    found = client.ask(EVERYTHING, id=run["run_id"])["run"]
    assert (found["name"], found["tags"]) == (WIDE, [WIDE[:256], WIDE[256:]])
    assert [usage["model"] for usage in found["usageByModel"]] == [WIDE]


def test_trees_of_every_shape_are_read_whole(client: Client) -> None:
    """Circles, a span that is its own parent, missing parents, chains: no span is lost."""
    chain = [make_span(n, parent_span_id=f"{n:016x}" if n else None) for n in range(2_000)]
    circle = [
        make_span(3_000, parent_span_id=f"{3_002:016x}"),
        make_span(3_001, parent_span_id=f"{3_001:016x}"),
        make_span(3_002, parent_span_id=f"{3_002:016x}"),
        make_span(3_003, parent_span_id="f" * 16),
    ]
    spans = [*reversed(chain), *circle]
    assert client.send([*spans, make_run()])["rejected"] == 0
    query = "query($id: ID!) { run(id: $id) { spanTree { spanId depth } } }"
    tree = client.ask(query, id=make_run_id(0))["run"]["spanTree"]
    assert len({span["spanId"] for span in tree}) == len(tree) == len(spans)
    assert max(span["depth"] for span in tree) == 1_999


def test_sums_of_money_are_exact(client: Client) -> None:
    """A tenth and two tenths are three tenths; forty decimals do not disturb."""
    costs = ("0.1", "0.2", "0." + "0" * 39 + "1", "1000000")
    spans = [make_span(n, cost={"usd": usd, "source": "rates"}) for n, usd in enumerate(costs)]
    assert client.send([make_run(), *spans])["rejected"] == 0
    query = "query($id: ID!) { run(id: $id) { totals { costUsd } } }"
    assert client.ask(query, id=make_run_id(0)) == {"run": {"totals": {"costUsd": "1000000.3"}}}
