"""GraphQL over HTTP, edition of September 2026, requirement by requirement.

Each docstring begins with the section that it is about.
"""

from __future__ import annotations

import gzip
import json
from typing import Any

import httpx
import pytest

from agenttrace_server.errors import InvalidArgumentError
from agenttrace_server.graphql.validation import DocumentChecker
from agenttrace_server.services.access import AccessService

from ..support.client import Client
from ..support.lines import make_run_id
from ..support.thread import ServerThread

PLAIN = "application/json"
TYPED = "application/graphql-response+json"
UTF_8 = "; charset=utf-8"
FINE = "{ __typename }"
UNPARSED = "{"
INVALID = "{ nothing }"
COERCED = "query($first: Int!) { runs(first: $first) { cursor } }"
OVER_A_LIMIT = "{ __typename " + "@skip(if: false)" * 51 + "}"
OVER_ANY_PARSER = "{a" * 900
TWO_OPERATIONS = "query A { a: __typename } query B { b: __typename }"

# What a client may send as `Accept`, and which type it gets where all is well.
LIKES = [
    (None, TYPED),
    ("", TYPED),
    ("*/*", TYPED),
    ("application/*", TYPED),
    (TYPED, TYPED),
    (PLAIN, PLAIN),
    (f"{TYPED}, {PLAIN}", TYPED),
    (f"{PLAIN}, {TYPED}", PLAIN),
    (f"{TYPED}, {PLAIN};q=0.9", TYPED),
    (f"{PLAIN};q=0.5, {TYPED};q=0.9", TYPED),
    (f"{TYPED};q=0.5, {PLAIN}", PLAIN),
    (f"{TYPED};q=0, */*", PLAIN),
    (f"{PLAIN};q=0, application/*", TYPED),
    (f"{TYPED}; charset=utf-8, {PLAIN}; charset=utf-8", TYPED),
    (f'{TYPED}; charset="UTF-8"', TYPED),
    (f"text/event-stream, {TYPED}", TYPED),
    (f"text/html, {PLAIN}", PLAIN),
]


def _post(
    client: Client, body: object, accept: str | None = TYPED, **headers: str
) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = {"content-type": PLAIN, **headers}
    if accept is not None:
        sent["accept"] = accept
    request = client.http.build_request("POST", "/graphql", content=content, headers=sent)
    if accept is None:
        del request.headers["accept"]
    return client.http.send(request)


def _ask(client: Client, query: str, accept: str | None = TYPED, **more: Any) -> httpx.Response:
    return _post(client, {"query": query, **more}, accept)


def _check_refusal(answer: httpx.Response, status: int) -> dict[str, Any]:
    """Return the first error of an answer that is a whole GraphQL request error result."""
    assert (answer.status_code, answer.headers["content-type"]) == (status, TYPED + UTF_8)
    result = answer.json()
    assert set(result) == {"errors"}
    assert all(error["message"] and error["extensions"]["code"] for error in result["errors"])
    first: dict[str, Any] = result["errors"][0]
    return first


@pytest.mark.parametrize(("accept", "kind"), LIKES)
def test_success_has_the_type_that_the_client_likes_best(
    shared_client: Client, accept: str | None, kind: str
) -> None:
    """Body: MUST respect `Accept`, MUST name the type, SHOULD name the encoding; UTF-8 assumed."""
    answer = _ask(shared_client, FINE, accept)
    assert (answer.status_code, answer.headers["content-type"]) == (200, kind + UTF_8)
    assert answer.json() == {"data": {"__typename": "Query"}}


@pytest.mark.parametrize("accept", [accept for accept, _ in LIKES])
@pytest.mark.parametrize(
    ("query", "status"),
    [(UNPARSED, 400), ("", 400), (INVALID, 422), (COERCED, 422), (TWO_OPERATIONS, 422)],
)
def test_failure_has_one_status_and_one_type_for_every_client(
    shared_client: Client, accept: str | None, query: str, status: int
) -> None:
    """Body: a legacy client SHOULD be answered as the others; only 2xx become plain JSON."""
    _check_refusal(_ask(shared_client, query, accept, variables={"first": "a"}), status)


