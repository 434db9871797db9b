"""One file of the spool: framed records that only the holder of the file's lock reads or writes.

    file    = header frame*
    header  = slot slot                        two places for the acknowledged offset, 32 bytes
    slot    = offset:u64 crc:u32 pad:u32       the greater intact offset counts
    frame   = magic:4 length:u32 payload_crc:u32 header_crc:u32 payload      little-endian

Everything before the acknowledged offset is done with. A reader that finds a frame damaged searches
for the next intact header, so that damage costs the frames that it touches and no other.

The checksum is zlib's CRC-32. CRC-32C finds no more of what happens to files (every burst of up to
32 bits, and all but one in 2**32 of the rest), and its libraries compute it in interpreted code, a
thousand times slower, wherever they have no wheel. It starts from the file's name: bytes that were
a frame in another file, or that a payload imitates, are none here.
"""

from __future__ import annotations

import contextlib
import os
import struct
import zlib
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from agenttrace.pipeline.spool.folder import FaultError, close_own, identify, lock_file, write_at

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agenttrace.pipeline.spool.folder import PrivateFolder

SEGMENT_SUFFIX: Final = ".spool1"
"""How the names of files in this format end; another format will have another suffix."""

MAX_RECORD_BYTES: Final = 16 * 1024 * 1024
"""The longest record: the longest line that the wire format allows."""

HEADER_BYTES: Final = 32
_FRAME: Final = struct.Struct("<4sIII")
_FRAME_START: Final = struct.Struct("<4sII")
FRAME_BYTES: Final = _FRAME.size
_MAGIC: Final = b"\xff\xf5\xfe\xc0"  # bytes that never occur in UTF-8
_SLOT: Final = struct.Struct("<QI")
_SLOT_PLACES: Final = (0, 16)
_WINDOW_BYTES: Final = 256 * 1024
_CREATE_TRIES: Final = 5


class Damage(NamedTuple):
    """A range of a file without an intact frame: corrupt, or torn off while it was written."""

    start: int
    end: int
    kind: Literal["corrupt", "torn"]


class Findings(NamedTuple):
    """What one read came upon.

    The records; how many of them were not known before; how many known ones damage has cost; and
    the damage.
    """

    lines: list[bytes]
    adopted: int
    missing: int
    damages: list[Damage]


