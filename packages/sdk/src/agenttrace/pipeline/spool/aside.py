"""What a spool sets aside: refused records with their reasons, and the bytes that damage left.

Both are kept for people to look at, within a limit of their own, and are never sent.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from agenttrace.pipeline.spool.folder import FaultError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from agenttrace.pipeline.spool.folder import PrivateFolder
    from agenttrace.pipeline.spool.segment import Damage, Segment

REFUSED_FOLDER: Final = "dead"
DAMAGE_FOLDER: Final = "corrupt"
_REFUSED_FILE_BYTES: Final = 1024 * 1024


class Aside:
    """The two folders beside the records of one target. `max_bytes` is the limit of each."""

    __slots__ = ("_file_bytes", "_file_name", "_max_bytes")

    def __init__(self, *, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._file_name = ""
        self._file_bytes = 0

    def save_refused(
        self, folder: PrivateFolder, records: Iterable[tuple[bytes, str]], *, now_ns: int
    ) -> None:
        """Write `(line, reason)` pairs as NDJSON to a file of this process's; raises OSError."""
        data = b"".join(_write_refused(line, reason, now_ns) for line, reason in records)
        side = folder.open_child(REFUSED_FOLDER)
        try:
            self._make_room(side, len(data))
            if not self._file_name or self._file_bytes + len(data) > _REFUSED_FILE_BYTES:
                self._file_name = f"{now_ns:020d}-{os.urandom(8).hex()}.ndjson"
                self._file_bytes = 0
            side.append_file(self._file_name, data)
            self._file_bytes += len(data)
        finally:
            side.close()

    def save_damage(
        self, folder: PrivateFolder, segment: Segment, damages: Sequence[Damage]
    ) -> None:
        """Copy damaged ranges to a file named after where they begin; raises OSError.

        One file for all that a read came upon: damage may be in a thousand places.
        """
        name = f"{segment.name}.{damages[0].start}"
        side = folder.open_child(DAMAGE_FOLDER)
        try:
            self._make_room(side, sum(damage.end - damage.start for damage in damages))
            side.remove(name)  # of a process that died before it was done with the file
            for damage in damages:
                for piece in segment.read_raw(damage):
                    side.append_file(name, piece)
        finally:
            side.close()

    def _make_room(self, side: PrivateFolder, needed: int) -> None:
        entries = side.list()
        total = needed + sum(entry.size for entry in entries)
        for entry in entries:
            if total <= self._max_bytes:
                return
            if side.remove(entry.name):
                total -= entry.size
        if total > self._max_bytes:
            message = f"{needed} bytes are more than {side.path} may hold ({self._max_bytes})"
            raise FaultError("spool_full", message)

    def remove_expired(self, folder: PrivateFolder, *, before_s: float) -> None:
        """Remove what was last changed before that time, in seconds; raises OSError."""
        for name in (REFUSED_FOLDER, DAMAGE_FOLDER):
            side = folder.find_child(name)
            if side is None:
                continue
            try:
                for entry in side.list():
                    if entry.changed_s < before_s:
                        side.remove(entry.name)
            finally:
                side.close()


def _write_refused(line: bytes, reason: str, now_ns: int) -> bytes:
    import json  # noqa: PLC0415 -- as base64: most runs refuse nothing
    from base64 import b64encode  # noqa: PLC0415

    record: dict[str, str | int] = {"reason": reason, "refused_ns": now_ns}
    try:
        record["line"] = line.decode()
    except UnicodeDecodeError:
        record["line_base64"] = b64encode(line).decode()
    return json.dumps(record).encode() + b"\n"
