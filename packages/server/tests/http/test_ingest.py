"""`POST /api/ingest` over real HTTP."""

from __future__ import annotations

import contextlib
import gzip
import json
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from agenttrace.wire.models import ValidRecord
from agenttrace.wire.validation import MAX_LINE_BYTES
from agenttrace_server.http import inflation
from agenttrace_server.services.ingest import parse_body
from agenttrace_server.storage import writer as writer_module
from agenttrace_server.storage.append import Appended

from ..support.client import NDJSON, TIMEOUT_S, Client
from ..support.lines import (
    dump_lines,
    make_call,
    make_event,
    make_payload,
    make_run,
    make_run_id,
    make_span,
)
from ..support.own import append_records
from ..support.thread import ServerThread

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

GOOD = dump_lines([make_run()]).strip()
ZIPPED = gzip.compress(GOOD, mtime=0)  # the same bytes in every process that runs tests
COUNT = "{ runs { totalCount } }"


def _post(client: Client, body: bytes | Iterator[bytes], **headers: str) -> httpx.Response:
    return client.http.post("/api/ingest", content=body, headers={**NDJSON, **headers})


def _count(client: Client) -> int:
    return int(client.ask(COUNT)["runs"]["totalCount"])


def test_bad_lines_are_told_and_good_ones_stored(client: Client) -> None:
    """Each bad line comes back with its number and reason; lines count from 1, empty ones too."""
    bad = json.dumps({**make_span(1), "status": "WRONG"}).encode()
    body = b"\n".join([GOOD, b"", b"nonsense", b"  ", bad, dump_lines([make_span(2)]).strip(), b""])
    answer = _post(client, body)
    assert (answer.status_code, answer.json()) == (
        200,
        {
            "accepted": 2,
            "rejected": 2,
            "errors": [
                {
                    "line": 3,
                    "code": "invalid_json",
                    "message": "the line is not valid JSON at byte 1: expected ident",
                },
                {
                    "line": 5,
                    "code": "invalid_field",
                    "message": answer.json()["errors"][1]["message"],
                },
            ],
        },
    )
    assert answer.json()["errors"][1]["message"].startswith("status: ")
    tree = client.ask(f'{{ run(id: "{make_run_id(0)}") {{ spanTree {{ seq }} }} }}')
    assert tree["run"]["spanTree"] == [{"seq": 2}]


@pytest.mark.parametrize("count", range(0, 100, 33))
def test_any_number_of_bad_lines_leaves_the_good_ones(client: Client, count: int) -> None:
    """From none to almost all: exactly the good lines are stored."""
    lines = [b"{" if n < count else dump_lines([make_run(n)]).strip() for n in range(100)]
    answer = _post(client, b"\n".join(lines)).json()
    assert (answer["accepted"], answer["rejected"]) == (100 - count, count)
    assert [error["line"] for error in answer["errors"]] == list(range(1, count + 1))
    assert _count(client) == 100 - count


FIRST, SECOND = (dump_lines([make_run(n)]).strip() for n in range(2))


@pytest.mark.parametrize(
    ("body", "accepted", "bad"),
    [
        (FIRST + b"\r\n\r\n" + SECOND + b"\r\n", 2, []),
        (b"\n\n" + FIRST + b"\n" + SECOND, 2, []),
        (FIRST + SECOND, 0, [(1, "invalid_json")]),
        (b"\xef\xbb\xbf" + FIRST + b"\n" + SECOND, 1, [(1, "invalid_json")]),
        (b"{" + b"\n" + b"\n".join([FIRST] * 9_999), 9_999, [(1, "invalid_json")]),
        (b'{"v":1,"x":"' + b"x" * MAX_LINE_BYTES + b'"}\n' + FIRST, 1, [(1, "too_large")]),
    ],
    ids=["CR LF", "no last newline", "two objects", "a mark", "one of 10,000", "a long line"],
)
def test_h35_each_line_has_its_own_verdict(
    client: Client, body: bytes, accepted: int, bad: list[tuple[int, str]]
) -> None:
    """However lines end, and whatever stands before or behind them."""
    answer = _post(client, gzip.compress(body, 1), **{"content-encoding": "gzip"}).json()
    assert (answer["accepted"], answer["rejected"]) == (accepted, len(bad))
    assert [(error["line"], error["code"]) for error in answer["errors"]] == bad


