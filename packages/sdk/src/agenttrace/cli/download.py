"""The lines of an answer as they come, and proof that all of them came.

A server that cannot send an answer whole cuts it: the transfer is broken, which the HTTP client
notices. Something between that makes a whole answer of it is noticed by what is within: a
compressed stream without its end, or a last line without its newline.
"""

from __future__ import annotations

import gzip
import io
import zlib
from importlib import import_module
from typing import TYPE_CHECKING, Any, BinaryIO, Final, cast

from agenttrace.trace.reading import MAX_LINE_BYTES, iterate_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from agenttrace.trace.reading import Line

_ZSTD_MODULES: Final = ("compression.zstd", "backports.zstd")
"""Python's own from 3.14 on, and the same for older ones, where somebody has installed it."""


class DownloadError(Exception):
    """An answer that is not whole; the text says why."""


class Download:
    """The body of one answer that is being streamed; at most a line of it is in memory."""

    def __init__(self, response: httpx.Response) -> None:
        self._encoding = response.headers.get("content-encoding", "identity")
        self._raw = io.BufferedReader(_Body(response.iter_raw()))

    @staticmethod
    def list_encodings() -> str:
        """Return what can be read, the best first, as `Accept-Encoding` has it."""
        return "gzip" if _find_zstd() is None else "zstd, gzip"

    def iterate_lines(self) -> Iterator[Line]:
        """Yield each line.

        Raises:
            DownloadError: the lines end here, and are not all.
            HTTPError: the HTTP client's, as above.

        """
        zstd = _find_zstd()
        errors = (EOFError, OSError, zlib.error) if zstd is None else (
            EOFError, OSError, zlib.error, zstd.ZstdError
        )  # fmt: skip
        try:
            for line in iterate_lines(self._open()):
                if line.is_too_long:
                    raise DownloadError(f"a line has more than {MAX_LINE_BYTES:,} bytes")
                if not line.is_whole:
                    raise DownloadError("the last line is not whole")
                yield line
        except errors as error:
            raise DownloadError(f"it cannot be unpacked further: {error}") from error

    def _open(self) -> BinaryIO:
        if self._encoding == "identity":
            return self._raw
        if self._encoding == "gzip":
            return cast("BinaryIO", gzip.GzipFile(fileobj=self._raw, mode="rb"))
        zstd = _find_zstd()
        if self._encoding == "zstd" and zstd is not None:
            return cast("BinaryIO", zstd.ZstdFile(self._raw, "rb"))
        raise DownloadError(f"it is packed as {self._encoding}, which was not asked for")


class _Body(io.RawIOBase):
    """The pieces of a body as a file."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = memoryview(piece)
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count


def _find_zstd() -> Any:
    for name in _ZSTD_MODULES:
        try:
            return import_module(name)
        except ImportError:
            continue
    return None
