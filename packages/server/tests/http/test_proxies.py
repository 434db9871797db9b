"""F34: whom a proxy speaks for. What is no address is nobody's, and stands in no log."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Receive, Scope, Send

from agenttrace_server.http.proxies import Proxies, find_open_network, parse_address, read_network

from ..support.accounts import OPERATOR, open_accounts
from ..support.process import ServerProcess

PROXIES = ("10.0.0.0/8", "2001:db8::/32", "127.0.0.1")
PEER = "10.0.0.1"
CLIENT = "203.0.113.9"


async def _find_client(peer: str, *forwarded: str) -> str:
    """Return the address that the application sees."""
    seen: list[str] = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        seen.append(scope["client"][0])

    async def nothing(*_: object) -> Any:
        raise AssertionError

    headers = [(b"x-forwarded-for", text.encode("latin-1")) for text in forwarded]
    scope = {"type": "http", "scheme": "http", "client": (peer, 1), "headers": headers}
    await Proxies(app, trusted=PROXIES)(scope, nothing, nothing)
    return seen[0]


@pytest.mark.parametrize(
    ("forwarded", "expected"),
    [
        ([CLIENT], CLIENT),
        ([f"{CLIENT}:4711"], CLIENT),
        ([f"::ffff:{CLIENT}"], CLIENT),
        (["2001:0DB9::0001"], "2001:db9::1"),
        (["[2001:db9::1]:4711"], "2001:db9::1"),
        ([f"198.51.100.1, {CLIENT}, 10.0.0.2"], CLIENT),  # the first is the client's own word
        (["198.51.100.1", f"{CLIENT}", "2001:db8::7"], CLIENT),
        ([f"<script>, {CLIENT}"], CLIENT),
        ([f"{CLIENT}, <script>"], PEER),
        (["unknown"], PEER),
        (["localhost"], PEER),
        ([""], PEER),
        ([f"{CLIENT},"], PEER),
        (["1.2.3.4.5"], PEER),
        (["0x7f.1"], PEER),
        (["fe80::1%<script>"], PEER),
        (["[::1"], PEER),
        ([f"{CLIENT}:port"], PEER),
        (["\xa0\xff"], PEER),
        (["10.0.0.3, 10.0.0.2"], "10.0.0.3"),  # a proxy's own request
    ],
)
async def test_f34_only_an_address_is_a_client(forwarded: list[str], expected: str) -> None:
    """The last that is no proxy of ours; with anything else there, the proxy itself."""
    assert await _find_client(PEER, *forwarded) == expected


async def test_f34_others_are_not_believed() -> None:
    """Nor a proxy's neighbour; an address of IPv4 that came as IPv6 is the same proxy."""
    assert await _find_client("192.0.2.1", CLIENT) == "192.0.2.1"
    assert await _find_client("::ffff:10.0.0.1", CLIENT) == CLIENT
    assert await _find_client("", CLIENT) == ""


@given(text=st.text(max_size=60))
def test_f34_no_text_breaks_it(text: str) -> None:
    """It is an address, in its one spelling, or nothing."""
    found = parse_address(text)
    assert found is None or found == ipaddress.ip_address(str(found))


def test_f34_garbage_is_in_no_log(tmp_path: Path) -> None:
    """A failed login behind a proxy is remembered with an address, whatever the client sends."""
    with open_accounts(f"sqlite:///{tmp_path}/x.db", trusted_proxies="127.0.0.1") as accounts:
        wrong = {"email": OPERATOR, "password": "nine white horses at noon"}
        for sent in ("<b>me</b>", f"<b>me</b>, {CLIENT}"):
            headers = {"x-forwarded-for": sent}
            answer = accounts.nobody.http.post("/api/auth/token", json=wrong, headers=headers)
            assert answer.status_code == 401
        log = accounts.operator.ask("{auditLog(first:2){edges{node{action address}}}}")
    entries = [(edge["node"]["action"], edge["node"]["address"]) for edge in log["edges"]]
    assert entries == [("login_failed", CLIENT), ("login_failed", "127.0.0.1")]


def test_f34_c18_nobody_but_a_proxy_names_a_request(tmp_path: Path) -> None:
    """Whoever tries passwords would choose which of the log's lines their entry is found by."""
    wrong = {"email": OPERATOR, "password": "nine white horses at noon"}
    ask = "{auditLog(first:1){edges{node{action requestId}}}}"
    for proxies, is_kept in (("192.0.2.1", False), ("127.0.0.1", True)):
        url = f"sqlite:///{tmp_path}/{proxies}.db"
        with open_accounts(url, trusted_proxies=proxies) as accounts:
            headers = {"x-request-id": "of-another-line"}
            answer = accounts.nobody.http.post("/api/auth/token", json=wrong, headers=headers)
            (edge,) = accounts.operator.ask(ask)["edges"]
        assert edge["node"]["action"] == "login_failed"
        assert edge["node"]["requestId"] == answer.headers["x-request-id"]
        assert (answer.headers["x-request-id"] == "of-another-line") == is_kept


def test_f34_whoever_trusts_everybody_is_warned(tmp_path: Path) -> None:
    """One line, at the start; a network of ours is none."""
    assert find_open_network(["10.0.0.0/8", "::/0"]) == "::/0"
    assert find_open_network(["10.0.0.0/8", "2001:db8::/32"]) is None
    halves = ["0.0.0.0/1", "::1", "128.0.0.0/1"]
    assert find_open_network(halves) == "0.0.0.0/1,128.0.0.0/1"
    assert find_open_network(["::ffff:0:0/96"]) == "::ffff:0:0/96"
    assert str(read_network("::ffff:10.0.0.0/104")) == "10.0.0.0/8"
    with ServerProcess(tmp_path, env={"TRUSTED_PROXIES": "0.0.0.0/0"}) as server:
        server.stop()
        (warning,) = [line for line in server.text.splitlines() if "Warning" in line]
        assert "TRUSTED_PROXIES has 0.0.0.0/0: whoever connects" in warning


def test_registration_without_accounts_is_warned_of(tmp_path: Path) -> None:
    """It lets nobody in: there is nothing to register with."""
    with ServerProcess(tmp_path, env={"REGISTRATION": "open"}) as server:
        server.stop()
        (warning,) = [line for line in server.text.splitlines() if "Warning" in line]
        assert "REGISTRATION=open does nothing without accounts" in warning
