"""C38: the server asks no other machine for anything, whatever is recorded."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any, Final

import pytest

from .support.client import Client
from .support.lines import make_call, make_event, make_payload, make_run, make_run_id

PLACES: Final = (
    "http://192.0.2.1/hook",
    "https://attacker.invalid/?q=1",
    "//192.0.2.2/x",
    "file:///etc/passwd",
    "ldap://192.0.2.3/a",
    "${jndi:ldap://192.0.2.4/a}",
    "<img src='http://192.0.2.5/'>",
)
READ: Final = """{ runs { edges { node { name tags links { runId } spanTree { id } } } }
  search(text: "http") { edges { node { id input { json } error { message } } snippet } } }"""


class _Watch:
    """What is connected to, or looked up, while `places` is a list. A hook is there for good."""

    places: list[Any] | None = None


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    if _Watch.places is not None and event in {"socket.connect", "socket.sendto"}:
        _Watch.places.append(arguments[1])
    if _Watch.places is not None and event in {"socket.getaddrinfo", "socket.gethostbyname"}:
        _Watch.places.append(arguments[:2])


@pytest.fixture
def places() -> Iterator[list[Any]]:
    """The addresses that this process, the server's too, connects to meanwhile."""
    if not hasattr(_Watch, "is_set"):
        sys.addaudithook(_note)
        _Watch.is_set = True  # type: ignore[attr-defined] # once a process
    _Watch.places = []
    yield _Watch.places
    _Watch.places = None


def test_c38_nothing_that_is_recorded_is_fetched(client: Client, places: list[Any]) -> None:
    """In names, tags, attributes, links, texts and errors: it is stored, found and given out."""
    for number, place in enumerate(PLACES):
        run = {"run": number}
        texts = {"input": make_payload(place), "error": {"type": place, "message": place}}
        client.send(
            [
                make_run(number, name=place, tags=[place], correlation_id=place),
                make_call(
                    1, model=place, status="ERROR", attributes={"url": place}, **run, **texts
                ),
                make_event(2, **run, name=place),
            ]
        )
    assert len(client.ask(READ)["runs"]["edges"]) == len(PLACES)
    export = client.http.get(f"/api/export/runs/{make_run_id(0)}")
    assert PLACES[0] in export.text
    client.http.get("/", headers={"referer": PLACES[0]})
    assert places  # the client's own, to the server: the watch works
    hosts = {str(place[0]) if isinstance(place, tuple) else str(place) for place in places}
    assert hosts <= {"127.0.0.1", "localhost"}, hosts
