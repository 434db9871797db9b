"""L, where the system names no owners: `--local-token`, a link for browsers, a file for agents."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from agenttrace import Tracer
from agenttrace.cli.server import ServerSource
from agenttrace.exporters import APIExporter
from agenttrace.local_token import find_token_file, read_local_token
from agenttrace.plugins import Record
from agenttrace_server.app import create_app
from agenttrace_server.errors import StartError
from agenttrace_server.local_token import LocalToken
from agenttrace_server.settings import read_settings

from ..support.client import PROTOCOL, Client
from ..support.lines import make_run
from ..support.process import ServerProcess
from ..support.thread import ServerThread


@pytest.fixture(autouse=True)
def _own_state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep the tokens of these tests apart from the user's."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[ServerThread]:
    """A server that has a token."""
    with ServerThread(f"sqlite:///{tmp_path / 'agenttrace.db'}", local_token=True) as running:
        yield running


def _open(server: ServerThread, code: str) -> httpx.Response:
    return httpx.get(f"{server.url}/local", params={"code": code})


def _knock(server: ServerThread, headers: dict[str, str]) -> list[int]:
    """Try a page, an answer and a WebSocket; return their statuses."""
    query = {"query": "{ __typename }"}
    statuses = [
        httpx.get(f"{server.url}/healthz", headers=headers).status_code,
        httpx.post(f"{server.url}/graphql", json=query, headers=headers).status_code,
    ]
    try:
        url = server.websocket_url
        with connect(url, subprotocols=[PROTOCOL], additional_headers=headers):
            return [*statuses, 101]
    except InvalidStatus as error:
        return [*statuses, error.response.status_code]


def test_l_without_the_token_nothing_is_answered(
    guarded: ServerThread, caplog: pytest.LogCaptureFixture
) -> None:
    """401 at every door, page and WebSocket; a wrong token or one in the address is none."""
    token = read_local_token(guarded.url)
    name = f"agenttrace_{guarded.port}"
    for headers in (
        {},
        {"authorization": "Bearer wrong"},
        {"authorization": f"Basic {token}"},
        {"cookie": f"{name}=wrong"},
        {"cookie": f"{name}={token}"},
        {"cookie": f"agenttrace_1={LocalToken(guarded.port, str(token)).cookie}"},
    ):
        assert _knock(guarded, headers) == [401, 401, 401]
    refused = httpx.get(f"{guarded.url}/runs", params={"token": str(token), "code": str(token)})
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"] == "Bearer"
    assert str(token) not in refused.text
    assert not caplog.records


def test_l_the_link_lets_a_browser_in_once(guarded: ServerThread) -> None:
    """It gives a cookie that no script reads and no other site sends, and then works no more."""
    assert _open(guarded, "wrong").status_code == 401
    first = _open(guarded, guarded.code)
    assert (first.status_code, first.headers["location"]) == (303, "/")
    cookie, *attributes = first.headers["set-cookie"].split("; ")
    assert {each.lower() for each in attributes} == {"httponly", "samesite=strict", "path=/"}
    assert _knock(guarded, {"cookie": cookie}) == [200, 200, 101]
    again = _open(guarded, guarded.code)
    assert (again.status_code, again.json()["error"]["code"]) == (401, "link_used")
    known = httpx.get(f"{guarded.url}/local", headers={"cookie": cookie})
    assert known.status_code == 303


def test_l_a_foreign_page_cannot_use_the_link(guarded: ServerThread) -> None:
    """Nor spend it: the guard of origins comes first."""
    link = {
        "sec-fetch-site": "cross-site",
        "sec-fetch-mode": "navigate",
        "sec-fetch-dest": "document",
    }
    url = f"{guarded.url}/local?code={guarded.code}"
    assert httpx.get(url, headers=link).status_code == 403
    assert httpx.get(url, headers={"sec-fetch-site": "none"}).status_code == 303


def test_l_the_token_is_for_its_user_alone(guarded: ServerThread) -> None:
    """Its file and the link's are 0600 in a folder that is 0700, under any umask."""
    before = os.umask(0)
    try:
        LocalToken.create(1)
    finally:
        os.umask(before)
    for port in (1, guarded.port):
        path = find_token_file(port, os.environ)
        modes = [stat.S_IMODE(each.stat().st_mode) for each in (path, path.with_suffix(".link"))]
        assert modes == [0o600, 0o600]
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    path.chmod(0o640)
    assert read_local_token(guarded.url) is None
    path.chmod(0o600)
    assert read_local_token(guarded.url)
    path.rename(path.with_name("moved"))
    path.symlink_to(path.with_name("moved"))
    assert read_local_token(guarded.url) is None


