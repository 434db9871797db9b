"""Requests and responses of httpx and its fork, and pydantic's errors, as values of a recording."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import httpx
import httpx2
import pytest
from pydantic import TypeAdapter, ValidationError

from agenttrace.encoding.codecs import REGISTRY, register_codec
from agenttrace.encoding.decode import decode_payload
from agenttrace.encoding.fidelity import RoundTrip
from agenttrace.encoding.http_messages import MAX_REQUEST_BYTES
from agenttrace.encoding.payload import Policy, encode, write_payload
from agenttrace.encoding.snapshot import take_snapshot
from agenttrace.errors import DecodeError
from agenttrace.redaction import Redactor

LIMIT = 2**20
BOTH = pytest.mark.parametrize("web", [httpx, httpx2], ids=["httpx", "httpx2"])


def write(value: object, redactor: Redactor | None = None) -> dict[str, Any]:
    """Return the payload of a value, as a reader has it."""
    policy = Policy(round_trip=RoundTrip("always"), redactor=redactor)
    encoded = encode(take_snapshot(value, max_bytes=LIMIT), max_bytes=LIMIT, policy=policy)
    payload = write_payload(encoded)
    types = {} if encoded.types is None else {"types": json.loads(encoded.types)}
    return {**payload, "value": json.loads(encoded.text), **types}


def play(value: Any) -> Any:
    """Return the value as it comes back from a recording that holds it exactly."""
    payload = write(value)
    assert payload["fidelity"] == "exact", payload
    again = decode_payload(payload)
    assert type(again) is type(value)
    return again


@BOTH
def test_a_response_comes_back_with_its_request(web: Any) -> None:
    """Status, headers with repeated names, body, redirects; and it can be raised for."""
    request = web.Request("POST", "http://user@shop/a?q=a%20b", json={"n": 1})
    first = web.Response(301, headers={"location": "/b"}, request=request)
    response = web.Response(
        429,
        headers=[("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("X", "\xe9".encode())],
        content=b'{"wait": 7}',
        request=request,
        history=[first],
        extensions={"http_version": b"HTTP/2", "network_stream": object()},
    )
    response.elapsed = timedelta(seconds=1.5)
    again = play(response)
    assert again.headers == response.headers
    assert again.headers.raw == response.headers.raw
    assert (again.json(), again.text) == ({"wait": 7}, response.text)
    assert (again.http_version, again.reason_phrase) == ("HTTP/2", "Too Many Requests")
    assert (again.elapsed, again.is_closed) == (timedelta(seconds=1.5), True)
    assert [each.status_code for each in again.history] == [301]
    assert (again.request.url, again.request.method) == (request.url, "POST")
    assert again.request.content == request.content
    assert b"".join(again.request.stream) == request.content  # it can be sent again
    with pytest.raises(web.HTTPStatusError, match="429 Too Many Requests"):
        again.raise_for_status()


@BOTH
@pytest.mark.parametrize("body", [b"", b"\xff\x00", "\xe9".encode()])
def test_a_body_is_the_same_to_the_byte(web: Any, body: bytes) -> None:
    assert play(web.Response(200, content=body)).content == body


@BOTH
def test_a_body_that_was_packed_is_not_unpacked_twice(web: Any) -> None:
    import gzip

    packed = web.Response(200, headers={"content-encoding": "gzip"}, content=gzip.compress(b"hi"))
    assert play(packed).text == "hi"


@BOTH
def test_a_response_that_is_still_to_be_read_is_none(web: Any) -> None:
    """What comes of its socket was never recorded: it is opaque, not an empty body."""
    response = web.Response(200, stream=web.ByteStream(b"later"))
    assert write(response)["fidelity"] == "opaque"


@BOTH
def test_the_long_body_of_a_request_is_left_out_and_missed(web: Any) -> None:
    long = web.Request("POST", "http://shop/", content=b"x" * (MAX_REQUEST_BYTES + 1))
    with pytest.raises(web.RequestNotRead):
        _ = play(long).content


@BOTH
def test_secrets_are_taken_out_and_the_objects_stay_what_they_are(web: Any) -> None:
    request = web.Request(
        "GET",
        "http://bob:hunter2pass@shop/?api_key=sk-proj-abcdefghijklmnopqrstuvwxyz012345",
        headers={"Authorization": "Bearer abcdefghijklmnop", "X-Api-Key": "k-123456789", "A": "b"},
    )
    payload = write(request, Redactor())
    text = json.dumps(payload)
    assert payload["fidelity"] == "redacted"
    for secret in ("hunter2pass", "sk-proj-", "abcdefghijklmnop", "k-123456789"):
        assert secret not in text
    with pytest.raises(DecodeError, match="redacted"):
        decode_payload(payload)
    again = decode_payload(payload, with_redacted=True)
    assert type(again) is web.Request
    assert (again.headers["authorization"], again.headers["a"]) == ("[redacted:authorization]", "b")
    assert again.url.host == "shop"


class Noisy(httpx.Headers):
    """Headers whose own code must not run when a recording is decoded."""

    def __init__(self, *_args: object) -> None:
        raise AssertionError("user code ran")


def test_no_code_of_a_class_that_extends_one_runs() -> None:
    headers = object.__new__(Noisy)
    httpx.Headers.__init__(headers, {"a": "b"})
    assert play(headers)["a"] == "b"


@pytest.mark.parametrize(
    ("spelled", "content"),
    [
        ("httpx:Response", {}),
        ("httpx:Response", []),
        ("httpx:Request", {"method": 1, "url": 2, "headers": 3, "content": 4}),
        ("httpx:Headers", [["a"], 3]),
        ("httpx:URL", {"url": "http://[::1"}),
        ("pydantic_core._pydantic_core:ValidationError", {"title": 1}),
        ("builtins:dict", {}),
        ("os:system", {}),
    ],
)
def test_content_that_fits_nothing_is_refused(spelled: str, content: object) -> None:
    """A recording is untrusted input: one error, of the decoder."""
    for name in ("httpx-response", "httpx-request", "httpx-url", "pydantic-validation-error"):
        payload = {
            "value": content,
            "codec": "typed",
            "fidelity": "exact",
            "types": {"": f"codec {name} 1 {spelled}"},
        }
        with pytest.raises(DecodeError):
            decode_payload(payload)


def test_a_codec_of_the_program_counts_first() -> None:
    register_codec(
        httpx.URL, name="mine", encode=lambda url: [str(url)], decode=lambda c, kind: kind(*c)
    )
    try:
        assert write(httpx.URL("http://a/"))["types"] == {"": "codec mine 1 httpx:URL"}
    finally:
        REGISTRY.remove("mine")
    assert write(httpx.URL("http://a/"))["types"] == {"": "codec httpx-url 1 httpx:URL"}


def test_errors_of_validation_are_equal_values() -> None:
    """Also as values: in a list of what `gather` returned, say."""
    with pytest.raises(ValidationError) as raised:
        TypeAdapter(dict[str, tuple[int, ...]]).validate_python({"a": ("1", "x", b"\xff")})
    again = play([raised.value])[0]
    assert again.errors() == raised.value.errors()
    assert str(again) == str(raised.value)
