"""Serving the built dashboard."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from agenttrace_server import app as app_module
from agenttrace_server.http.static import Dashboard

from ..support.client import TIMEOUT_S, Client
from ..support.thread import ServerThread

PAGE = "<!doctype html><title>built</title>"
EXPLORER = "<!doctype html><title>explorer</title>"

SCRIPT = "const steps = [];\n" * 20_000


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """A client of a server that serves a built dashboard."""
    folder = tmp_path / "static"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text(PAGE)
    (folder / "assets" / "app-1a2b.js").write_text(SCRIPT)
    (tmp_path / "secret.txt").write_text("classified")
    (folder / "link.txt").symlink_to(tmp_path / "secret.txt")
    (folder / "docs.html").write_text(EXPLORER)
    monkeypatch.setattr(app_module, "Dashboard", partial(Dashboard, folder))
    with ServerThread(f"sqlite:///{tmp_path}/x.db") as server, Client(server.url) as client:
        yield client


@pytest.mark.parametrize(
    "path", ["/", "/runs", "/runs/abc?x=1", "/runs/abc/", "/apiary", "/docsify"]
)
def test_addresses_of_the_app_get_its_page(built: Client, path: str) -> None:
    """A deep link is the app's to understand; its page is asked for anew each time."""
    answer = built.http.get(path)
    assert (answer.status_code, answer.text) == (200, PAGE)
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["content-type"] == "text/html; charset=utf-8"


def test_hashed_files_are_kept_for_ever(built: Client) -> None:
    """A file whose name changes with its content need not be asked for again."""
    answer = built.http.get("/assets/app-1a2b.js")
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-type"].startswith("text/javascript")


def test_files_are_compressed_for_who_takes_it(built: Client) -> None:
    """A script comes as gzip, or as it is to who does not take that; caches tell them apart."""
    address = "/assets/app-1a2b.js"
    small = built.http.get(address)
    plain = built.http.get(address, headers={"accept-encoding": "identity"})
    assert (small.text, plain.text) == (SCRIPT, SCRIPT)
    assert small.headers["content-encoding"] == "gzip"
    assert small.num_bytes_downloaded < len(SCRIPT) / 10
    assert "content-encoding" not in plain.headers
    assert plain.num_bytes_downloaded == len(SCRIPT)
    assert small.headers["vary"] == plain.headers["vary"] == "Accept-Encoding"


def test_the_explorer_is_a_page_in_development(built: Client) -> None:
    """At one address, also for who follows a link to it."""
    link = {
        "sec-fetch-site": "cross-site",
        "sec-fetch-mode": "navigate",
        "sec-fetch-dest": "document",
    }
    for headers in ({}, link):
        answer = built.http.get("/docs", headers=headers)
        assert (answer.status_code, answer.text) == (200, EXPLORER)
        assert answer.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(("allowed", "status"), [(False, 404), (True, 200)])
def test_c36_production_has_no_explorer_unless_asked_for(
    built: Client, tmp_path: Path, *, allowed: bool, status: int
) -> None:
    """It is off with the schema; the answer says how both are turned on."""
    del built  # whose folder is served
    settings: dict[str, Any] = {"environment": "production", "allow_introspection": allowed}
    with ServerThread(f"sqlite:///{tmp_path}/y.db", **settings) as server:
        answer = httpx.get(f"{server.url}/docs")
    assert answer.status_code == status
    if not allowed:
        assert "ALLOW_INTROSPECTION=1" in answer.json()["error"]["message"]


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
def test_a_file_that_one_has_is_not_sent_again(built: Client, encoding: str) -> None:
    """Its tag, compressed or not, is answered with 304 and nothing else."""
    headers = {"accept-encoding": encoding}
    tag = built.http.get("/assets/app-1a2b.js", headers=headers).headers["etag"]
    assert tag.startswith('W/"')
    headers["if-none-match"] = tag
    again = built.http.get("/assets/app-1a2b.js", headers=headers)
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert again.headers["vary"] == "Accept-Encoding"
    headers["if-none-match"] = 'W/"another"'
    assert built.http.get("/assets/app-1a2b.js", headers=headers).text == SCRIPT


def test_a_websocket_has_one_door(built: Client) -> None:
    """At another address it is refused before it is open."""
    with pytest.raises(InvalidStatus) as caught, connect(built.url.replace("http", "ws") + "/runs"):
        pass
    assert caught.value.response.status_code == 403


def test_a_file_that_is_gone_is_not_a_page(built: Client) -> None:
    """A script of an old build is 404, so that the browser does not run a page as a script."""
    assert built.http.get("/assets/app-old.js").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        *("/api", "/api/", "/api/nothing", "/API/x", "/v1/traces", "/graphql/", "//api/x"),
        *(
            "/graphql;x",
            "/api;x",
            "/GRAPHQL",
            "//graphql",
            "/local",
            "/graphql/x",
            "/metrics/x",
            "/DOCS",
            "/docs.html",
            "/docs/x",
            "/docs/",
            "/healthz/",
            "/readyz/x",
            "/api/ingest/",
        ),
    ],
)
def test_c37_c39_names_of_doors_never_get_the_page(built: Client, path: str) -> None:
    """A name that is kept for a door, of this release or a later one, is a JSON 404."""
    answer = built.http.get(built.url + path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


ODD_PATHS = [
    *(
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "/assets/%2e%2e/%2e%2e/secret.txt",
    ),
    *("//etc/passwd", "/%2f/etc/passwd", "/etc//passwd", "/..%5csecret.txt", "/a/%2e%2e/b"),
    *("/link.txt", "/a%00b", "/a%00b.txt", "/a%0ab", "/.git/config", "/a/./b"),
]


@pytest.mark.parametrize("path", ODD_PATHS)
def test_c37_nothing_outside_the_folder_is_served(built: Client, path: str) -> None:
    """No spelling of a path, and no link, leads out of the folder: 404, and no page either."""
    with socket.create_connection(("127.0.0.1", built.http.base_url.port), TIMEOUT_S) as raw:
        raw.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: raw.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 404 ")
    assert b"classified" not in answer


def test_c37_a_thousand_ranges_are_one_file(built: Client) -> None:
    """Ranges are not looked at: the answer is the file, however many parts one asks for."""
    parts = ",".join(f"{2 * n}-{2 * n}" for n in range(5_000))
    for ranges in ("0-1", "5-", "-5", parts):
        answer = built.http.get("/assets/app-1a2b.js", headers={"range": f"bytes={ranges}"})
        assert (answer.status_code, answer.text) == (200, SCRIPT)
        assert "accept-ranges" not in answer.headers


def test_only_reading_is_possible(built: Client) -> None:
    """A file cannot be written to."""
    assert built.http.post("/").status_code == 405


def test_without_a_build_the_page_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A checkout that was not built is no riddle."""
    monkeypatch.setattr(app_module, "Dashboard", partial(Dashboard, tmp_path / "nothing"))
    with ServerThread(f"sqlite:///{tmp_path}/x.db") as server, Client(server.url) as client:
        answer = client.http.get("/")
    assert answer.status_code == 503
    assert "make build" in answer.text