@pytest.mark.parametrize("accept", ["text/html", f"{TYPED};q=0", "*/*;q=0", f"{PLAIN}; charset=x"])
def test_a_client_that_takes_neither_type_is_refused(shared_client: Client, accept: str) -> None:
    """Body: SHOULD be 406 where neither of the types is acceptable, and nothing is executed."""
    error = _check_refusal(_ask(shared_client, FINE, accept), 406)
    assert TYPED in error["message"]
    assert PLAIN in error["message"]


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("query", [FINE, 'mutation { deleteRun(id: "a") { errors { code } } }'])
def test_other_methods_run_nothing(shared_client: Client, method: str, query: str) -> None:
    """GET, Status Codes: MUST NOT run a mutation; SHOULD be 405, with `Allow` as HTTP demands."""
    answer = shared_client.http.request(method, "/graphql", params={"query": query})
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    if method != "HEAD":
        _check_refusal(answer, 405)


@pytest.mark.parametrize(
    "content_type",
    [
        PLAIN,
        f"{PLAIN}; charset=utf-8",
        "Application/JSON;Charset=UTF-8",
        f'{PLAIN}; charset="utf-8"',
    ],
)
def test_json_in_utf_8_is_taken(shared_client: Client, content_type: str) -> None:
    """POST: MUST take `application/json`, MUST assume UTF-8 where no encoding is named."""
    body = '{"query": "query($id: ID!) { run(id: $id) { id } }", "variables": {"id": "ä€😀"}}'
    answer = _post(shared_client, body.encode(), **{"content-type": content_type})
    assert (answer.status_code, answer.json()) == (200, {"data": {"run": None}})


@pytest.mark.parametrize(
    "content_type",
    [None, "", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
     "application/graphql", TYPED, f"{PLAIN}; charset=utf-16", "application/jsonp"],
)  # fmt: skip
def test_any_other_type_is_refused(shared_client: Client, content_type: str | None) -> None:
    """POST, Status Codes: without a `Content-Type` SHOULD be 4xx; an unsupported one 415."""
    headers = {} if content_type is None else {"content-type": content_type}
    body = json.dumps({"query": FINE}).encode()
    _check_refusal(shared_client.http.post("/graphql", content=body, headers=headers), 415)


@pytest.mark.parametrize("encoding", ["gzip", "zstd", "br", "GZip", "gzip, gzip"])
def test_a_packed_body_is_refused_as_such(shared_client: Client, encoding: str) -> None:
    """RFC 9110, 15.5.16: an unsupported `Content-Encoding` is 415, not a body that is no JSON."""
    body = gzip.compress(json.dumps({"query": FINE}).encode())
    headers = {"content-type": PLAIN, "content-encoding": encoding}
    answer = shared_client.http.post("/graphql", content=body, headers=headers)
    _check_refusal(answer, 415)
    (error,) = answer.json()["errors"]
    assert error["extensions"] == {"code": "UNSUPPORTED_ENCODING"}
    plain = {**headers, "content-encoding": "identity"}
    body = json.dumps({"query": FINE}).encode()
    assert shared_client.http.post("/graphql", content=body, headers=plain).status_code == 200


@pytest.mark.parametrize(
    "body",
    [b"", b"NONSENSE", b'{"query":', b"\xff\xfe", b'{"query": "\xff"}', b"[" * 100_000],
    ids=lambda body: str(body[:20]),
)
def test_a_body_that_is_no_json_is_refused(shared_client: Client, body: bytes) -> None:
    """Status Codes: a body that cannot be parsed SHOULD be 400."""
    _check_refusal(_post(shared_client, body), 400)