class Segment:
    """A file whose lock this process holds. `create_segment` and `adopt_segment` make one.

    `pending` counts the records that are known to wait here, those under way included; in an
    adopted file a record is known once it was read. At most one read is under way: `settle` comes
    before the next `read`.
    """

    __slots__ = (
        "_acked",
        "_cursor",
        "_fd",
        "_identity",
        "_is_own",
        "_seed",
        "_slot",
        "end",
        "name",
        "pending",
    )

    def __init__(self, name: str, fd: int, *, is_own: bool, end: int) -> None:
        self.name = name
        self.end = end
        self.pending = 0
        self._fd = fd
        self._identity = identify(fd)
        self._is_own = is_own
        self._seed = zlib.crc32(name.encode())
        offsets = [self._load_slot(place) for place in _SLOT_PLACES]
        self._acked = self._cursor = max(offsets)
        self._slot = 1 - offsets.index(self._acked)  # where the next offset goes

    def _load_slot(self, place: int) -> int:
        data = os.pread(self._fd, _SLOT.size, place)
        if len(data) == _SLOT.size:
            offset, crc = _SLOT.unpack(data)
            if crc == zlib.crc32(data[:8], self._seed) and offset >= HEADER_BYTES:
                return int(offset)
        return HEADER_BYTES

    @property
    def is_empty(self) -> bool:
        """Whether nothing was ever appended."""
        return self.end <= HEADER_BYTES

    @property
    def is_read(self) -> bool:
        """Whether there is nothing more to read."""
        return self._cursor >= self.end

    @property
    def is_under_way(self) -> bool:
        """Whether records were read and not settled."""
        return self._acked < self._cursor

    @property
    def pending_bytes(self) -> int:
        """How much of the file is not settled, in bytes."""
        return max(0, self.end - self._acked)

    @property
    def is_closed(self) -> bool:
        """Whether the descriptor means this file no longer."""
        return identify(self._fd) != self._identity

    @property
    def is_unlinked(self) -> bool:
        """Whether someone removed the file, so that what it holds dies with this process."""
        return not self.is_closed and os.fstat(self._fd).st_nlink == 0

    def _check_fd(self) -> None:
        if self.is_closed:
            raise FaultError("missing", f"the program has closed the spool file {self.name}")

    def append(self, lines: Sequence[bytes], *, is_synced: bool) -> None:
        """Write `lines` behind the last record: all of them, or raise OSError and keep none."""
        parts: list[bytes] = []
        for line in lines:
            start = _FRAME_START.pack(_MAGIC, len(line), zlib.crc32(line, self._seed))
            parts += (start, zlib.crc32(start, self._seed).to_bytes(4, "little"), line)
        data = b"".join(parts)
        self._check_fd()
        write_at(self._fd, data, self.end)
        if is_synced:
            try:
                os.fsync(self._fd)
            except OSError:
                with contextlib.suppress(OSError):
                    os.ftruncate(self._fd, self.end)
                raise
        self.end += len(data)
        self.pending += len(lines)

    def read(self, *, max_records: int, max_bytes: int) -> Findings:
        """Read on: at least one record if there is any. Nothing is read when it raises OSError."""
        self._check_fd()
        position = self._cursor
        lines: list[bytes] = []
        damages: list[Damage] = []
        size = 0
        for frame in self._walk(position):
            if isinstance(frame, Damage):
                _add_damage(damages, frame)
                position = frame.end
                continue
            size += len(frame)
            if lines and (len(lines) >= max_records or size > max_bytes):
                break
            lines.append(frame)
            position += FRAME_BYTES + len(frame)
        self._cursor = position
        adopted = missing = 0
        if not self._is_own:
            adopted = len(lines)
        elif self.is_read:
            missing = self.pending - len(lines)
        self.pending += adopted - missing
        if not lines:
            self._acked = position
        return Findings(lines, adopted, missing, damages)

    def _walk(self, position: int) -> Iterator[bytes | Damage]:
        """Yield what the file holds from `position` on: payloads of intact frames, and damage."""
        window = _Window(self._fd, self.end)
        while position < self.end:
            start = window.read(position, FRAME_BYTES)
            length = _check_header(start, self._seed)
            if length is not None:
                payload = window.read(position + FRAME_BYTES, length)
                crc = _FRAME.unpack(start)[2]
                if len(payload) == length and zlib.crc32(payload, self._seed) == crc:
                    yield payload
                    position += FRAME_BYTES + length
                    continue
            # Not where this frame says that it ends: bytes may have gone from within it.
            following = window.find_frame(position + 1, self._seed)
            # The end of a write that death or a power cut interrupted: no record was promised here.
            is_torn = following >= self.end and (
                self.end - position < FRAME_BYTES
                or (length is not None and position + FRAME_BYTES + length > self.end)
                or window.is_zero(position)
            )
            yield Damage(position, following, "torn" if is_torn else "corrupt")
            position = following

    def read_raw(self, damage: Damage) -> Iterator[bytes]:
        """Yield the damaged bytes in pieces; raises OSError."""
        position = damage.start
        while position < damage.end:
            piece = os.pread(self._fd, min(_WINDOW_BYTES, damage.end - position), position)
            if not piece:
                return
            yield piece
            position += len(piece)

    def settle(self, count: int) -> None:
        """Take note that the `count` records of the last read are done with."""
        self.pending -= count
        self._acked = self._cursor

    def store_acked(self) -> None:
        """Write down what is settled, so that another process begins there; raises OSError.

        Never synced: what a power cut takes back is sent twice, which changes nothing.
        """
        self._check_fd()
        offset = self._acked.to_bytes(8, "little")
        data = _SLOT.pack(self._acked, zlib.crc32(offset, self._seed))
        # In turns, so that a torn write leaves the other slot.
        os.pwrite(self._fd, data, _SLOT_PLACES[self._slot])
        self._slot = 1 - self._slot

    def walk_rest(self) -> Iterator[bytes]:
        """Yield the records that are left; from now on all of them are known. Raises OSError."""
        for frame in self._walk(self._cursor):
            if not isinstance(frame, Damage):
                self.pending += not self._is_own
                yield frame

    def close(self) -> None:
        """Let go of the file and its lock; what is pending is left to the next process."""
        fd, self._fd = self._fd, -1
        close_own(fd, self._identity)


