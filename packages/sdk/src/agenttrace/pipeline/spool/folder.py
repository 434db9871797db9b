"""Folders and files that no other user can read, replace or plant: where the spool lives.

What is in a folder is reached through its open descriptor, never by path, so that a folder which
is swapped for a symbolic link after the check changes nothing. The module imports on Windows, but
every folder is refused there as `unsupported`: there are no locks that the system releases.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

if sys.platform != "win32":
    import fcntl

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER_MODE: Final = 0o700
FILE_MODE: Final = 0o600

_REASONS: Final = {
    "ENOSPC": "disk_full",
    "EDQUOT": "quota",
    "EFBIG": "file_limit",
    "EROFS": "read_only",
    "EACCES": "denied",
    "EPERM": "denied",
    "ENOENT": "missing",
    "ENOTDIR": "missing",
    "EMFILE": "too_many_files",
    "ENFILE": "too_many_files",
}
# What opening with O_NOFOLLOW says of a symbolic link, by system.
_LINK_ERRORS: Final = frozenset({errno.ELOOP, errno.ENOTDIR, errno.EMLINK})


class Fault(NamedTuple):
    """Why something could not be done: `reason` for programs and counters, `message` for people.

    Reasons: `disk_full`, `quota`, `file_limit`, `read_only`, `denied`, `missing`,
    `too_many_files`, `refused` (not safe to use), `spool_full`, `unsupported`, `closed`, and
    `io_error` for everything else.
    """

    reason: str
    message: str


class FaultError(OSError):
    """A fault that the operating system has no number for."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def name_fault(error: OSError, *, path: Path) -> Fault:
    """Return the fault that this error of the spool in `path` amounts to."""
    if isinstance(error, FaultError):
        return Fault(error.reason, str(error))
    reason = _REASONS.get(errno.errorcode.get(error.errno or 0, ""), "io_error")
    return Fault(reason, f"the spool in {path} cannot be used: {error}")


class Entry(NamedTuple):
    """A file in a folder: its size in bytes, and its last change in seconds since the epoch."""

    name: str
    size: int
    changed_s: float


class PrivateFolder:
    """A folder of this user alone, held open. `open_folder` and `open_child` make one."""

    __slots__ = ("_fd", "_identity", "path")

    def __init__(self, path: Path, fd: int) -> None:
        self.path = path
        self._fd = fd
        self._identity = identify(fd)

    @property
    def is_intact(self) -> bool:
        """Whether the folder is still there, and the descriptor still means it."""
        return identify(self._fd) == self._identity and os.fstat(self._fd).st_nlink > 0

    def open_child(self, name: str) -> PrivateFolder:
        """Open the sub-folder `name`, made when it is not there; raises as `open_folder`."""
        with contextlib.suppress(FileExistsError):
            os.mkdir(name, FOLDER_MODE, dir_fd=self._fd)
            os.chmod(name, FOLDER_MODE, dir_fd=self._fd)  # whatever the umask took
        return _hold(self.path / name, name, parent_fd=self._fd)

    def find_child(self, name: str) -> PrivateFolder | None:
        """Open the sub-folder `name`, None when it is not there; raises as `open_folder`."""
        try:
            return _hold(self.path / name, name, parent_fd=self._fd)
        except FileNotFoundError:
            return None

    def create_file(self, name: str) -> int:
        """Create the file `name` for reading and writing; raises OSError when it is there."""
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        fd = os.open(name, flags, FILE_MODE, dir_fd=self._fd)
        os.fchmod(fd, FILE_MODE)  # a umask may have taken the owner's own rights away
        return fd

    def open_file(self, name: str) -> int:
        """Open the file `name` for reading and writing.

        Raises:
            FaultError: `refused`, when it is anything but a plain file of this user with one name.
            OSError: when it cannot be opened.

        """
        path = self.path / name
        # Without O_NONBLOCK a pipe that someone planted would block for ever.
        flags = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        try:
            fd = os.open(name, flags, dir_fd=self._fd)
        except OSError as error:
            if error.errno in _LINK_ERRORS:
                message = f"the spool file {path} is a symbolic link; remove it"
                raise FaultError("refused", message) from error
            raise
        try:
            _check_file(path, fd)
        except BaseException:
            os.close(fd)
            raise
        return fd

    def append_file(self, name: str, data: bytes) -> None:
        """Add `data` to the file `name`, made when it is not there: all of it, or raise OSError."""
        try:
            fd = self.create_file(name)
        except FileExistsError:
            fd = self.open_file(name)
        try:
            write_at(fd, data, os.fstat(fd).st_size)
        finally:
            os.close(fd)

    def rename(self, old: str, new: str) -> None:
        """Give the file `old` the name `new`; raises OSError."""
        os.rename(old, new, src_dir_fd=self._fd, dst_dir_fd=self._fd)

    def move(self, name: str, to: PrivateFolder) -> None:
        """Move the file `name` to another folder; raises OSError."""
        os.rename(name, name, src_dir_fd=self._fd, dst_dir_fd=to._fd)

    def remove(self, name: str) -> bool:
        """Remove the file `name`; False when it is not there or cannot be removed."""
        try:
            os.unlink(name, dir_fd=self._fd)
        except OSError:
            return False
        return True

    def list(self) -> list[Entry]:
        """Return the plain files in the order of their names; raises OSError."""
        found = []
        with os.scandir(self._fd) as entries:
            for entry in entries:
                try:
                    status = entry.stat(follow_symlinks=False)
                except FileNotFoundError:  # another process removed it meanwhile
                    continue
                if stat.S_ISREG(status.st_mode):
                    found.append(Entry(entry.name, status.st_size, status.st_mtime))
        return sorted(found)

    def sync(self) -> None:
        """Make the names in this folder survive a power cut; raises OSError."""
        os.fsync(self._fd)

    def close(self) -> None:
        """Let go of the folder; a second call does nothing."""
        fd, self._fd = self._fd, -1
        close_own(fd, self._identity)