def test_l_the_sdk_finds_the_token_by_itself(guarded: ServerThread) -> None:
    """What the same user records and asks needs no setting; without the file, it is 401."""
    tracer = Tracer()
    tracer.set_exporter(APIExporter(f"{guarded.url}/api", spool=False))
    with tracer.run("found"):
        pass
    assert tracer.flush(timeout_s=20)
    tracer.shutdown(timeout_s=20)
    with ServerSource(f"{guarded.url}/api") as source:
        assert [head.name for head in source.list_heads()] == ["found"]


def test_l_a_server_that_begins_anew_is_found_again(guarded: ServerThread) -> None:
    """It has another token then; the exporter that is refused reads it, and loses nothing."""
    exporter = APIExporter(f"{guarded.url}/api")
    exporter._local_token = "of the server before"
    run = cast("Record", make_run())
    assert exporter.export([run]).kind == "delivered"
    find_token_file(guarded.port, os.environ).unlink()
    assert exporter.export([run]).kind == "delivered"
    exporter._local_token = None
    assert exporter.export([run]).kind == "retry"
    exporter.shutdown(timeout_s=1)


def test_l_a_key_goes_before_the_token(guarded: ServerThread) -> None:
    """Who gives a key means it: no token is sent in its place."""
    exporter = APIExporter(f"{guarded.url}/api", api_key="wrong")
    assert exporter.export([cast("Record", make_run())]).kind == "retry"
    exporter.shutdown(timeout_s=1)


def test_l_serve_prints_the_link_and_takes_the_token_away(tmp_path: Path) -> None:
    """The link is in the place of the address; after the end there is no file."""
    with ServerProcess(tmp_path, "--local-token") as server:
        base, _, code = server.url.partition("/local?code=")
        assert code
        token = read_local_token(base)
        assert httpx.get(f"{base}/healthz").status_code == 401
        headers = {"authorization": f"Bearer {token}"}
        assert httpx.get(f"{base}/healthz", headers=headers).status_code == 200
        assert httpx.get(server.url).status_code == 303
        assert server.stop() == (0, "")
    assert "  Access     by this link, which works once; " in server.text
    assert read_local_token(base) is None
    assert list(find_token_file(1, os.environ).parent.iterdir()) == []


def test_l_no_application_stands_open_for_want_of_a_token(tmp_path: Path) -> None:
    """Who makes one without a token, where the setting asks for it, is told."""
    settings = read_settings(database_url=f"sqlite:///{tmp_path}/x.db", local_token=True)
    with pytest.raises(StartError, match="LOCAL_TOKEN is set, and there is no token"):
        create_app(settings)


def test_l_a_folder_that_cannot_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line, with the way out."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    with pytest.raises(StartError, match=r"LOCAL_TOKEN: cannot write .*XDG_STATE_HOME"):
        LocalToken.create(1)


def test_l_workers_share_the_token(guarded: ServerThread) -> None:
    """A process that did not make it reads it from the file; of two that redeem, one does."""
    loaded = LocalToken.load(guarded.port)
    assert loaded.is_token(str(read_local_token(guarded.url)))
    assert [loaded.redeem(guarded.code), loaded.redeem(guarded.code)] == [True, False]
    with pytest.raises(StartError, match="LOCAL_TOKEN: cannot read"):
        LocalToken.load(1)


def test_l_a_client_of_the_token_reaches_the_api(guarded: ServerThread) -> None:
    """With the header on each request; the scheme's letters do not matter."""
    with Client(guarded.url) as client:
        client.http.headers["authorization"] = f"bearer {read_local_token(guarded.url)}"
        assert client.ask("{ runs { totalCount } }") == {"runs": {"totalCount": 0}}
