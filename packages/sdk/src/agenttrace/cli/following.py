"""A file that another program writes: what is new in it, line by line."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from agenttrace.trace.reading import MAX_LINE_BYTES, Line

if TYPE_CHECKING:
    from collections.abc import Iterator

_CHUNK_BYTES: Final = 1024 * 1024


class Follower:
    """Reads whole lines as they come, from a file that may not be there yet.

    A file that became shorter is read from its beginning; one that took its place, as a rotated
    log does, is read after the rest of the old one. A line without its newline waits for it.
    """

    def __init__(self, path: str) -> None:
        self._path = Path(path).expanduser()
        self._file: BinaryIO | None = None
        self._identity: tuple[int, int] | None = None
        self._position = 0
        self._number = 0
        self._rest = b""

    def read(self) -> Iterator[Line]:
        """Yield every line that was finished since the last call; never waits."""
        yield from self._read_open()
        if self._find_identity() != self._identity:
            yield from self._read_open()  # what came between the two looks
            self._open()
            yield from self._read_open()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _find_identity(self) -> tuple[int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return (found.st_dev, found.st_ino)

    def _open(self) -> None:
        self.close()
        self._position = self._number = 0
        self._rest = b""
        self._identity = None
        try:
            self._file = self._path.open("rb")
        except FileNotFoundError:
            return
        found = os.fstat(self._file.fileno())
        self._identity = (found.st_dev, found.st_ino)

    def _read_open(self) -> Iterator[Line]:
        if self._file is None:
            return
        if os.fstat(self._file.fileno()).st_size < self._position:
            self._file.seek(0)
            self._position = self._number = 0
            self._rest = b""
        while chunk := self._file.read(_CHUNK_BYTES):
            self._position += len(chunk)
            *whole, self._rest = (self._rest + chunk).split(b"\n")
            for text in whole:
                self._number += 1
                if text.strip():
                    yield Line(self._number, 0, text.rstrip(b"\r"))
            if len(self._rest) > MAX_LINE_BYTES:  # no record: what follows begins a new one
                self._rest = b""