def test_the_list_of_errors_is_capped_and_says_so(client: Client) -> None:
    """A thousand bad lines do not make a thousand messages."""
    answer = _post(client, GOOD + b"\n{" * 1_000).json()
    assert (answer["accepted"], answer["rejected"], len(answer["errors"])) == (1, 1_000, 100)
    assert answer["errors_truncated"] is True


@pytest.mark.parametrize("body", [b"", b"\n\n", b" \r\n"], ids=repr)
@pytest.mark.parametrize("encode", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_a_body_without_records_is_a_bad_request(
    client: Client, body: bytes, encode: Callable[[bytes], bytes]
) -> None:
    """200 would say that records are on disk: who sends none has lost them on the way."""
    headers = {} if encode is bytes else {"content-encoding": "gzip"}
    answer = _post(client, encode(body), **headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "empty_body")
    assert "send at least one" in answer.json()["error"]["message"]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_only_post_is_taken(client: Client, method: str) -> None:
    """Another method is answered with the one that the door is for."""
    answer = client.http.request(method, "/api/ingest")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert answer.json()["error"]["code"] == "method_not_allowed"


@pytest.mark.parametrize("body", [b"nonsense", b"{}\n[]\n5"], ids=repr)
def test_nothing_taken_is_a_bad_request(client: Client, body: bytes) -> None:
    """When no line could be taken the request itself was wrong."""
    answer = _post(client, body)
    assert answer.status_code == 400
    assert answer.json()["accepted"] == 0
    assert answer.json()["errors"]


def test_sending_again_is_no_error(client: Client) -> None:
    """A line that was seen before is accepted like a new one, and stored once."""
    records = [make_run(), make_call(0)]
    assert client.send(records) == client.send(records * 3) | {"accepted": 2}
    totals = client.ask(f'{{ run(id: "{make_run_id(0)}") {{ totals {{ spans costUsd }} }} }}')
    assert totals["run"]["totals"] == {"spans": 1, "costUsd": "0.0012"}


def test_the_same_request_ten_times_at_once_counts_once(client: Client) -> None:
    """Retries that race each other add nothing."""
    body = dump_lines([make_run(), *(make_call(n) for n in range(50))])
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: _post(client, body).status_code, range(10)))
    assert answers == [200] * 10
    totals = client.ask(f'{{ run(id: "{make_run_id(0)}") {{ totals {{ spans totalTokens }} }} }}')
    assert totals["run"]["totals"] == {"spans": 50, "totalTokens": 750}


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/x-ndjson", 200),
        ("application/ndjson", 200),
        ("Application/X-NDJSON; charset=utf-8", 200),
        ('application/x-ndjson; charset="UTF-8"', 200),
        ("application/x-ndjson; charset=utf-16", 415),
        ("application/x-ndjson; charset=latin-1", 415),
        ("application/json", 415),
        ("application/x-protobuf", 415),
        ("text/plain", 415),
        ("", 415),
    ],
)
def test_the_content_type_must_be_ndjson(client: Client, content_type: str, status: int) -> None:
    """Another type is refused with the ones that are taken."""
    headers = {"content-type": content_type} if content_type else {}
    answer = client.http.post("/api/ingest", content=GOOD, headers=headers)
    assert answer.status_code == status
    if status == 415:
        assert answer.json()["error"]["code"] == "unsupported_media_type"
        assert answer.json()["error"]["message"].startswith(
            "Content-Type must be application/x-ndjson or application/ndjson"
        )


def _pack_with_long_window() -> bytes:
    packer = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: 24})
    return packer.compress(GOOD, mode=packer.FLUSH_BLOCK) + packer.flush()


LONG_WINDOW = _pack_with_long_window()
PACKERS: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "zstd": zstd.compress}
packed = pytest.mark.parametrize("encoding", sorted(PACKERS))


