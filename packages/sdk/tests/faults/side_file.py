"""The side file: what a thread of the child is about to record, on disk before it does so.

    a TOKEN PHASES HASH HASH    about to be recorded: its start `s`, its end `e`, or an event `v`;
                                hashes of its input (an event's body) and its output, or `-`
    r TOKEN PHASES NS           the calls returned, at this moment of the monotonic clock
    w                           all above are settled by the recorder's own word: none is queued
    m MARK NS                   something that the judge wants to know the moment of, or its size
    s JSON                      `tracer.stats()` at this moment

A file is of one thread of one process: `NAME-PID.THREAD.ledger`.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from agenttrace import Tracer

SUFFIX: Final = ".ledger"
NONE: Final = "-"


class Figures(NamedTuple):
    """The figures of `tracer.stats()` that the judge needs; 0 for what a recorder does not have."""

    attempted: int = 0
    delivered: int = 0
    queued: int = 0
    spooled: int = 0
    superseded: int = 0
    adopted: int = 0
    dropped: Mapping[str, int] = {}
    errors: Mapping[str, int] = {}


def read_figures(tracer: Tracer) -> Figures:
    """Return the recorder's accounts as they are now."""
    stats = tracer.stats()
    return Figures(
        attempted=stats.attempted,
        delivered=stats.delivered,
        queued=stats.queued,
        spooled=getattr(stats, "spooled", 0),
        superseded=getattr(stats, "superseded", 0),
        adopted=sum(getattr(each, "adopted", 0) for each in stats.exporters),
        dropped=dict(stats.dropped),
        errors=dict(stats.errors),
    )


class Entry(NamedTuple):
    """A thing that is about to be recorded. `before` and `after` are hashes of its values."""

    token: str
    phases: str
    before: str = NONE
    after: str = NONE


class SideFile:
    """One thread's side file, open for appending."""

    def __init__(self, folder: Path, name: str) -> None:
        self.actor = f"{name}-{os.getpid()}.{threading.get_native_id()}"
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        self._fd = os.open(folder / f"{self.actor}{SUFFIX}", flags, 0o600)

    def attempt(self, entries: Iterable[Entry]) -> None:
        """Write what is about to be recorded, and sync it."""
        self._write("".join(f"a {' '.join(entry)}\n" for entry in entries))
        os.fsync(self._fd)

    def take_return(self, token: str, phases: str) -> None:
        """Write that recording it has returned."""
        self._write(f"r {token} {phases} {time.monotonic_ns()}\n")

    def settle(self) -> None:
        """Write that the recorder has all of the above in safety, by its own word."""
        self._write("w\n")

    def mark(self, mark: str, value: int | None = None) -> None:
        """Write that something happened now, or how much of it there is."""
        self._write(f"m {mark} {time.monotonic_ns() if value is None else value}\n")

    def save_stats(self, tracer: Tracer) -> None:
        """Write the recorder's accounts as they are now."""
        self._write(f"s {json.dumps(read_figures(tracer)._asdict())}\n")

    def _write(self, text: str) -> None:
        os.write(self._fd, text.encode())


def hash_value(value: object) -> str:
    """Return a short hash of a JSON value, whatever the order of its keys."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


class Actor:
    """What one side file says."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.process = name.partition(".")[0]
        self.attempted: dict[tuple[str, str], Entry] = {}
        self.settled: set[tuple[str, str]] = set()
        self.returned_ns: dict[tuple[str, str], int] = {}
        self.marks: dict[str, int] = {}
        self.stats: Figures | None = None

    def read(self, line: str) -> None:
        """Take one line in."""
        kind, _, rest = line.partition(" ")
        if kind == "a":
            entry = Entry(*rest.split(" "))
            self.attempted.update(dict.fromkeys(((entry.token, p) for p in entry.phases), entry))
        elif kind == "r":
            token, phases, moment = rest.split(" ")
            self.returned_ns.update(dict.fromkeys(((token, p) for p in phases), int(moment)))
        elif kind == "w":
            self.settled.update(self.attempted)
        elif kind == "m":
            mark, _, moment = rest.partition(" ")
            self.marks[mark] = int(moment)
        elif kind == "s":
            self.stats = Figures(**json.loads(rest))


def read_side_files(folder: Path) -> list[Actor]:
    """Return all side files of a folder; a last line that was cut off is none."""
    actors = []
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        actor = Actor(path.name.removesuffix(SUFFIX))
        for line in path.read_text().split("\n")[:-1]:
            actor.read(line)
        actors.append(actor)
    return actors
