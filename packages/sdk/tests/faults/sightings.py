"""What arrived: the records in a sink's file, in a JSONL file, or in a server's database."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any, NamedTuple

from .side_file import NONE, hash_value

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


class Sighting(NamedTuple):
    """A record that arrived: whose it is, under which id, and hashes of what it holds.

    `version` is None where snapshots are already merged.
    """

    token: str
    phase: str
    id: tuple[object, ...]
    version: int | None
    before: str
    after: str
    is_interrupted: bool = False


class Sightings(NamedTuple):
    """All that arrived, and how many lines were no records."""

    records: list[Sighting]
    unreadable: int = 0


def read_lines(path: Path) -> Sightings:
    """Return the records in a file of NDJSON; empty when there is no such file."""
    if not path.exists():
        return Sightings([])
    found: list[Sighting] = []
    unreadable = 0
    for line in path.read_bytes().split(b"\n"):
        try:
            found += [] if not line else [read_record(json.loads(line))]
        except (ValueError, KeyError, TypeError):
            unreadable += 1
    return Sightings(found, unreadable)


def read_record(record: dict[str, Any]) -> Sighting:
    """Return the sighting of one wire record; raises KeyError for what the child never makes."""
    if record["type"] == "event":
        body = record["body"]["value"]
        identity = ("event", record["run_id"], record["seq"])
        return Sighting(body["key"], "v", identity, 0, hash_value(body["value"]), NONE)
    phase = "s" if record["status"] == "STARTED" else "e"
    identity = (record["type"], record["run_id"], record.get("span_id"))
    return Sighting(
        token=record["name"],
        phase=phase,
        id=identity,
        version=record["rev"],
        before=_hash_payload(record.get("input")),
        after=_hash_payload(record.get("output")),
        is_interrupted=record["status"] == "INTERRUPTED",
    )


def _hash_payload(payload: dict[str, Any] | None) -> str:
    return NONE if payload is None else hash_value(payload["value"])


def read_database(path: Path) -> Sightings:
    """Return what a server's SQLite file holds; a row counts as the start of its record too."""
    with closing(sqlite3.connect(path)) as connection:
        if connection.execute("PRAGMA integrity_check").fetchall() != [("ok",)]:
            return Sightings([], unreadable=1)
        texts = {
            (run_id, span_id, kind): hash_value(json.loads(text))
            for run_id, span_id, kind, text in connection.execute(
                "SELECT run_id, span_id, kind, value_json FROM payload"
            )
        }
        rows = [
            *connection.execute("SELECT run_id, '', name, status FROM run"),
            *connection.execute("SELECT run_id, span_id, name, status FROM span"),
        ]
        events = connection.execute("SELECT run_id, seq, value_json FROM event").fetchall()
    found = [_read_event(*event) for event in events]
    for run_id, span_id, name, status in rows:
        before = texts.get((run_id, span_id, "input"), NONE)
        after = texts.get((run_id, span_id, "output"), NONE)
        is_interrupted = status == "INTERRUPTED"
        for phase in "s" if status == "STARTED" else "se":
            identity = (run_id, span_id)
            found.append(Sighting(name, phase, identity, None, before, after, is_interrupted))
    return Sightings(found)


def _read_event(run_id: str, seq: int, text: str) -> Sighting:
    body = json.loads(text)
    return Sighting(body["key"], "v", (run_id, seq), None, hash_value(body["value"]), NONE)


def join(parts: Iterable[Sightings]) -> Sightings:
    """Return several places' sightings as one."""
    every = list(parts)
    records = [record for part in every for record in part.records]
    return Sightings(records, sum(part.unreadable for part in every))
