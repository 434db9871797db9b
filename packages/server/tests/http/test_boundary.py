"""The browser's boundary, row by row of the security checklist (C19 to C23, C36, C39, F34)."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from starlette.routing import Route, WebSocketRoute

from agenttrace_server.errors import StartError
from agenttrace_server.http.paths import is_door, is_page
from agenttrace_server.http.policy import STRICT_TRANSPORT
from agenttrace_server.services.health import HealthService
from agenttrace_server.settings import read_settings

from ..support.client import NDJSON, TIMEOUT_S, Client
from ..support.lines import dump_lines, make_run, make_run_id
from ..support.thread import ServerThread

EVIL = "https://evil.example"
GOOD = "https://good.example"
RUN_ID = make_run_id(0)
BODY = dump_lines([make_run()])
QUERY = {"query": "{ __typename }"}
HOSTS = {
    "ours": (["localhost:8000"], True),
    "in capitals": (["LOCALHOST"], True),
    "by address": (["127.0.0.1:1"], True),
    "by address 6": (["[::1]:8000"], True),
    "foreign": (["evil.example"], False),
    "a suffix of ours": (["127.0.0.1.evil.example"], False),
    "another suffix": (["localhost.evil.example:8000"], False),
    "behind a name": (["localhost@evil.example"], False),
    "behind a port": (["localhost:80@evil.example"], False),
    "behind an address": (["[::1]evil.example"], False),
    "behind an address and a port": (["[::1]:80.evil.example"], False),
    "with a dot": (["localhost."], False),
    "with a list": (["localhost, evil.example"], False),
    "empty": ([""], False),
    "missing": ([], False),
    "twice": (["localhost", "evil.example"], False),
    "twice the same": (["localhost", "localhost"], False),
}
DATA = [
    ("POST", "/api/ingest"),
    ("POST", "/graphql"),
    ("GET", "/graphql"),
    ("POST", "/v1/traces"),
    ("GET", f"/api/export/runs/{RUN_ID}"),
    ("GET", f"/api/runs/{RUN_ID}/input"),
    ("HEAD", f"/api/runs/{RUN_ID}/input"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/metrics"),
    ("PUT", "/anything"),
]
FOREIGN = {
    "no-cors": {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"},
    "no-cors with its origin": {"sec-fetch-site": "cross-site", "origin": EVIL},
    "another port": {"sec-fetch-site": "same-site", "sec-fetch-mode": "no-cors"},
    "an old browser": {"origin": EVIL},
    "a sandboxed frame": {"origin": "null"},
    "another port's origin": {"origin": "http://localhost:1"},
    "ours and a foreign one": {"origin": f"http://localhost, {EVIL}"},
    "a form": {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"},
    "a link": {
        "sec-fetch-site": "cross-site",
        "sec-fetch-mode": "navigate",
        "sec-fetch-dest": "document",
    },
}


def _talk(server: ServerThread, line: str, headers: list[str]) -> tuple[int, str]:
    """Send a request as it is written; return the answer's status and text."""
    with socket.create_connection(("127.0.0.1", server.port), TIMEOUT_S) as raw:
        head = [f"{line} HTTP/1.1", *headers, "Connection: close"]
        raw.sendall("".join(f"{each}\r\n" for each in [*head, ""]).encode())
        answer = b"".join(iter(lambda: raw.recv(65536), b"")).decode()
    return int(answer.split()[1]), answer


def _shake_hands(server: ServerThread, headers: list[str]) -> int:
    """Ask for the WebSocket; return the status, 101 when it is open."""
    fixed = [
        *("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"),
        *("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",),
        "Sec-WebSocket-Protocol: graphql-transport-ws",
    ]
    with socket.create_connection(("127.0.0.1", server.port), TIMEOUT_S) as raw:
        head = ["GET /graphql HTTP/1.1", *headers, *fixed]
        raw.sendall("".join(f"{each}\r\n" for each in [*head, ""]).encode())
        return int(raw.recv(65536).split()[1])


@pytest.mark.parametrize(("hosts", "is_ours"), HOSTS.values(), ids=list(HOSTS))
@pytest.mark.parametrize("path", ["/healthz", "/", "/graphql", "/nothing"])
def test_c19_only_our_own_names_are_answered_to(
    shared_server: ServerThread, hosts: list[str], is_ours: bool, path: str
) -> None:
    """A page that points its own name at this machine gets nothing, on any path."""
    status, _ = _talk(shared_server, f"GET {path}", [f"Host: {host}" for host in hosts])
    assert (status != 421) == is_ours


