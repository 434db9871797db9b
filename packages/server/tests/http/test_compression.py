"""Answers are compressed for who takes it, and are the same answers."""

from __future__ import annotations

import random
import re
import sys
import threading
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agenttrace_server.http import compression
from agenttrace_server.http.compression import choose_encoding

from ..support.client import Client
from ..support.dialects import ON_SQLITE
from ..support.lines import (
    START_NS,
    Record,
    make_payload,
    make_run,
    make_run_id,
    make_span,
    make_span_id,
)

if sys.version_info >= (3, 14):
    from compression import zstd  # type: ignore[attr-defined] # the module of the same name
else:
    from backports import zstd

RUN = make_run_id(0)
DOCUMENTS = Path(__file__).parents[4] / "dashboard/src/graphql/documents.ts"
MAX_WATERFALL_BYTES = 2_000_000
_TEXTS: dict[str | None, Callable[[bytes], bytes]] = {
    "zstd": zstd.decompress,
    "gzip": lambda body: zlib.decompress(body, 31),
    None: lambda body: body,
}


def _ask(client: Client, query: str, accepted: str | None) -> tuple[httpx.Headers, bytes]:
    """Return the headers of an answer, and its body as it was on the wire."""
    body = {"query": query, "variables": {"id": RUN}}
    request = client.http.build_request("POST", "/graphql", json=body)
    del request.headers["accept-encoding"]
    if accepted is not None:
        request.headers["accept-encoding"] = accepted
    answer = client.http.send(request, stream=True)
    try:
        return answer.headers, b"".join(answer.iter_raw())
    finally:
        answer.close()


def _read(headers: httpx.Headers, body: bytes) -> bytes:
    return _TEXTS[headers.get("content-encoding")](body)


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("gzip, deflate, br, zstd", "zstd"), ("gzip, deflate, br", "gzip"), ("GZIP", "gzip"),
        ("*", "zstd"), ("*;q=0.5, zstd;q=0", "gzip"), ("gzip;q=1, zstd;q=0.9", "gzip"),
        ("gzip;q=0, *;q=0", None), ("identity", None), ("br", None), ("", None), (None, None),
        ("gzip;q=2", None), ("gzip;q=x", None), ("gzip;q=nan", None), ("gzip;q=", None),
        ("gzip;q=0;q=1, zstd;q=0", None), (",;,;=,q=1;;gzip", None), ("gzip" * 2_500, None),
        ("zstd;" * 1_500 + ",gzip", "zstd"), ("a," * 5_000 + "gzip", "gzip"),
    ],
)  # fmt: skip
@ON_SQLITE
def test_a_client_gets_what_it_takes(
    client: Client, accepted: str | None, encoding: str | None
) -> None:
    """Whatever it says, the answer is the same; caches are told on what its form depends."""
    client.send([make_run(), *(make_span(n) for n in range(100))])
    query = "query($id: ID!) { run(id: $id) { spanTree { spanId name } } }"
    plain = _ask(client, query, None)[1]
    headers, body = _ask(client, query, accepted)
    assert headers.get("content-encoding") == encoding
    assert headers["content-length"] == str(len(body))
    assert headers["vary"] == "Accept-Encoding"
    assert _read(headers, body) == plain
    assert encoding is None or len(body) < len(plain) / 3


@given(st.text(st.characters(codec="ascii"), max_size=60))
def test_any_wish_is_read(accepted: str) -> None:
    """Nothing that a header may say is an error, or has gzip sent to who did not name it."""
    found = choose_encoding(accepted)
    assert found is None or found in accepted.lower() or "*" in accepted


@ON_SQLITE
def test_small_answers_and_texts_are_as_they_are(client: Client) -> None:
    """A small one is one packet anyway, and a text to download has its length."""
    client.send([make_run(), make_span(output=make_payload("x" * 100_000))])
    headers, body = _ask(client, "query($id: ID!) { run(id: $id) { name } }", "zstd, gzip")
    assert (headers.get("content-encoding"), headers.get("vary")) == (None, None)
    assert len(body) < 1_024
    path = f"/api/runs/{RUN}/spans/{make_span_id(0)}/output"
    answer = client.http.get(path, headers={"accept-encoding": "zstd, gzip"})
    assert "content-encoding" not in answer.headers
    assert len(answer.content) > 100_000


