"""What a server shows: every run, span and event, through its API as any client reads it."""

from __future__ import annotations

import http.client
import json
from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import urlsplit

from packages.sdk.tests.faults.side_file import NONE, hash_value
from packages.sdk.tests.faults.sightings import Sighting

from .workload import Sums

if TYPE_CHECKING:
    from collections.abc import Iterator

TIMEOUT_S: Final = 60.0
_RUNS: Final = """query($after: String) { runs(first: 100, after: $after) {
    pageInfo { hasNextPage endCursor } edges { node {
        id name status input { json } output { json } totals { spans totalTokens costUsd }
    } } } }"""
_SPANS: Final = """query($id: ID!, $after: String) { run(id: $id) {
    page: spans(first: 200, after: $after) { pageInfo { hasNextPage endCursor } edges { node {
        id name status input { json } output { json }
    } } } } }"""
_EVENTS: Final = """query($id: ID!, $after: String) { run(id: $id) {
    page: events(first: 200, after: $after) { pageInfo { hasNextPage endCursor } edges { node {
        seq body { json }
    } } } } }"""


class Reading(NamedTuple):
    """All that a server shows. `sums` are what it keeps of each run, by the run's token."""

    sightings: list[Sighting]
    sums: dict[str, Sums]


class Reader:
    """Asks a server."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        assert address.hostname is not None
        self._connection = http.client.HTTPConnection(
            address.hostname, address.port, timeout=TIMEOUT_S
        )

    def read_all(self) -> Reading:
        """Return what the server shows now; raises AssertionError for an error of its own."""
        sightings: list[Sighting] = []
        sums: dict[str, Sums] = {}
        after = None
        while True:
            page = self.ask(_RUNS, after=after)["runs"]
            for edge in page["edges"]:
                run = edge["node"]
                sightings.extend(_see(run, run["id"]))
                sums[run["name"]] = _read_sums(run["totals"])
                for span in self._read_pages(_SPANS, run["id"]):
                    sightings.extend(_see(span, run["id"], span["id"]))
                events = self._read_pages(_EVENTS, run["id"])
                sightings.extend(_see_event(event, run["id"]) for event in events)
            if not page["pageInfo"]["hasNextPage"]:
                return Reading(sightings, sums)
            after = page["pageInfo"]["endCursor"]

    def read_first(self) -> None:
        """Read the first page of runs."""
        self.ask(_RUNS, after=None)

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """Return a query's data."""
        body = json.dumps({"query": query, "variables": variables})
        headers = {"Content-Type": "application/json"}
        self._connection.request("POST", "/graphql", body, headers)
        answer = self._connection.getresponse()
        text = answer.read().decode()
        assert answer.status == http.client.OK, text
        result = json.loads(text)
        assert "errors" not in result, result["errors"]
        data: dict[str, Any] = result["data"]
        return data

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _read_pages(self, query: str, run_id: str) -> Iterator[dict[str, Any]]:
        after = None
        while True:
            page = self.ask(query, id=run_id, after=after)["run"]["page"]
            yield from (edge["node"] for edge in page["edges"])
            if not page["pageInfo"]["hasNextPage"]:
                return
            after = page["pageInfo"]["endCursor"]


def _see(row: dict[str, Any], *identity: str) -> Iterator[Sighting]:
    # A row that has ended counts as its start too.
    for phase in "se" if row["status"] == "COMPLETED" else "s":
        yield Sighting(
            token=row["name"],
            phase=phase,
            id=identity,
            version=None,
            before=_hash(row["input"]),
            after=_hash(row["output"]),
        )


def _see_event(event: dict[str, Any], run_id: str) -> Sighting:
    body = json.loads(event["body"]["json"])
    identity = ("event", run_id, event["seq"])
    return Sighting(body["key"], "v", identity, None, hash_value(body["value"]), NONE)


def _hash(payload: dict[str, Any] | None) -> str:
    return NONE if payload is None else hash_value(json.loads(payload["json"]))


def _read_sums(totals: dict[str, Any]) -> Sums:
    cost = Decimal(totals["costUsd"] or 0)
    return Sums(totals["spans"], totals["totalTokens"] or 0, int(cost * 1_000_000))


def list_double_rows(sightings: list[Sighting]) -> list[tuple[object, ...]]:
    """Return the ids that are shown more than once."""
    counts = Counter((*each.id, each.phase) for each in sightings)
    return [key for key, count in counts.items() if count > 1]