@pytest.mark.parametrize(("hosts", "is_ours"), HOSTS.values(), ids=list(HOSTS))
def test_c19_only_our_own_names_open_a_websocket(
    shared_server: ServerThread, hosts: list[str], is_ours: bool
) -> None:
    """CORS does not cover WebSockets; the name does."""
    status = _shake_hands(shared_server, [f"Host: {host}" for host in hosts])
    # Without a Host, or with two, the library of WebSockets refuses even earlier.
    assert (status == 101) == is_ours
    assert status in (101, 400, 421)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerThread]:
    """A server that one other origin may use, which holds a run."""
    url = f"sqlite:///{tmp_path_factory.mktemp('shared') / 'agenttrace.db'}"
    with ServerThread(url, cors_origins=GOOD) as server, Client(server.url) as client:
        client.send([make_run()])
        yield server


@pytest.mark.parametrize(
    "origin",
    [
        *(EVIL, "null", "https://good.example.evil.com", "http://good.example"),
        *("https://good.example:444", "https://evilgood.example", "https://good.example/", "*"),
    ],
)
def test_c20_an_origin_that_is_not_listed_reads_nothing(shared: ServerThread, origin: str) -> None:
    """No answer allows it anything: not to a request, not to a preflight."""
    asked = {"access-control-request-method": "POST", "origin": origin}
    answers = [
        httpx.post(f"{shared.url}/graphql", json=QUERY, headers={"origin": origin}),
        httpx.options(f"{shared.url}/graphql", headers=asked),
        httpx.get(f"{shared.url}/healthz", headers={"origin": origin}),
    ]
    for answer in answers:
        assert answer.status_code == 403
        assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_c20_a_listed_origin_uses_the_api(shared: ServerThread) -> None:
    """It is named, alone, without credentials of the browser; caches keep the answers apart."""
    asked = {
        "origin": GOOD,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type",
    }
    preflight = httpx.options(f"{shared.url}/graphql", headers=asked)
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-headers"].count("authorization") == 1
    answer = httpx.post(f"{shared.url}/graphql", json=QUERY, headers={"origin": GOOD})
    for each in (preflight, answer):
        assert each.headers["access-control-allow-origin"] == GOOD
        assert "access-control-allow-credentials" not in each.headers
        assert "Origin" in each.headers["vary"]


@pytest.mark.parametrize("environment", ["development", "production"])
def test_c20_every_origin_is_no_setting(environment: str) -> None:
    """`CORS_ORIGINS=*` stops the start, with the variable's name."""
    with pytest.raises(StartError, match=r"CORS_ORIGINS: '\*' is no origin"):
        read_settings(cors_origins="*", environment=environment)


@pytest.mark.parametrize("headers", FOREIGN.values(), ids=list(FOREIGN))
@pytest.mark.parametrize(("method", "path"), DATA)
def test_c21_c22_a_foreign_page_reaches_no_data(
    shared: ServerThread, method: str, path: str, headers: dict[str, str]
) -> None:
    """It can neither write nor read nor find out what is there, with a valid cookie or without."""
    sent = {**NDJSON, "cookie": "session=1", **headers}
    answer = httpx.request(method, shared.url + path, content=BODY, headers=sent)
    assert answer.status_code == 403
    if method != "HEAD":
        assert answer.json()["error"]["code"] == "origin_not_allowed"


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize("path", ["/graphql", "/api/ingest"])
def test_c21_the_browser_is_believed_before_the_origin(
    shared: ServerThread, path: str, site: str
) -> None:
    """With our own origin, too: no browser says both, so that one of them is not true."""
    sent = {**NDJSON, "host": "localhost", "origin": "http://localhost", "sec-fetch-site": site}
    assert httpx.post(shared.url + path, content=BODY, headers=sent).status_code == 403
    own = httpx.post(shared.url + path, content=BODY, headers={**sent, "sec-fetch-site": "none"})
    assert own.status_code != 403


def test_c22_nothing_of_it_was_stored(shared: ServerThread) -> None:
    """What a page sent without waiting for the answer is not there."""
    with Client(shared.url) as client:
        sent = {"origin": EVIL, **NDJSON}
        client.http.post("/api/ingest", content=dump_lines([make_run(7)]), headers=sent)
        assert client.ask("query($id: ID!) { run(id: $id) { id } }", id=make_run_id(7)) == {
            "run": None
        }


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "http://localhost"},
        {"sec-fetch-site": "same-origin", "sec-fetch-mode": "cors"},
        {"sec-fetch-site": "none", "sec-fetch-mode": "navigate"},
        {"origin": GOOD, "sec-fetch-site": "cross-site", "sec-fetch-mode": "cors"},
    ],
    ids=["a program", "our page's origin", "our page", "an address typed in", "a listed origin"],
)
@pytest.mark.parametrize("path", [f"/api/export/runs/{RUN_ID}", "/healthz"])
def test_c22_programs_and_our_own_pages_are_let_in(
    shared: ServerThread, path: str, headers: dict[str, str]
) -> None:
    """Nobody needs a setting for what is his own."""
    answer = httpx.get(shared.url + path, headers={"host": "localhost", **headers})
    assert answer.status_code == 200