@packed
def test_packed_bodies_are_inflated(client: Client, encoding: str) -> None:
    """One member (or frame) or several in a row are the lines they hold."""
    pack = PACKERS[encoding]
    body = pack(GOOD + b"\n") + pack(b"") + pack(dump_lines([make_run(1)]))
    answer = _post(client, body, **{"content-encoding": encoding})
    assert answer.json() == {"accepted": 2, "rejected": 0, "errors": []}


@packed
def test_packed_bodies_may_come_in_pieces(client: Client, encoding: str) -> None:
    """A byte at a time, and a mebibyte out of a few bytes: what was packed comes out."""
    body = PACKERS[encoding](dump_lines([make_run(n) for n in range(20)]) + b" " * 5_000_000)
    pieces = (body[n : n + 1] for n in range(len(body)))
    answer = client.http.post(
        "/api/ingest", content=pieces, headers={**NDJSON, "content-encoding": encoding}
    )
    assert answer.json() == {"accepted": 20, "rejected": 0, "errors": []}


@pytest.mark.parametrize(
    ("body", "encoding", "status"),
    [
        (GOOD, "br", 415),
        (GOOD, "deflate", 415),
        (gzip.compress(ZIPPED, mtime=0), "gzip, gzip", 415),
        (zstd.compress(ZIPPED), "gzip, zstd", 415),
        (GOOD, "gzip", 400),
        (GOOD, "zstd", 400),
        (zstd.compress(GOOD), "gzip", 400),
        (ZIPPED[:-9], "gzip", 400),
        (zstd.compress(GOOD)[:-3], "zstd", 400),
        (ZIPPED[:-1] + b"x", "gzip", 400),
        (ZIPPED + b"trailing", "gzip", 400),
        (zstd.compress(GOOD) + b"trailing", "zstd", 400),
        (b"", "gzip", 400),
        (b"", "zstd", 400),
        (LONG_WINDOW, "zstd", 400),
    ],
    ids=lambda value: repr(value)[-20:],
)
def test_other_encodings_are_refused(
    client: Client, body: bytes, encoding: str, status: int
) -> None:
    """What is not one whole stream of its kind, or nothing, is refused with its reason."""
    answer = _post(client, body, **{"content-encoding": encoding})
    assert answer.status_code == status
    assert set(answer.json()) == {"error"}
    codes = {400: "bad_request", 415: "unsupported_encoding"}
    assert answer.json()["error"]["code"] == codes[status]
    assert _count(client) == 0


def _stream(chunk: bytes, count: int) -> Iterator[bytes]:
    for _ in range(count):
        yield chunk


@pytest.mark.parametrize("declared", [True, False], ids=["declared", "chunked"])
def test_a_body_over_the_limit_is_refused(client: Client, declared: bool) -> None:
    """Over 16 MiB on the wire is 413, whether the length was declared or not."""
    chunk = b" " * 1024 * 1024
    body = chunk * 17 if declared else _stream(chunk, 17)
    # The server may have answered and closed while the rest was on its way.
    with contextlib.suppress(httpx.WriteError):
        assert _post(client, body).status_code == 413
    assert _count(client) == 0


@packed
def test_a_bomb_is_refused_while_it_inflates(client: Client, encoding: str) -> None:
    """Over 64 MiB inflated is 413: 1,000 times the wire's size is never held."""
    bomb = PACKERS[encoding](b"\n" * (inflation.MAX_INFLATED_BYTES + 1))
    assert len(bomb) < 100_000
    answer = _post(client, bomb, **{"content-encoding": encoding})
    assert answer.status_code == 413
    assert "inflated body is over 67108864 bytes" in answer.json()["error"]["message"]


@packed
def test_too_many_members_are_refused(client: Client, encoding: str) -> None:
    """A thousand go in one request; more would cost the server far more than the sender."""
    member, headers = PACKERS[encoding](b""), {"content-encoding": encoding}
    most = member * (inflation.MAX_MEMBERS - 1) + PACKERS[encoding](GOOD)
    assert _post(client, most, **headers).json()["accepted"] == 1
    answer = _post(client, most + member, **headers)
    assert answer.status_code == 413
    assert f"over 1000 members of {encoding}" in answer.json()["error"]["message"]