@pytest.mark.parametrize(
    "body",
    [
        None,
        5,
        "text",
        [],
        {},
        [{"query": FINE}],
        {"qeury": FINE},
        {"query": None},
        {"query": 5},
        {"query": [FINE]},
        {"query": {"text": FINE}},
        {"query": FINE, "operationName": 5},
        {"query": FINE, "operationName": {}},
        {"query": FINE, "variables": [7]},
        {"query": FINE, "variables": "{}"},
        {"query": FINE, "extensions": 5},
        {"query": FINE, "extensions": []},
        {"documentId": 5},
        {"documentId": "sha256:0"},
        {"documentId": "sha256:0", "query": FINE},
    ],
    ids=str,
)
@pytest.mark.parametrize("accept", [TYPED, PLAIN])
def test_json_that_is_no_request_is_refused(
    shared_client: Client, body: object, accept: str
) -> None:
    """Status Codes: what is not a well-formed GraphQL-over-HTTP request SHOULD be 422."""
    _check_refusal(_post(shared_client, body, accept), 422)


def test_null_is_as_good_as_nothing(shared_client: Client) -> None:
    """JSON Encoding: null for an optional parameter is the same as leaving it out."""
    nulls = dict.fromkeys(("operationName", "variables", "extensions", "documentId"))
    assert _ask(shared_client, FINE, **nulls).json() == {"data": {"__typename": "Query"}}