@pytest.mark.parametrize(("path", "status"), [("/", 200), ("/runs/x", 200), ("/graphql", 403)])
def test_c22_a_link_leads_to_our_pages_only(
    shared: ServerThread, path: str, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who finds a run's address in a chat may open it; in a frame or by a script, nobody may."""
    link = FOREIGN["a link"]
    answer = httpx.get(shared.url + path, headers=link)
    assert (answer.status_code == 403) == (status == 403)
    for changed in ({"sec-fetch-dest": "iframe"}, {"sec-fetch-mode": "no-cors"}, {"origin": EVIL}):
        assert httpx.get(shared.url + path, headers={**link, **changed}).status_code == 403
    assert httpx.post(shared.url + path, headers=link).status_code == 403


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([], 101),
        (["Origin: http://localhost"], 101),
        ([f"Origin: {GOOD}"], 101),
        ([f"Origin: {EVIL}"], 403),
        (["Origin: null"], 403),
        (["Origin: http://localhost:1"], 403),
        (["Origin: http://localhost", f"Origin: {EVIL}"], 400),  # the library's answer
        (["Sec-Fetch-Site: same-origin"], 403),
        (["Sec-Fetch-Mode: websocket"], 403),
        (["User-Agent: Mozilla/5.0 (X11; Linux x86_64)"], 403),
    ],
    ids=str,
)
def test_c24_a_browser_says_where_a_websocket_comes_from(
    shared: ServerThread, headers: list[str], status: int
) -> None:
    """Of another origin, or without one, it is refused before it is open; a program needs none."""
    assert _shake_hands(shared, ["Host: localhost", *headers]) == status


@pytest.mark.parametrize(
    "kind",
    [
        *("text/plain", "text/plain;charset=UTF-8", "application/x-www-form-urlencoded"),
        *("multipart/form-data; boundary=x", None, "", "application/csp-report"),
    ],
)
@pytest.mark.parametrize("path", ["/api/ingest", "/graphql"])
def test_c21_what_a_form_can_send_is_refused(
    shared_client: Client, path: str, kind: str | None
) -> None:
    """Only types for which a browser asks first are read."""
    headers = {} if kind is None else {"content-type": kind}
    assert shared_client.http.post(path, content=BODY, headers=headers).status_code == 415


@pytest.mark.parametrize(
    "query", ["{ __typename }", 'mutation { deleteRun(id: "x") { errors { message } } }']
)
def test_c21_a_get_executes_nothing(shared_client: Client, query: str) -> None:
    """GraphQL takes POST only."""
    assert shared_client.http.get("/graphql", params={"query": query}).status_code == 405


@pytest.mark.parametrize("path", ["/", "/runs/x", "/healthz", "/api/nothing", "/graphql"])
def test_c23_every_answer_carries_the_headers(shared_client: Client, path: str) -> None:
    """Only files of ours run, nothing is framed, guessed, leaked, or made markup of."""
    headers = shared_client.http.get(path).headers
    policy = dict(
        [*part.split(maxsplit=1), ""][:2] for part in headers["content-security-policy"].split("; ")
    )
    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "style-src-attr": "'unsafe-inline'",
        "img-src": "'self' data: blob:",
        "connect-src": "'self'",
        "font-src": "'self'",
        "manifest-src": "'self'",
        "frame-ancestors": "'none'",
        "base-uri": "'none'",
        "form-action": "'self'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert {"camera=()", "microphone=()", "geolocation=()"} <= set(
        headers["permissions-policy"].split(", ")
    )
    assert "strict-transport-security" not in headers


def test_c23_refusals_carry_them_too(shared_server: ServerThread) -> None:
    """Whoever is turned away learns nothing by a missing header."""
    refused = [
        httpx.get(shared_server.url, headers={"host": "evil.example"}),
        httpx.post(shared_server.url, headers={"origin": EVIL}),
    ]
    for answer in refused:
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["content-type"] == "application/json"
        assert "content-security-policy" in answer.headers
    _, text = _talk(shared_server, "GET /", ["Host: localhost", "broken"])
    assert "x-content-type-options: nosniff" in text


