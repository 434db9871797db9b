"""A compressed answer that something cut and made whole again does not pass for one."""

from __future__ import annotations

import gzip
import sys
from typing import TYPE_CHECKING

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agenttrace.cli.download import Download, DownloadError

if TYPE_CHECKING:
    from collections.abc import Callable

if sys.version_info >= (3, 14):
    from compression import zstd  # type: ignore[attr-defined] # the module of the same name
else:
    from backports import zstd

LINES = [b'{"n":%d}' % (n * n) for n in range(400)]
TEXT = b"".join(line + b"\n" for line in LINES)
PACK: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "zstd": zstd.compress}
BODIES = {"identity": TEXT, **{name: pack(TEXT) for name, pack in PACK.items()}}


def _read(body: bytes, encoding: str, *, piece_bytes: int = 100) -> list[bytes]:
    pieces = [body[at : at + piece_bytes] for at in range(0, len(body), piece_bytes)]
    response = httpx.Response(200, headers={"content-encoding": encoding}, content=iter(pieces))
    return [line.text for line in Download(response).iterate_lines()]


@pytest.mark.parametrize("encoding", BODIES)
@given(piece_bytes=st.integers(1, 5_000))
def test_a_whole_answer_is_its_lines(encoding: str, piece_bytes: int) -> None:
    """However it is packed, and in whatever pieces it comes."""
    assert _read(BODIES[encoding], encoding, piece_bytes=piece_bytes) == LINES


@given(st.sampled_from(sorted(PACK)), st.data())
def test_no_beginning_of_a_packed_answer_is_whole(encoding: str, data: st.DataObject) -> None:
    """Wherever it was cut: its lines do not simply end."""
    whole = BODIES[encoding]
    with pytest.raises(DownloadError):
        _read(whole[: data.draw(st.integers(1, len(whole) - 1))], encoding)


@given(st.integers(1, len(TEXT) - 1).filter(lambda at: TEXT[at - 1 : at] != b"\n"))
def test_no_line_without_its_end_is_whole(at: int) -> None:
    """Between two lines only the transfer itself can tell, and does."""
    with pytest.raises(DownloadError, match="the last line is not whole"):
        _read(TEXT[:at], "identity")


@pytest.mark.parametrize("encoding", ["br", "nonsense"])
def test_what_was_not_asked_for_is_refused(encoding: str) -> None:
    """A server may not choose by itself."""
    with pytest.raises(DownloadError, match="which was not asked for"):
        _read(TEXT, encoding)


def test_what_is_no_packed_stream_is_refused() -> None:
    """With what is wrong with it."""
    for encoding in PACK:
        with pytest.raises(DownloadError, match="cannot be unpacked further"):
            _read(TEXT, encoding)