def locate_folder(folder: str | os.PathLike[str]) -> Path:
    """Return where `folder` is now: the program may change its current folder later."""
    path = Path(folder)
    with contextlib.suppress(RuntimeError, OSError):  # no such user; the current folder is gone
        return path.expanduser().absolute()
    return path


def find_spool_folder(environ: Mapping[str, str]) -> Path:
    """Return where spools are by default: `$XDG_STATE_HOME`, else `~/.local/state`.

    For a user without a home it is a folder of that user's in the temporary folder.
    """
    state = Path(environ.get("XDG_STATE_HOME", ""))
    home = Path(environ.get("HOME", ""))
    if not state.is_absolute() and home.is_absolute() and os.access(home, os.W_OK):
        state = home / ".local" / "state"
    if state.is_absolute():
        return state / "agenttrace" / "spool"
    from tempfile import gettempdir  # noqa: PLC0415 -- 10 ms that a user with a home saves

    user = os.getuid() if hasattr(os, "getuid") else environ.get("USERNAME", "user")
    return Path(gettempdir()) / f"agenttrace-{user}" / "spool"


def open_folder(path: Path) -> PrivateFolder:
    """Open the folder `path`, made with its parents when it is not there, for this user alone.

    A folder of this user's that others may look into is closed to them.

    Raises:
        FaultError: `refused`, when it is a symbolic link or belongs to another user;
            `unsupported` on Windows.
        OSError: when it cannot be made or opened.

    """
    if sys.platform == "win32":
        raise FaultError("unsupported", "the spool needs file locks that Windows does not have")
    path = path.absolute()
    _make_folders(path)
    return _hold(path, str(path), parent_fd=None)


def _make_folders(path: Path) -> None:
    missing = []
    while not os.path.lexists(path):
        missing.append(path)
        path = path.parent
    # Not os.makedirs: under a umask of 000 it leaves the parents open to everyone.
    for each in reversed(missing):
        with contextlib.suppress(FileExistsError):
            each.mkdir(FOLDER_MODE)
            each.chmod(FOLDER_MODE)


def sync_parents(path: Path) -> None:
    """Make the way to `path` survive a power cut, as far as this user may see it."""
    for parent in path.absolute().parents:
        with contextlib.suppress(PermissionError):
            fd = os.open(parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(fd)
            finally:
                os.close(fd)


def _hold(path: Path, name: str, *, parent_fd: int | None) -> PrivateFolder:
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        fd = os.open(name, flags, dir_fd=parent_fd)
    except OSError as error:
        if error.errno in _LINK_ERRORS and path.is_symlink():
            message = f"the spool folder {path} is a symbolic link; put a real folder in its place"
            raise FaultError("refused", message) from error
        raise
    try:
        status = os.fstat(fd)
        _check_owner(f"the spool folder {path}", status)
        if stat.S_IMODE(status.st_mode) != FOLDER_MODE:
            os.fchmod(fd, FOLDER_MODE)
    except BaseException:
        os.close(fd)
        raise
    return PrivateFolder(path, fd)


def _check_file(path: Path, fd: int) -> None:
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
        message = f"the spool file {path} is not a plain file with one name; remove it"
        raise FaultError("refused", message)
    _check_owner(f"the spool file {path}", status)
    if stat.S_IMODE(status.st_mode) != FILE_MODE:
        os.fchmod(fd, FILE_MODE)


def _check_owner(what: str, status: os.stat_result) -> None:
    if status.st_uid != os.geteuid():
        message = (
            f"{what} belongs to user {status.st_uid} and this process runs as user "
            f"{os.geteuid()}; remove it or choose another spool folder"
        )
        raise FaultError("refused", message)


Identity: TypeAlias = tuple[int, int] | None
"""What an open file is: its device and inode."""


def identify(fd: int) -> Identity:
    """Return what `fd` means at the moment; None when it means nothing."""
    try:
        status = os.fstat(fd)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def close_own(fd: int, identity: Identity) -> None:
    """Close `fd` if it still means the file that was opened.

    A program that becomes a daemon closes descriptors that are not its own, and the system gives
    their numbers to the next files that it opens.
    """
    if identity is not None and identify(fd) == identity:
        os.close(fd)


def lock_file(fd: int) -> bool:
    """Take the lock of an open file, held until every copy of `fd` is closed or the process dies.

    False when another owner has it, be it in this process or in another; raises OSError.
    """
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def write_at(fd: int, data: bytes, offset: int) -> None:
    """Write all of `data` at `offset`, the end of the file, or take it back and raise OSError."""
    view = memoryview(data)
    done = 0
    try:
        while done < len(view):
            done += os.pwrite(fd, view[done:], offset + done)
    except OSError:
        # Where that fails as well, whoever reads the file skips what is torn, and sends what is
        # whole: a duplicate.
        with contextlib.suppress(OSError):
            os.ftruncate(fd, offset)
        raise
