"""Copies of a SQLite store: made while it is written to, checked, and put in an empty place.

A copy is one file, and beside it `NAME.sha256` has its checksum, as `sha256sum --check` reads it.
SQLite itself has no checksums: a byte that was flipped within a text is found out only by that.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shlex
import shutil
import sqlite3
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, Final, NamedTuple

from sqlalchemy.engine import URL

from agenttrace_server.errors import StartError
from agenttrace_server.storage.schema import HEAD_REVISION, KNOWN_REVISIONS
from agenttrace_server.storage.sqlite import parse_path
from agenttrace_server.storage.urls import POSTGRES_NAMES, parse_database_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

STEP_PAGES: Final = 1_024
"""Of 8 KiB, between two words of progress."""
SUFFIX: Final = ".sha256"
_CHUNK_BYTES: Final = 1024 * 1024
_OF_OWNER: Final = 0o600
_BUSY_TIMEOUT_S: Final = 30.0
_JOURNALS: Final = ("-wal", "-shm", "-journal")


class Copy(NamedTuple):
    """What was copied."""

    path: Path
    size_bytes: int
    runs: int
    sha256: str
    is_verified: bool
    """By a checksum that was there before."""


def find_file(database_url: str, *, instead: str) -> Path:
    """Return the file of a SQLite store.

    `instead` is what is done with a PostgreSQL: a command with `{url}` in it.

    Raises:
        StartError: the URL names no SQLite file.

    """
    url = parse_database_url(database_url)
    if url.drivername.partition("+")[0] not in POSTGRES_NAMES:
        return parse_path(url)
    # Without the password: whoever looks over a shoulder, or at the processes, sees the command.
    plain = URL.create("postgresql", url.username, None, url.host, url.port, url.database)
    raise StartError(
        "DATABASE_URL names a PostgreSQL, which has tools of its own for that: "
        + instead.format(url=shlex.quote(plain.render_as_string()))
    )


def back_up(source: Path, target: Path, *, on_progress: Callable[[int, int], None]) -> Copy:
    """Copy a store as it is at this moment, while servers go on writing to it.

    `on_progress` is told the pages that are copied and all of them. The target appears, whole and
    synced, when it has been checked.

    Raises:
        StartError: there is something at the target, or nothing at the source; the disk is full;
            the store is damaged.

    """
    _refuse_present(target, SUFFIX)
    if not source.is_file():
        raise StartError(f"DATABASE_URL: there is no store at {source} to copy")
    with _name_faults(target), _make_aside(target) as draft:
        try:
            _copy_pages(source, draft, on_progress)
        except sqlite3.Error as error:
            raise StartError(
                f"{source} cannot be copied to {target}: {error}; what was written of the copy is "
                "deleted"
            ) from error
        runs = _check(draft)
        digest = _hash(draft)
        _sync(draft)
        _put(draft, target)
        _write_checksum(target, digest)
    return Copy(target, target.stat().st_size, runs, digest, is_verified=False)


def restore(source: Path, target: Path) -> Copy:
    """Put a copy in an empty place, when it is what was backed up.

    Raises:
        StartError: there is a store at the target, or something else; the copy is not what its
            checksum says, damaged, no store, or a newer release's.

    """
    _refuse_present(target, *_JOURNALS)
    if not source.is_file():
        raise StartError(f"there is no backup at {source}")
    expected = _read_checksum(source)
    with _name_faults(target):
        _make_folders(target)
        with _make_aside(target) as draft:
            with source.open("rb") as given, draft.open("wb") as taken:
                shutil.copyfileobj(given, taken, _CHUNK_BYTES)
            digest = _hash(draft)
            if expected is not None and digest != expected:
                raise StartError(
                    f"{source} is not what was backed up: its checksum is {digest}, and "
                    f"{source}{SUFFIX} says {expected}; take another backup"
                )
            runs = _check(draft)
            _sync(draft)
            _put(draft, target)
    size_bytes = target.stat().st_size
    return Copy(target, size_bytes, runs, digest, is_verified=expected is not None)


def _copy_pages(source: Path, draft: Path, on_progress: Callable[[int, int], None]) -> None:
    with (
        closing(sqlite3.connect(source, timeout=_BUSY_TIMEOUT_S, isolation_level=None)) as given,
        closing(sqlite3.connect(draft, isolation_level=None)) as taken,
    ):
        # One snapshot for all pages: else each commit of a server would begin the copy anew.
        given.execute("BEGIN")
        given.execute("SELECT count(*) FROM sqlite_schema").fetchall()
        given.backup(
            taken,
            pages=STEP_PAGES,
            progress=lambda _status, left, total: on_progress(total - left, total),
            sleep=0,
        )
        given.execute("ROLLBACK")
        taken.execute("PRAGMA journal_mode=DELETE")  # one file, whoever opens it first


def _check(path: Path) -> int:
    """Return how many runs a copy has.

    Raises:
        StartError: it is damaged, no store of this program, or a newer release's.

    """
    try:
        with closing(sqlite3.connect(path)) as connection:
            ((found,), *_) = connection.execute("PRAGMA integrity_check(1)").fetchall()
            if found != "ok":
                raise StartError(f"the store is damaged ({' '.join(str(found).split())})")
            ((revision,),) = connection.execute("SELECT version_num FROM alembic_version")
            ((runs,),) = connection.execute("SELECT count(*) FROM run")
    except sqlite3.Error as error:
        raise StartError(f"that is no store of this program, or a damaged one ({error})") from error
    except ValueError as error:
        raise StartError("that is no store of this program: it names no schema") from error
    if revision not in KNOWN_REVISIONS:
        raise StartError(
            f"that store is at schema {revision!r}, which a newer release wrote; this one knows up "
            f"to {HEAD_REVISION!r}: upgrade agenttrace-server"
        )
    return int(runs)


def _refuse_present(target: Path, *ends: str) -> None:
    for end in ("", *ends):
        path = target.with_name(target.name + end)
        if path.exists() or path.is_symlink():
            raise StartError(f"{path} is there already, and nothing is ever written over it")


def _make_folders(target: Path) -> None:
    for folder in reversed([each for each in target.parents if not each.exists()]):
        folder.mkdir(mode=0o700, exist_ok=True)


@contextmanager
def _make_aside(target: Path) -> Iterator[Path]:
    """Give an empty file beside the target, its owner's alone; it is gone at the end."""
    draft = target.with_name(f".{target.name}.{os.getpid()}.part")
    os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_RDWR, _OF_OWNER))
    try:
        yield draft
    finally:
        for end in ("", *_JOURNALS):
            with suppress(FileNotFoundError):
                draft.with_name(draft.name + end).unlink()


@contextmanager
def _name_faults(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno == errno.EEXIST:
            raise StartError(
                f"{target} is there already, and nothing is ever written over it"
            ) from error
        raise StartError(f"{target} cannot be written: {error.strerror}") from error


def _put(draft: Path, target: Path) -> None:
    """Give the file its name, unless that is somebody's meanwhile."""
    os.link(draft, target)
    _sync(target.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write_checksum(target: Path, digest: str) -> None:
    path = target.with_name(target.name + SUFFIX)
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, _OF_OWNER)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(f"{digest}  {target.name}\n")
        file.flush()
        os.fsync(file.fileno())


def _read_checksum(source: Path) -> str | None:
    path = source.with_name(source.name + SUFFIX)
    try:
        words = path.read_text(encoding="utf-8").split()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise StartError(f"{path} cannot be read; it has the checksum of {source}") from error
    if not words or len(words[0]) != hashlib.sha256().digest_size * 2:
        raise StartError(f"{path} has no SHA-256 of {source}; write it anew, or move it away")
    return words[0].lower()
