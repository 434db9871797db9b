"""The `HTTPError` of urllib: what programs ask of it is the same when it is raised again."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from http.client import HTTPMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from agenttrace.encoding.fidelity import ALWAYS, RoundTrip
from agenttrace.encoding.payload import Policy
from agenttrace.encoding.raised import decode_error
from agenttrace.failures import Failure, write_failure
from agenttrace.redaction import Redactor

if TYPE_CHECKING:
    from collections.abc import Iterator


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(429, "Slow Down")
        for name, value in (("Retry-After", "7"), ("X-A", "b"), ("X-A", "c")):
            self.send_header(name, value)
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"body")

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    """Give the address of a server that answers all with 429."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/pages?q=a%20b"
    server.shutdown()
    thread.join()
    server.server_close()


def record(error: BaseException, policy: Policy | None = None) -> dict[str, Any]:
    """Return the record of an exception as a reader has it."""
    policy = policy or Policy(round_trip=RoundTrip(ALWAYS))
    written = write_failure(Failure(error), policy, max_bytes=2**20)
    again: dict[str, Any] = json.loads(orjson.dumps(written))
    return again


def tell(error: Any) -> dict[str, Any]:
    """Return what programs ask an HTTPError."""
    names = ("code", "status", "msg", "reason", "url", "filename", "args")
    said = {name: getattr(error, name) for name in names}
    return {
        **said,
        "text": (str(error), repr(error)),
        "headers": [error.headers.items(), error.hdrs.items(), error.info().items()],
        "retry": (error.headers["retry-after"], error.headers.get_all("X-A")),
        "where": (error.geturl(), error.getcode()),
    }


def test_an_answer_over_the_network_comes_back_but_for_its_body(url: str) -> None:
    """Recording does not take the body from the program, and a replay does not make one up."""
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(url)
    error = caught.value
    written = record(error)
    assert written["args"]["fidelity"] == "exact"
    again = decode_error(written)
    assert type(again) is urllib.error.HTTPError
    assert tell(again) == tell(error)
    assert error.read() == b"body"
    with pytest.raises(ValueError, match="was not recorded"):
        again.read()
    again.close()


def test_a_body_in_memory_comes_back() -> None:
    """As an opener or a test makes them."""
    headers = HTTPMessage()
    headers["Retry-After"] = "7"
    error = urllib.error.HTTPError("http://h/p", 404, "Not Found", headers, BytesIO(b"b\xff"))
    error.add_note("note")
    again = decode_error(record(error))
    assert isinstance(again, urllib.error.HTTPError)
    assert tell(again) == tell(error)
    assert again.read() == b"b\xff"
    assert error.read() == b"b\xff"


def test_a_key_in_a_header_is_taken_out_and_the_rest_stays() -> None:
    """By the header's name, as of other clients."""
    headers = HTTPMessage()
    headers["Authorization"] = "Bearer abc.def"
    headers["X-A"] = "b"
    error = urllib.error.HTTPError("http://h/p", 401, "No", headers, None)
    written = record(error, Policy(round_trip=RoundTrip(ALWAYS), redactor=Redactor()))
    assert "abc.def" not in json.dumps(written)
    again: Any = decode_error(written)
    assert (again.code, again.headers["X-A"]) == (401, "b")
    assert "redacted" in again.headers["Authorization"]


def test_what_a_recording_says_of_it_is_checked() -> None:
    """A code that is a text makes no HTTPError of its own."""
    error = urllib.error.HTTPError("http://h/p", 404, "No", HTTPMessage(), None)
    written = record(error)
    written["args"]["value"]["code"] = "404"
    again = decode_error(written)
    assert type(again) is urllib.error.HTTPError
    assert "code" not in vars(again)
