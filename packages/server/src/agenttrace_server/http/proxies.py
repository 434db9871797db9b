"""Whose request it is, and what its id is, where reverse proxies stand before us. Pure ASGI.

uvicorn has such a part, too, which takes any text for an address: whoever reaches the proxy would
put into the audit log, and count tries to log in by, whatever they like.
"""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Final

from starlette.datastructures import Headers

from agenttrace_server.http.access import REQUEST_ID_HEADER, STATE_KEY

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.types import ASGIApp, Receive, Scope, Send

    Address = ipaddress.IPv4Address | ipaddress.IPv6Address
    Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_MAPPED: Final = ipaddress.IPv6Network("::ffff:0:0/96")
FORWARDED_FOR: Final = "x-forwarded-for"
FORWARDED_PROTO: Final = "x-forwarded-proto"
_SCHEMES: Final = {"http": "ws", "https": "wss"}
"""What a proxy says the client came by, and what that is of a WebSocket."""
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{8,64}")
_WITH_PORT: Final = re.compile(r"\[(?P<bracketed>[^\]]+)\](:\d{1,5})?|(?P<plain>[^:]+):\d{1,5}")


def find_open_network(proxies: Iterable[str]) -> str | None:
    """Return those of these that hold every address of a family together; None when none do."""
    four: dict[str, ipaddress.IPv4Network] = {}
    six: dict[str, ipaddress.IPv6Network] = {}
    for text in proxies:
        network = read_network(text)
        if isinstance(network, ipaddress.IPv4Network):
            four[text] = network
        else:
            six[text] = network
    for named, whole in (
        (four, ipaddress.collapse_addresses(four.values())),
        (six, ipaddress.collapse_addresses(six.values())),
    ):
        if any(network.prefixlen == 0 for network in whole):
            alone = next((text for text, network in named.items() if network.prefixlen == 0), None)
            return alone or ",".join(named)
    return None


def read_network(text: str) -> Network:
    """Return the network that a text is; one of mapped addresses is the one of IPv4 behind them.

    That is how the addresses of clients are read (`parse_address`).
    """
    network = ipaddress.ip_network(text)
    if isinstance(network, ipaddress.IPv6Network) and network.subnet_of(_MAPPED):
        first = network.network_address.ipv4_mapped
        assert first is not None
        return ipaddress.IPv4Network((first, network.prefixlen - _MAPPED.prefixlen))
    return network


class Proxies:
    """Gives a request the address, scheme and id that a trusted proxy says it has."""

    def __init__(self, app: ASGIApp, *, trusted: Iterable[str]) -> None:
        self._app = app
        self._trusted: tuple[Network, ...] = tuple(map(read_network, trusted))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on as the client's."""
        if scope["type"] in ("http", "websocket"):
            peer = parse_address(scope["client"][0]) if scope.get("client") else None
            if peer is not None and self._is_trusted(peer):
                headers = Headers(scope=scope)
                self._set_client(scope, headers)
                _set_id(scope, headers.getlist(REQUEST_ID_HEADER))
        await self._app(scope, receive, send)

    def _set_client(self, scope: Scope, headers: Headers) -> None:
        scheme = (headers.getlist(FORWARDED_PROTO) or [""])[-1].strip()
        if scheme in _SCHEMES:
            scope["scheme"] = _SCHEMES[scheme] if scope["type"] == "websocket" else scheme
        client = self._find_client(",".join(headers.getlist(FORWARDED_FOR)))
        if client is not None:
            scope["client"] = (str(client), 0)

    def _find_client(self, forwarded: str) -> Address | None:
        """Return the client; None: the proxy does not say so, and stands for it itself.

        Each proxy adds whom it heard, at the end. So the client is the last who is no proxy of
        ours; what stands before it is the client's own word.
        """
        client = None
        for text in reversed(forwarded.split(",")):
            client = parse_address(text.strip())
            if client is None or not self._is_trusted(client):
                return client
        return client

    def _is_trusted(self, address: Address) -> bool:
        return any(address in network for network in self._trusted)


def _set_id(scope: Scope, given: list[str]) -> None:
    """Take the id of a proxy; of several one may be its client's, who would choose it."""
    if len(given) == 1 and _REQUEST_ID.fullmatch(given[0]):
        scope.setdefault("state", {}).setdefault(STATE_KEY, given[0])


def parse_address(text: str) -> Address | None:
    """Return the address that a text is, with a port or without; None for any other text.

    One of IPv4 that comes as IPv6 (`::ffff:10.0.0.7`) is the same.
    """
    if found := _WITH_PORT.fullmatch(text):
        text = found["bracketed"] or found["plain"]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None:  # `%…` may be any text
            return None
        return address.ipv4_mapped or address
    return address