def test_c36_an_error_that_nobody_expected_says_nothing(
    shared_client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """JSON with an id that the log has, no text of the error, and all headers of other answers."""

    async def fail(_self: object) -> None:
        raise RuntimeError("secret /etc/passwd SELECT")

    monkeypatch.setattr(HealthService, "find_problem", fail)
    answer = httpx.get(f"{shared_client.url}/readyz")
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (500, "internal")
    found = re.fullmatch(
        r"internal error ([0-9a-f]{16}); the server's log has more", error["message"]
    )
    assert found
    assert found[1] in caplog.text
    assert answer.headers["cache-control"] == "no-store"
    assert "content-security-policy" in answer.headers


@pytest.mark.parametrize(
    "path",
    [
        *("//graphql", "/graphql/", "/GRAPHQL", "/graphql;x", "/api%2Fingest", "/api//ingest"),
        *("/./graphql", "/api/../graphql", "/%67raphql", "/graphql%00", "/api/ingest/", "/API/x"),
    ],
)
def test_c39_no_spelling_of_a_path_gets_round_the_guards(
    shared_server: ServerThread, path: str
) -> None:
    """A foreign page is refused, and a link does not lead there, however a door is spelt."""
    line = f"POST {path}"
    assert _talk(shared_server, line, ["Host: localhost", f"Origin: {EVIL}"])[0] == 403
    assert _talk(shared_server, line, ["Host: evil.example"])[0] == 421
    link = [f"{name}: {value}" for name, value in FOREIGN["a link"].items()]
    status, text = _talk(shared_server, f"GET {path}", ["Host: localhost", *link])
    assert status in (403, 404), text


@pytest.mark.parametrize(
    "header",
    [
        *("X-Original-URL: /healthz", "X-Rewrite-URL: /healthz", "X-Forwarded-Prefix: /x"),
        *(
            "X-Forwarded-Host: localhost",
            "Forwarded: host=localhost",
            "X-HTTP-Method-Override: GET",
        ),
    ],
)
def test_c39_no_header_gets_round_the_guards(shared_server: ServerThread, header: str) -> None:
    """What a proxy may have said of a path or name changes nothing."""
    assert _talk(shared_server, "GET /api/nothing", ["Host: localhost", header])[0] == 404
    assert _talk(shared_server, "GET /healthz", ["Host: evil.example", header])[0] == 421
    assert _talk(shared_server, "POST /", ["Host: localhost", f"Origin: {EVIL}", header])[0] == 403


def test_c39_every_route_is_known_to_be_a_door(shared_server: ServerThread) -> None:
    """The guards judge by a door's name: a route beside those names is not forgotten."""
    routes = shared_server.app.asgi.routes
    paths = [route.path for route in routes if isinstance(route, Route | WebSocketRoute)]
    assert len(paths) == len(routes)
    assert [path for path in paths if not is_door(path)] == []
    assert [path for path in paths if is_page(path)] == []


@pytest.mark.parametrize("proxies", ["", "127.0.0.0/8"], ids=["nobody", "this machine"])
def test_f34_only_a_configured_proxy_is_believed(tmp_path: Path, proxies: str) -> None:
    """TLS in front of us is known from it, and HSTS then sent; a forged header does nothing."""
    forged = {"x-forwarded-proto": "https", "x-forwarded-for": "203.0.113.9", "host": "localhost"}
    with ServerThread(f"sqlite:///{tmp_path}/x.db", trusted_proxies=proxies) as server:
        answer = httpx.get(f"{server.url}/healthz", headers=forged)
        expected = STRICT_TRANSPORT if proxies else None
        assert answer.headers.get("strict-transport-security") == expected
        # Behind TLS our own page's origin is https, and none other is ours.
        statuses = {}
        for origin in ("https://localhost", "http://localhost"):
            sent = {**forged, "origin": origin}
            posted = httpx.post(f"{server.url}/graphql", json=QUERY, headers=sent)
            statuses[origin] = posted.status_code
        assert statuses == {
            "https://localhost": 200,
            "http://localhost": 403 if proxies else 200,
        }
        plain = httpx.get(f"{server.url}/healthz", headers={"x-forwarded-for": "203.0.113.9"})
        assert "strict-transport-security" not in plain.headers


@pytest.mark.parametrize("value", ["*", "proxy.example", "10.0.0.1/24", "10.0.0.0/33"])
def test_f34_a_proxy_is_an_address(value: str) -> None:
    """Everybody is no proxy, and a name may be anybody's."""
    with pytest.raises(StartError, match=r"TRUSTED_PROXIES: .* is no address or network such as"):
        read_settings(trusted_proxies=value)
