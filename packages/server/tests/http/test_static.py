"""Serving the built dashboard."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agenttrace_server import app as app_module
from agenttrace_server.http.static import Dashboard

from ..support.client import Client
from ..support.thread import ServerThread

PAGE = "<!doctype html><title>built</title>"


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """A client of a server that serves a built dashboard."""
    folder = tmp_path / "static"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text(PAGE)
    (folder / "assets" / "app-1a2b.js").write_text("1")
    (tmp_path / "secret.txt").write_text("secret")
    (folder / "link.txt").symlink_to(tmp_path / "secret.txt")
    monkeypatch.setattr(app_module, "Dashboard", lambda: Dashboard(folder))
    with ServerThread(tmp_path) as server, Client(server.url) as client:
        yield client


@pytest.mark.parametrize("path", ["/", "/runs", "/runs/abc?x=1", "/runs/abc/", "/apiary"])
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


def test_a_file_that_is_gone_is_not_a_page(built: Client) -> None:
    """A script of an old build is 404, so that the browser does not run a page as a script."""
    assert built.http.get("/assets/app-old.js").status_code == 404


@pytest.mark.parametrize(
    "path",
    ["/api", "/api/", "/api/nothing", "/API/x", "/v1/traces", "/graphql/", "//api/x", "/graphql/x"],
)
def test_paths_of_the_api_never_get_the_page(built: Client, path: str) -> None:
    """An unknown door of the API is a JSON 404."""
    answer = built.http.get(built.url + path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "//etc/passwd",
        "/link.txt",
        "/a%00b.txt",
    ],
)
def test_nothing_outside_the_folder_is_served(built: Client, path: str) -> None:
    """No spelling of a path, and no link, leads out of the folder."""
    answer = built.http.get(built.url + path)
    assert "secret" not in answer.text
    assert "root:" not in answer.text


def test_only_reading_is_possible(built: Client) -> None:
    """A file cannot be written to."""
    assert built.http.post("/").status_code == 405


def test_without_a_build_the_page_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A checkout that was not built is no riddle."""
    monkeypatch.setattr(app_module, "Dashboard", lambda: Dashboard(tmp_path / "nothing"))
    with ServerThread(tmp_path) as server, Client(server.url) as client:
        answer = client.http.get("/")
    assert answer.status_code == 503
    assert "make build" in answer.text
