"""Responses of requests as values of a recording, as those of httpx."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest
import requests
from requests.cookies import create_cookie

from agenttrace.encoding.decode import decode_payload
from agenttrace.redaction import Redactor

from .test_http_messages import play, write


def make_response(body: bytes = b'{"wait": 7}') -> requests.Response:
    """Return a response as the library makes it when it has read one."""
    response = requests.Response()
    response.status_code = 429
    response.reason = "Too Many Requests"
    response.url = "http://shop/orders?q=1"
    response.headers["Retry-After"] = "7"
    response.encoding = "utf-8"
    response.elapsed = timedelta(seconds=1.5)
    response._content = body
    response._content_consumed = True
    response.request = requests.Request(
        "POST", response.url, json={"n": 1}, headers={"Authorization": "Bearer abcdefghijkl"}
    ).prepare()
    response.cookies.set_cookie(create_cookie("theme", "dark", domain="shop"))
    return response


@pytest.mark.parametrize("body", [b"", b'{"wait": 7}', b"\xff\x00"])
def test_a_response_comes_back_with_its_request(body: bytes) -> None:
    response = make_response(body)
    again = play(response)
    assert (again.content, again.headers["retry-after"]) == (body, "7")
    assert (again.url, again.elapsed) == (response.url, timedelta(seconds=1.5))
    assert again.cookies.get_dict() == {"theme": "dark"}
    assert again.request.body == response.request.body
    assert again.request.headers == response.request.headers
    with pytest.raises(requests.HTTPError, match="429 Client Error: Too Many Requests"):
        again.raise_for_status()


def test_secrets_are_taken_out_and_the_objects_stay_what_they_are() -> None:
    payload = write(make_response(), Redactor())
    assert payload["fidelity"] == "redacted"
    again = decode_payload(payload, with_redacted=True)
    assert type(again) is requests.Response
    assert again.request.headers["authorization"] == "[redacted:authorization]"
    assert again.json() == {"wait": 7}


def test_a_response_that_is_still_to_be_read_is_none() -> None:
    response = make_response()
    response._content = False
    response.raw = io.BytesIO(b"later")
    assert write(response)["fidelity"] == "opaque"