class _Window:
    """A file read in pieces, so that its size never becomes memory."""

    __slots__ = ("_base", "_data", "_end", "_fd")

    def __init__(self, fd: int, end: int) -> None:
        self._fd = fd
        self._end = end
        self._base = 0
        self._data = b""

    def read(self, position: int, count: int) -> bytes:
        """Return `count` bytes at `position`, fewer at the end of the file; raises OSError."""
        start = position - self._base
        if not 0 <= start <= start + count <= len(self._data):
            self._fill(position, count)
            start = 0
        return self._data[start : start + count]

    def _fill(self, position: int, count: int) -> None:
        wanted = min(max(count, _WINDOW_BYTES), self._end - position)
        self._data = os.pread(self._fd, max(wanted, 0), position)
        self._base = position

    def find_frame(self, position: int, seed: int) -> int:
        """Return where the next intact header begins, or the end; raises OSError."""
        while position + FRAME_BYTES <= self._end:
            start = position - self._base
            if not 0 <= start <= len(self._data) - FRAME_BYTES:
                self._fill(position, FRAME_BYTES)
                start = 0
            if len(self._data) < FRAME_BYTES:
                break
            at = self._data.find(_MAGIC, start)
            while 0 <= at <= len(self._data) - FRAME_BYTES:
                if _check_header(self._data[at : at + FRAME_BYTES], seed) is not None:
                    return self._base + at
                at = self._data.find(_MAGIC, at + 1)
            # The last bytes may be the beginning of a header.
            position = self._base + len(self._data) - FRAME_BYTES + 1
        return self._end

    def is_zero(self, position: int) -> bool:
        """Tell whether there is nothing but zeros from `position` on; raises OSError."""
        while position < self._end:
            self._fill(position, 1)
            if not self._data or self._data.count(0) < len(self._data):
                return False
            position += len(self._data)
        return True


def _add_damage(damages: list[Damage], damage: Damage) -> None:
    """Add a range, as one with the last when nothing intact is between them."""
    if damages and damages[-1].end == damage.start:
        last = damages.pop()
        kind = last.kind if last.kind == damage.kind else "corrupt"
        damage = Damage(last.start, damage.end, kind)
    damages.append(damage)


def _check_header(data: bytes, seed: int) -> int | None:
    """Return the length of the payload that follows, None when this is no intact header."""
    if len(data) < FRAME_BYTES or not data.startswith(_MAGIC):
        return None
    _, length, _, crc = _FRAME.unpack(data)
    if crc != zlib.crc32(data[: _FRAME_START.size], seed) or length > MAX_RECORD_BYTES:
        return None
    return int(length)


def create_segment(folder: PrivateFolder, *, created_ns: int, is_synced: bool) -> Segment:
    """Create an empty file for this process; names sort by `created_ns`. Raises OSError."""
    for _ in range(_CREATE_TRIES):
        name = f"{created_ns:020d}-{os.urandom(8).hex()}{SEGMENT_SUFFIX}"
        fd = folder.create_file(name)
        try:
            # Until it is locked the file looks like an orphan's: another process may take it, find
            # nothing in it, and remove it.
            if lock_file(fd) and os.fstat(fd).st_nlink:
                write_at(fd, bytes(HEADER_BYTES), 0)
                if is_synced:
                    folder.sync()
                return Segment(name, fd, is_own=True, end=HEADER_BYTES)
        except BaseException:
            folder.remove(name)
            os.close(fd)
            raise
        os.close(fd)
    raise FaultError("io_error", f"no file in {folder.path} stayed this process's own")


def adopt_segment(folder: PrivateFolder, name: str) -> Segment | None:
    """Take over the file of a process that is gone.

    None when the file has an owner, or was finished and removed meanwhile. Raises OSError.
    """
    try:
        fd = folder.open_file(name)
    except FileNotFoundError:
        return None
    try:
        if lock_file(fd):
            status = os.fstat(fd)
            if status.st_nlink:
                return Segment(name, fd, is_own=False, end=status.st_size)
    except BaseException:
        os.close(fd)
        raise
    os.close(fd)
    return None