def test_too_many_records_are_refused(client: Client) -> None:
    """10,000 records go in one request, 10,001 do not, and none of those is stored."""
    body = b"\n".join([GOOD] * 10_001)
    assert _post(client, body).status_code == 413
    assert _count(client) == 0


def test_a_process_of_the_run_counts_from_its_own_range(client: Client) -> None:
    """From its id on: the largest that Linux gives, and the last number that the format has."""
    seq, lane = (2**22 - 1) * 2**30, (2**22 - 1) * 2**16
    parts = [
        make_span(0),
        {**make_span(1), "seq": seq, "lane": lane, "end_seq": seq + 2},
        {**make_span(2), "seq": 2**53 - 2, "lane": 2**53 - 1, "end_seq": 2**53 - 1},
        {**make_event(0, span=1), "seq": seq + 1},
    ]
    assert _post(client, dump_lines([make_run(), *parts])).json()["accepted"] == 5
    shape = "seq lane endSeq"
    run = client.ask(
        f"query($id: ID!) {{ run(id: $id) {{ spanTree {{ {shape} }} "
        f"usual: spanTree {{ {shape} attributes }} "
        f"spans {{ edges {{ node {{ {shape} events {{ edges {{ node {{ seq }} }} }} }} }} }} }} }}",
        id=make_run_id(0),
    )["run"]
    expected = [(0, 0), (seq, lane), (2**53 - 2, 2**53 - 1)]
    listed = [edge["node"] for edge in run["spans"]["edges"]]
    for spans in (run["spanTree"], run["usual"], listed):
        assert [(span["seq"], span["lane"]) for span in spans] == expected
        assert [span["endSeq"] for span in spans][1:] == [seq + 2, 2**53 - 1]
    assert listed[1]["events"]["edges"] == [{"node": {"seq": seq + 1}}]


def test_a_full_buffer_refuses_and_recovers(
    client: Client, server: ServerThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond the bound a request gets 429 and Retry-After; reads go on; then all is well."""
    entered, release = threading.Event(), threading.Event()

    def wait(
        connection: Connection, records: Sequence[ValidRecord], *, project_id: str
    ) -> Appended:
        entered.set()
        assert release.wait(TIMEOUT_S)
        return append_records(connection, records, project_id=project_id)

    monkeypatch.setattr(writer_module, "append_records", wait)
    big = dump_lines([make_run(1, input=make_payload("x" * 15_000_000))])
    budget = server.app.budget
    monkeypatch.setattr(budget, "limit_bytes", 20_000_000)
    with ThreadPoolExecutor(1) as pool, Client(server.url) as other:
        first = pool.submit(_post, client, big)
        assert entered.wait(TIMEOUT_S)
        refused = _post(other, dump_lines([make_run(2, input=make_payload("y" * 15_000_000))]))
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
        assert _count(other) == 0
        release.set()
        assert first.result(TIMEOUT_S).status_code == 200
        assert budget.used_bytes == 0
        assert _post(other, dump_lines([make_run(2)])).status_code == 200
        assert _count(other) == 2


def test_a_store_that_fails_is_told_and_nothing_acknowledged(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the commit fails the answer is 503, and the next request may succeed."""

    def fail(*_: object, **_own: object) -> Appended:
        raise OSError("disk full")

    monkeypatch.setattr(writer_module, "append_records", fail)
    answer = _post(client, GOOD)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert "disk full" not in answer.text
    monkeypatch.undo()
    assert _count(client) == 0
    assert _post(client, GOOD).status_code == 200


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.one_of(st.binary(max_size=40), st.sampled_from([GOOD, b"{}", b"[1", b"\r"]))))
def test_any_bytes_are_lines_or_errors(lines: list[bytes]) -> None:
    """No input makes the parser fail: each line that is not blank is a record or an error."""
    body = b"\n".join(lines)
    records, errors = parse_body(body)
    count = sum(bool(line.strip()) for line in body.split(b"\n"))
    assert len(records) + len(errors) == count
    assert all(error.message and error.code for error in errors)