@ON_SQLITE
@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [("zstd, gzip", "zstd"), ("gzip", "gzip"), ("identity", None), ("zstd;q=0, gzip;q=0", None)],
)
def test_an_export_is_compressed_as_it_flows(
    client: Client, accepted: str, encoding: str | None
) -> None:
    """Of several steps, with large texts and small ones; unpacked it is what it is without."""
    texts = [make_span(n, output=make_payload("x" * 1_000 * (n % 100))) for n in range(250)]
    client.send([make_run(), *texts])
    path = f"/api/export/runs/{RUN}"
    plain = client.http.get(path, headers={"accept-encoding": "identity"})
    with client.http.stream("GET", path, headers={"accept-encoding": accepted}) as answer:
        body = b"".join(answer.iter_raw())
    assert answer.headers.get("content-encoding") == encoding
    assert answer.headers["vary"] == plain.headers["vary"] == "Accept-Encoding"
    assert (len(body) < len(plain.content) / 10) is (encoding is not None)
    assert _TEXTS[encoding](body) == plain.content


@ON_SQLITE
def test_a_large_answer_is_compressed_off_the_loop(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Meanwhile others are answered: here, while the thread that compresses stands still."""
    client.send([make_run(), *(make_span(n) for n in range(3_000))])
    begun, go_on = threading.Event(), threading.Event()

    def hold(body: bytes) -> bytes:
        begun.set()
        assert go_on.wait(20)
        return zlib.compress(body, 1, 31)

    monkeypatch.setitem(compression._ENCODINGS, "gzip", hold)
    query = "query($id: ID!) { run(id: $id) { spanTree { id name startTime } } }"
    sizes: list[int] = []
    asker = threading.Thread(target=lambda: sizes.append(len(_ask(client, query, "gzip")[1])))
    asker.start()
    assert begun.wait(20)
    try:
        with Client(client.url) as other:
            assert other.http.get("/healthz").status_code == 200
    finally:
        go_on.set()
        asker.join(20)
    assert sizes[0] > 0


def _make_tree(count: int) -> list[Record]:
    """Spans as agents have them: of many names and lengths, within one another, some of calls."""
    chance = random.Random(7)  # the same tree each time
    verbs = ("search", "read", "write", "rank", "plan", "fetch", "edit", "parse", "embed", "judge")
    names = [f"{verb}_{part}" for verb in verbs for part in range(20)]
    ids: list[str] = []
    spans = []
    start_ns = START_NS
    for number in range(count):
        start_ns += int(chance.expovariate(1 / 3e6))
        length_ns = int(chance.lognormvariate(18, 1.5))
        span = make_span(number, name=chance.choice(names), span_type="TOOL_CALL")
        span.update(span_id=f"{chance.getrandbits(64):016x}", seq=2 * number, start_ns=start_ns)
        span.update(end_ns=start_ns + length_ns, duration_ns=length_ns)
        if ids and chance.random() < 0.97:
            span["parent_span_id"] = chance.choice(ids[-40:])
        if chance.random() < 0.3:
            tokens = {"prompt_tokens": chance.randrange(20_000), "source": "reported"}
            tokens["completion_tokens"] = chance.randrange(2_000)
            cost = {"usd": f"{chance.random() / 10:.6f}", "source": "price_table", "table": "t"}
            model = chance.choice(("gpt-4o", "gpt-4o-mini", "claude-sonnet"))
            span.update(span_type="LLM_CALL", model=model, usage=tokens, cost=cost)
        ids.append(span["span_id"])
        spans.append(span)
    return spans


def _read_waterfall_query() -> str:
    source = DOCUMENTS.read_text()

    def find(pattern: str) -> str:
        found: Any = re.search(pattern + r".*?(?=`\))", source, re.DOTALL)
        return str(found[0])

    parts = (r"query RunSnapshot", r"fragment RunRow on", r"fragment SpanRow on")
    return "".join(map(find, parts))


@ON_SQLITE
def test_a_waterfall_of_50_000_spans_is_two_megabytes(client: Client) -> None:
    """The dashboard's own query of a run, as a browser of today gets it."""
    client.send([make_run()])
    spans = _make_tree(50_000)
    for at in range(0, len(spans), 5_000):
        client.send(spans[at : at + 5_000])
    headers, body = _ask(client, _read_waterfall_query(), "gzip, deflate, br, zstd")
    assert headers["content-encoding"] == "zstd"
    text = _read(headers, body)
    assert text.count(b'"spanId"') == 50_000
    assert len(body) <= MAX_WATERFALL_BYTES
