"""Long texts as pieces: cut where texts repeat, told apart by digest, compressed. No SQL.

A chat sends its whole history with each call. Its text is cut before the objects of a list, from
the left: two texts that begin alike are cut alike as far as they are alike, so that a call adds
what is new of its text, and the piece at its end.
"""

from __future__ import annotations

import re
import sys
from hashlib import blake2b
from typing import Any, Final

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

DIGEST_BYTES: Final = 16
INLINE_BYTES: Final = 1024
"""A shorter text stands in its own row: a piece costs a row of some 80 bytes beside it."""
MIN_PIECE_BYTES: Final = 1024
MAX_PIECE_BYTES: Final = 64 * 1024
_LEVEL: Final = 1  # 3 takes twice as long for some hundredths less

# Before an object in a list. Within a text of JSON the quotation mark would be escaped.
_SEAM: Final = re.compile(rb'[\[,][ \n]?(?=\{")')


def cut(text: bytes) -> list[bytes]:
    """Return the pieces of a text: joined, they are the text, byte for byte."""
    seams = [match.end() for match in _SEAM.finditer(text)] if len(text) > MIN_PIECE_BYTES else []
    pieces: list[bytes] = []
    start = 0
    for end in [*seams, len(text)]:
        # A piece that is too long ends at a multiple of the limit from its own start.
        while end - start > MAX_PIECE_BYTES:
            pieces.append(text[start : start + MAX_PIECE_BYTES])
            start += MAX_PIECE_BYTES
        if end - start >= MIN_PIECE_BYTES or (end == len(text) and end > start):
            pieces.append(text[start:end])
            start = end
    return pieces


def compress(piece: bytes, compressor: zstd.ZstdCompressor) -> bytes:
    """Return what stands for the piece: shorter than it, or the piece itself."""
    shorter = compressor.compress(piece, zstd.ZstdCompressor.FLUSH_FRAME)
    return shorter if len(shorter) < len(piece) else piece


def decompress(data: bytes, size_bytes: int) -> bytes:
    """Return the piece of this size that `compress` made `data` of."""
    return data if len(data) == size_bytes else zstd.decompress(data)


class Pieces:
    """The pieces of a batch's long texts, by run and digest, each once."""

    def __init__(self) -> None:
        self.found: dict[tuple[str, bytes], bytes] = {}

    def take_out(self, rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        """Return the rows of payloads or events, with digests where a long text stood.

        Their last columns are the text, its types, and the digests; the first is the run.
        """
        return [
            (*row[:-3], None, row[-2], self._add(row[0], row[-3]))
            if row[-3] is not None and len(row[-3]) >= INLINE_BYTES and row[2] not in _ALWAYS_INLINE
            else row
            for row in rows
        ]

    def add(self, others: Pieces) -> None:
        """Take in what others found."""
        self.found |= others.found

    def dump(self, known: set[tuple[str, bytes]]) -> list[tuple[str, bytes, int, bytes]]:
        """Return the rows of `content` for the pieces that are not among the known ones."""
        compressor = zstd.ZstdCompressor(level=_LEVEL)
        return [
            (*key, len(piece), compress(piece, compressor))
            for key, piece in self.found.items()
            if key not in known
        ]

    def _add(self, run_id: str, text: str) -> bytes:
        digests = []
        for piece in cut(text.encode()):
            digest = blake2b(piece, digest_size=DIGEST_BYTES).digest()
            self.found[run_id, digest] = piece
            digests.append(digest)
        return b"".join(digests)


# Read with every page of runs or spans, and short.
_ALWAYS_INLINE: Final = frozenset({"attributes", "resource"})


def split_digests(parts: bytes) -> list[bytes]:
    """Return the digests of a text's pieces, in their order."""
    return [parts[at : at + DIGEST_BYTES] for at in range(0, len(parts), DIGEST_BYTES)]
