"""Reading long texts whose heads are known: whole, their beginnings, or step by step.

Between the reading of a head and of its text the run may be deleted: then there is `GoneError`.
"""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Final

from agenttrace_server.errors import GoneError
from agenttrace_server.storage.contents import count_fitting, read_pieces, read_sizes, read_texts
from agenttrace_server.storage.payloads import has_run
from agenttrace_server.storage.pieces import DIGEST_BYTES, MIN_PIECE_BYTES, split_digests

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import TypeVar

    from sqlalchemy import Connection

    from agenttrace_server.records import PayloadHead
    from agenttrace_server.storage.contents import PieceKey

    T = TypeVar("T")

BYTES_A_STEP: Final = 1024 * 1024
PIECES_A_STEP: Final = BYTES_A_STEP // MIN_PIECE_BYTES
HEADS_A_STEP: Final = 256
"""Of beginnings: the piece that one is cut out of may be 64 KiB."""


def read_long_texts(connection: Connection, heads: Sequence[PayloadHead]) -> list[str]:
    """Return the texts, whole, in one statement.

    Raises:
        GoneError: a run was deleted meanwhile.

    """
    try:
        return [text or "" for text in read_texts(connection, heads)]
    except KeyError as error:
        raise _make_gone() from error


def read_beginnings(
    connection: Connection, heads: Sequence[PayloadHead], *, max_bytes: int
) -> list[str]:
    """Return of each text so many bytes as make whole characters, at most `max_bytes`.

    No more is read than the pieces in which they are.

    Raises:
        GoneError: a run was deleted meanwhile.

    """
    found: list[str] = []
    for at in range(0, len(heads), HEADS_A_STEP):
        part = heads[at : at + HEADS_A_STEP]
        found += _read_beginnings(connection, part, max_bytes)
    return found


def read_step(connection: Connection, head: PayloadHead, at: int) -> tuple[bytes, int | None]:
    """Return what of a text begins at its piece `at`, and where to go on; None at its end.

    At most 1 MiB.

    Raises:
        GoneError: the run was deleted meanwhile.

    """
    if head.value_json is not None:
        return head.value_json.encode(), None
    if not has_run(connection, head.run_id):
        raise _make_gone()
    rest = _split(head, at, PIECES_A_STEP)
    sizes_bytes = _find(read_sizes(connection, rest), rest)
    chosen = rest[: count_fitting(sizes_bytes, BYTES_A_STEP)]
    pieces = _find(read_pieces(connection, chosen), chosen)
    after = at + len(chosen)
    is_last = after * DIGEST_BYTES >= len(head.parts or b"")
    return b"".join(pieces), None if is_last else after


def _read_beginnings(
    connection: Connection, heads: Sequence[PayloadHead], max_bytes: int
) -> list[str]:
    # Every piece but a text's last has at least so many bytes: more of them cannot be needed.
    count = -(-max_bytes // MIN_PIECE_BYTES)
    digests = [_split(head, 0, count) for head in heads]
    keys = [key for listed in digests for key in listed]
    sizes = read_sizes(connection, [*dict.fromkeys(keys)]) if keys else {}
    needed = [
        listed[: 1 + sum(total < max_bytes for total in accumulate(_find(sizes, listed)))]
        for listed in digests
    ]
    keys = [key for listed in needed for key in listed]
    pieces = read_pieces(connection, [*dict.fromkeys(keys)]) if keys else {}
    return [
        _cut(
            head.value_json.encode()
            if head.value_json is not None
            else b"".join(_find(pieces, listed)),
            max_bytes,
        )
        for head, listed in zip(heads, needed, strict=True)
    ]


def _cut(text: bytes, max_bytes: int) -> str:
    # The text is whole UTF-8: what is left out is the beginning of a character at the cut.
    return text[:max_bytes].decode(errors="ignore")


def _split(head: PayloadHead, at: int, count: int) -> list[PieceKey]:
    if head.value_json is not None:
        return []
    start = at * DIGEST_BYTES
    end = start + count * DIGEST_BYTES
    return [(head.run_id, digest) for digest in split_digests((head.parts or b"")[start:end])]


def _find(found: Mapping[PieceKey, T], keys: Sequence[PieceKey]) -> list[T]:
    try:
        return [found[key] for key in keys]
    except KeyError as error:
        raise _make_gone() from error


def _make_gone() -> GoneError:
    return GoneError("the run was deleted while its texts were read")