def test_unknown_properties_are_ignored(shared_client: Client) -> None:
    """JSON Encoding: MUST ignore properties and extensions that the server does not understand."""
    more: dict[str, Any] = {"id": [5], "batch": True, "extensions": {"example.com": {"a": 1}}}
    answer = _ask(shared_client, FINE, **more)
    assert (answer.status_code, answer.json()) == (200, {"data": {"__typename": "Query"}})


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"query": UNPARSED}, 400, "PARSE_FAILED"),
        ({"query": ""}, 400, "PARSE_FAILED"),
        ({"query": "# nothing"}, 400, "PARSE_FAILED"),
        ({"query": INVALID}, 422, "VALIDATION_FAILED"),
        ({"query": "fragment F on Query { __typename }"}, 422, "OPERATION_NOT_FOUND"),
        ({"query": OVER_A_LIMIT}, 422, "LIMIT_EXCEEDED"),
        ({"query": OVER_ANY_PARSER}, 422, "LIMIT_EXCEEDED"),
        ({"query": TWO_OPERATIONS}, 422, "VALIDATION_FAILED"),
        ({"query": TWO_OPERATIONS, "operationName": "C"}, 422, "OPERATION_NOT_FOUND"),
        ({"query": COERCED}, 422, "VALIDATION_FAILED"),
        ({"query": COERCED, "variables": {"first": None}}, 422, "VALIDATION_FAILED"),
        ({"query": COERCED, "variables": {"first": "a"}}, 422, "VALIDATION_FAILED"),
        ({"query": "subscription { runChanges { cursor } }"}, 422, "WRONG_TRANSPORT"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_document_that_cannot_run_says_why(
    shared_client: Client, body: object, status: int, code: str
) -> None:
    """Status Codes: 400 for what does not parse; 422 for validation, operation and variables.

    Limits are "additional validation rules" (Validation), those before the parser as well.
    """
    error = _check_refusal(_post(shared_client, body), status)
    assert error["extensions"]["code"] == code


@pytest.mark.parametrize(
    ("query", "data"),
    [
        (
            f'{{ __typename run(id: "{make_run_id(0)}") {{ id }} }}',
            {"__typename": "Query", "run": None},
        ),
        ("{ __typename runs(first: 201) { cursor } }", None),
    ],
)
def test_a_partial_success_has_its_own_status(
    shared_client: Client, monkeypatch: pytest.MonkeyPatch, query: str, data: object
) -> None:
    """Status Codes: data, even null, with errors SHOULD be 294; non-null data MUST be 2xx.

    Partial success: 294 is recommended in GraphQL's own type only.
    """

    async def fail(*_: object) -> None:
        raise InvalidArgumentError("not this one")

    monkeypatch.setattr(AccessService, "keep_own", fail)
    typed, plain = (_ask(shared_client, query, accept) for accept in (TYPED, PLAIN))
    assert (typed.status_code, typed.headers["content-type"]) == (294, TYPED + UTF_8)
    assert (plain.status_code, plain.headers["content-type"]) == (200, PLAIN + UTF_8)
    assert typed.json() == plain.json()
    assert typed.json()["data"] == data
    assert len(typed.json()["errors"]) == 1


@pytest.mark.parametrize("accept", [TYPED, PLAIN])
def test_a_failure_of_the_server_is_no_mistake_of_the_client(
    shared_client: Client,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    accept: str,
) -> None:
    """Status Codes: where the server is the reason, 5xx SHOULD be used; the log has the reason."""

    def fail(*_: object) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr(DocumentChecker, "find_errors", fail)
    error = _check_refusal(_ask(shared_client, FINE, accept), 500)
    assert error["extensions"]["code"] == "INTERNAL"
    assert "a defect" not in error["message"]
    assert error["extensions"]["errorId"] in caplog.text
    assert "a defect" in caplog.text


def test_a_large_body_is_refused(shared_client: Client) -> None:
    """Status Codes: a body that is too large SHOULD be 413."""
    _check_refusal(_ask(shared_client, FINE, x="a" * 1024 * 1024), 413)


def test_what_is_no_graphql_result_does_not_say_that_it_is(shared_server: ServerThread) -> None:
    """Status Codes: without a well-formed response 4xx, and MUST NOT be GraphQL's own type."""
    headers = {"accept": TYPED, "origin": "https://evil.example"}
    answer = httpx.post(f"{shared_server.url}/graphql", json={"query": FINE}, headers=headers)
    assert answer.status_code == 403
    assert not answer.headers["content-type"].startswith(TYPED)
    assert "errors" not in answer.json()


@pytest.mark.parametrize(
    ("query", "more", "code"),
    [
        (UNPARSED, {}, "PARSE_FAILED"),
        (INVALID, {}, "VALIDATION_FAILED"),
        ("{ runs(first: 1.5) { cursor } }", {}, "VALIDATION_FAILED"),
        (COERCED, {"variables": {"first": "x"}}, "VALIDATION_FAILED"),
        (COERCED, {"variables": {"first": None}}, "VALIDATION_FAILED"),
        (TWO_OPERATIONS, {"operationName": "C"}, "OPERATION_NOT_FOUND"),
        ("subscription { runChanges { cursor } }", {}, "WRONG_TRANSPORT"),
        (OVER_A_LIMIT, {}, "LIMIT_EXCEEDED"),
        ("{ runs(first: 900) { cursor } }", {}, "INVALID_ARGUMENT"),
    ],
)
def test_each_error_has_a_code(
    shared_client: Client, query: str, more: dict[str, Any], code: str
) -> None:
    """`docs/graphql.md` lists them."""
    errors = _ask(shared_client, query, **more).json()["errors"]
    assert {error["extensions"]["code"] for error in errors} == {code}


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"accept": "text/html"}, "NOT_ACCEPTABLE"),
        ({"content-type": "text/plain"}, "UNSUPPORTED_MEDIA_TYPE"),
    ],
)
def test_a_refused_form_has_a_code(
    shared_client: Client, headers: dict[str, str], code: str
) -> None:
    """So has what is wrong with the request itself."""
    sent = {"content-type": PLAIN, "accept": TYPED, **headers}
    answer = shared_client.http.post("/graphql", json={"query": FINE}, headers=sent)
    assert answer.json()["errors"][0]["extensions"] == {"code": code}
