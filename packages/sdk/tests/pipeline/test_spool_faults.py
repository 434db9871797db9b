"""What the disk and its users may do to a spool: a named fault, no exception, and recovery."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import traceback
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from agenttrace.pipeline.spool import find_spool_folder
from agenttrace.pipeline.spool.folder import FaultError, identify, open_folder

from .spool_parts import append_all, count_imbalance, drain, list_aside, list_segments, make_spool

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agenttrace.pipeline.spool import Fault, Spool

NOBODY = 65534


def append_and_fail(spool: Spool, lines: list[bytes], *, taken: int = 0) -> Fault:
    """Append `lines` of which the spool takes the first `taken`; return the fault."""
    result = spool.append(lines)
    assert result.taken == taken
    assert result.fault is not None
    assert count_imbalance(spool) == 0
    return result.fault


@contextmanager
def limit_file_size(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond `size` bytes; for root too."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


@contextmanager
def fill_disk(spool: Spool) -> Iterator[None]:
    """Let the system refuse what is written to the present file, and to nothing else: ENOSPC."""
    active = spool._shelf.active
    assert active is not None
    real = os.dup(active._fd)  # keeps the file and its lock
    full = os.open("/dev/full", os.O_RDWR)
    fd = active._fd
    identity = active._identity
    os.dup2(full, fd)
    os.close(full)
    active._identity = identify(fd)
    try:
        yield
    finally:
        os.dup2(real, fd)
        os.close(real)
        active._identity = identity


def test_a_write_that_fails_half_way_is_taken_back(tmp_path: Path) -> None:
    """The file reaches its limit within a record: nothing of that append is kept."""
    spool = make_spool(tmp_path)
    append_all(spool, [b"a"])
    size = list_segments(spool)[0].stat().st_size
    with limit_file_size(size + 500):
        fault = append_and_fail(spool, [b"b" * 200, b"c" * 1_000])
        assert list_segments(spool)[0].stat().st_size == size
    assert fault.reason == "file_limit"
    assert str(spool.path) in fault.message
    append_all(spool, [b"d"])
    spool.close()
    found = make_spool(tmp_path)
    assert drain(found) == [b"a", b"d"]
    assert (found.stats().torn, found.stats().quarantined) == (0, 0)


def test_a_file_limit_costs_one_append(tmp_path: Path) -> None:
    """While the limit lasts the next append begins a file of its own and is taken."""
    spool = make_spool(tmp_path)
    append_all(spool, [b"a" * 300])
    with limit_file_size(600):
        append_and_fail(spool, [b"b" * 300])
        append_all(spool, [b"c" * 300])
        assert append_and_fail(spool, [b"d" * 1_000]).reason == "file_limit"
    append_all(spool, [b"e" * 1_000])
    assert drain(spool) == [b"a" * 300, b"c" * 300, b"e" * 1_000]
    assert spool.stats().faults == {"file_limit": 2}


def test_a_full_disk_leaves_the_records_to_the_caller(tmp_path: Path) -> None:
    """The reason is named, what was taken before is still sent, and the next append recovers."""
    spool = make_spool(tmp_path)
    append_all(spool, [b"a", b"b"])
    with fill_disk(spool):
        fault = append_and_fail(spool, [b"c", b"d"])
    assert fault.reason == "disk_full"
    append_all(spool, [b"e"])
    assert drain(spool) == [b"a", b"b", b"e"]
    stats = spool.stats()
    assert (stats.appended, stats.acknowledged, stats.faults) == (3, 3, {"disk_full": 1})


def test_an_acknowledgement_that_cannot_be_written_costs_a_duplicate(tmp_path: Path) -> None:
    """It counts in this process; the next one, if any comes too soon, sends the records again."""
    spool = make_spool(tmp_path)
    append_all(spool, [b"a", b"b", b"c"])
    batch = spool.read(max_records=1)
    assert batch is not None
    with fill_disk(spool):
        fault = spool.acknowledge(batch)
    assert fault is not None
    assert fault.reason == "disk_full"
    assert spool.stats().acknowledged == 1
    batch = spool.read(max_records=1)
    assert batch is not None
    assert batch.lines == [b"b"]
    spool.close()
    assert drain(make_spool(tmp_path)) == [b"a", b"b", b"c"]


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (errno.ENOSPC, "disk_full"),
        (errno.EDQUOT, "quota"),
        (errno.EROFS, "read_only"),
        (errno.EACCES, "denied"),
        (errno.EPERM, "denied"),
        (errno.ENOENT, "missing"),
        (errno.EMFILE, "too_many_files"),
        (errno.EIO, "io_error"),
    ],
    ids=lambda value: errno.errorcode.get(value, value) if isinstance(value, int) else value,
)
def test_every_error_of_the_system_has_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, reason: str
) -> None:
    """Opening, writing and reading answer with the reason, and go on once it has passed."""
    spool = make_spool(tmp_path)
    gone = make_spool(tmp_path)
    append_all(gone, [b"old"])
    gone.close()

    def fail(*_arguments: object, **_options: object) -> int:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", fail)
        assert append_and_fail(spool, [b"a"]).reason == reason
        assert spool.read() is None
    append_all(spool, [b"b"])
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", fail)
        assert append_and_fail(spool, [b"c"]).reason == reason
    with monkeypatch.context() as patch:
        patch.setattr(os, "pread", fail)
        assert spool.read() is None
    append_all(spool, [b"d"])
    assert sorted(drain(spool)) == [b"d", b"old"]
    assert set(spool.stats().faults) == {reason}
    # What could not be read was let go of: pending in this process, and found by the next.
    assert (spool.stats().pending, count_imbalance(spool)) == (1, 0)
    spool.close()
    assert drain(make_spool(tmp_path)) == [b"b"]


def test_a_file_whose_fsync_failed_is_not_used_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel may have dropped what it could not write: the lines stay with the caller."""
    spool = make_spool(tmp_path, durability="sync")
    append_all(spool, [b"a"])

    def fail(_fd: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        assert append_and_fail(spool, [b"b"]).reason == "io_error"
    append_all(spool, [b"c"])
    assert len(list_segments(spool)) == 2
    assert drain(spool) == [b"a", b"c"]


@pytest.mark.parametrize("is_root_removed", [False, True], ids=["target", "whole spool"])
def test_a_folder_that_is_removed_while_in_use_is_made_anew(
    tmp_path: Path, is_root_removed: bool
) -> None:
    """Said once; nothing is lost while the process lives, and what comes later is durable."""
    root = tmp_path / "spool"
    spool = make_spool(root)
    append_all(spool, [b"a", b"b"])
    shutil.rmtree(root if is_root_removed else spool.path)
    taken, fault = spool.append([b"c"])
    assert fault is not None
    assert (taken, fault.reason) == (1, "missing")
    assert "2 records" in fault.message
    append_all(spool, [b"d"])
    assert len(list_segments(spool)) == 1
    assert drain(spool) == [b"a", b"b", b"c", b"d"]
    append_all(spool, [b"e"])
    spool.close()
    assert drain(make_spool(root)) == [b"e"]


def test_a_reader_follows_to_the_folder_that_was_made_anew(tmp_path: Path) -> None:
    """A process that only reads finds what others leave after the folder was removed."""
    reader = make_spool(tmp_path)
    assert reader.read() is None
    shutil.rmtree(reader.path)
    gone = make_spool(tmp_path)
    append_all(gone, [b"a"])
    gone.close()
    assert drain(reader) == [b"a"]
    assert reader.stats().faults == {}


def test_descriptors_that_the_program_closes_are_not_used(tmp_path: Path) -> None:
    """A file of the program's that gets the same number is neither written, read nor closed."""
    spool = make_spool(tmp_path / "spool")
    append_all(spool, [b"a"])
    active, folder = spool._shelf.active, spool._shelf._folder
    assert active is not None
    assert folder is not None
    numbers = (active._fd, folder._fd)
    for number in numbers:
        os.close(number)
    stranger = tmp_path / "stranger"
    opened = [os.open(stranger, os.O_RDWR | os.O_CREAT, 0o600) for _ in numbers]
    assert sorted(opened) == sorted(numbers)
    taken, fault = spool.append([b"b"])
    assert fault is not None
    assert (taken, fault.reason) == (1, "missing")
    assert "1 records that wait in it are left to the next process" in fault.message
    assert drain(spool) == [b"b"]
    assert (spool.stats().pending, count_imbalance(spool)) == (1, 0)
    spool.close()
    assert drain(make_spool(tmp_path / "spool")) == [b"a"]
    assert stranger.read_bytes() == b""
    for number in opened:
        os.close(number)


def test_a_folder_that_cannot_be_made_becomes_usable_later(tmp_path: Path) -> None:
    """Something is in its place: a fault with each append until it is gone."""
    root = tmp_path / "spool"
    root.write_text("not a folder")
    spool = make_spool(root / "below")
    assert append_and_fail(spool, [b"a"]).reason == "missing"
    assert spool.read() is None
    root.unlink()
    append_all(spool, [b"b"])
    assert drain(spool) == [b"b"]


def test_a_folder_without_permission_is_a_fault() -> None:
    """Run as a user whom permissions bind: `denied`, and it goes on once they allow it."""
    program = f"""
import os, sys
from pathlib import Path
from agenttrace.pipeline.spool import Spool
home = Path(sys.argv[1])
if os.geteuid() == 0:
    os.chown(home, {NOBODY}, {NOBODY})
    os.setgid({NOBODY})
    os.setuid({NOBODY})
home.chmod(0o500)
spool = Spool(home / "spool", target="x")
taken, fault = spool.append([b"a"])
home.chmod(0o700)
print(taken, fault.reason, spool.append([b"b"]), spool.read().lines)
"""
    # Not pytest's folder: that user could not get to it.
    with tempfile.TemporaryDirectory(dir="/tmp") as home:
        command = [sys.executable, "-c", program, home]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.stdout, result.stderr) == (
        "0 denied Appended(taken=1, fault=None) [b'b']\n",
        "",
    )


@pytest.mark.parametrize("umask", [0o000, 0o777], ids=["open", "closed"])
def test_everything_is_private_under_any_umask(tmp_path: Path, umask: int) -> None:
    """Folders 0700, parents that had to be made included, and files 0600."""
    before = os.umask(umask)
    try:
        spool = make_spool(tmp_path / "made" / "spool")
        append_all(spool, [b"a", b"b"])
        with list_segments(spool)[0].open("r+b") as file:
            file.seek(60)
            file.write(b"!")
        batch = spool.read()
        assert batch is not None
        spool.acknowledge(batch, refused={0: "why"})
        append_all(spool, [b"c"])
    finally:
        os.umask(before)
    assert len(list_aside(spool, "dead")) == len(list_aside(spool, "corrupt")) == 1
    modes = {(path.is_dir(), stat.S_IMODE(path.stat().st_mode)) for path in tmp_path.rglob("*")}
    assert modes == {(True, 0o700), (False, 0o600)}


def test_a_folder_that_others_could_enter_is_closed_to_them(tmp_path: Path) -> None:
    """A folder of this user's is put right rather than refused."""
    root = tmp_path / "spool"
    root.mkdir()
    root.chmod(0o777)
    append_all(make_spool(root), [b"a"])
    assert stat.S_IMODE(root.stat().st_mode) == 0o700


@pytest.mark.parametrize("level", ["root", "target", "dead"])
def test_a_symbolic_link_in_the_place_of_a_folder_is_refused(tmp_path: Path, level: str) -> None:
    """Nothing is written where it points to, and the message says what to do."""
    spool = make_spool(tmp_path / "spool")
    append_all(spool, [b"a"])
    spool.close()
    place = {"root": spool.path.parent, "target": spool.path, "dead": spool.path / "dead"}[level]
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.rmtree(place, ignore_errors=True)
    place.symlink_to(elsewhere)
    spool = make_spool(tmp_path / "spool")
    if level == "dead":
        append_all(spool, [b"b"])
        batch = spool.read(max_records=1)
        assert batch is not None
        fault = spool.acknowledge(batch, refused={0: "why"})
        assert fault is not None
    else:
        fault = append_and_fail(spool, [b"b"])
    assert fault.reason == "refused"
    assert fault.message == (
        f"the spool folder {place} is a symbolic link; put a real folder in its place"
    )
    assert list(elsewhere.iterdir()) == []


def test_a_folder_of_another_user_is_refused(tmp_path: Path) -> None:
    """Root gives one away, anyone else finds one: the message names both users."""
    me = os.geteuid()
    if me == 0:
        root = tmp_path / "spool"
        root.mkdir(0o700)
        os.chown(root, NOBODY, NOBODY)
    else:
        root = Path("/usr")
    owner = NOBODY if me == 0 else 0
    fault = append_and_fail(make_spool(root), [b"a"])
    assert fault.reason == "refused"
    assert fault.message == (
        f"the spool folder {root} belongs to user {owner} and this process runs as user {me}; "
        "remove it or choose another spool folder"
    )


@pytest.mark.parametrize("kind", ["symbolic link", "hard link", "pipe", "foreign"])
def test_a_planted_file_is_refused_and_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Whatever poses as a record file is not read, not blocked on, and stops nothing else."""
    gone = make_spool(tmp_path / "spool")
    append_all(gone, [b"planted"])
    gone.close()
    (real,) = list_segments(gone)
    if kind == "symbolic link":
        real.rename(tmp_path / "target")
        real.symlink_to(tmp_path / "target")
    elif kind == "hard link":
        (tmp_path / "second name").hardlink_to(real)
    elif kind == "pipe":
        real.unlink()
        os.mkfifo(real)
    spool = make_spool(tmp_path / "spool")
    append_all(spool, [b"good"])
    if kind == "foreign" and os.geteuid() == 0:
        os.chown(real, NOBODY, NOBODY)
    elif kind == "foreign":  # nobody else can give a file away: it is the user who changes
        user = os.geteuid()

        def answer_as_another() -> int:
            stack = traceback.extract_stack(limit=3)
            return user + any(frame.name == "_check_file" for frame in stack)

        monkeypatch.setattr(os, "geteuid", answer_as_another)
    assert drain(spool) == [b"good"]
    expected = {} if kind in {"symbolic link", "pipe"} else {"refused": 1}
    assert (spool.stats().faults, os.path.lexists(real)) == (expected, True)


def test_a_file_that_was_swapped_for_a_link_after_it_was_listed_is_refused(tmp_path: Path) -> None:
    """Opening a file does not follow a link, wherever it came from."""
    (tmp_path / "secret").write_text("another program's")
    (tmp_path / "file").symlink_to(tmp_path / "secret")
    folder = open_folder(tmp_path)
    with pytest.raises(FaultError, match=r"file .*/file is a symbolic link; remove it") as caught:
        folder.open_file("file")
    folder.close()
    assert caught.value.reason == "refused"


def test_the_default_folder_is_the_users_own(tmp_path: Path) -> None:
    """`$XDG_STATE_HOME`, the home's state folder, or the user's own in the temporary folder."""
    home = {"HOME": os.fspath(tmp_path)}
    assert find_spool_folder({"XDG_STATE_HOME": "/state", **home}) == Path(
        "/state/agenttrace/spool"
    )
    assert find_spool_folder(home) == tmp_path / ".local/state/agenttrace/spool"
    assert find_spool_folder({"XDG_STATE_HOME": "relative", **home}) == find_spool_folder(home)
    without = find_spool_folder({"HOME": "/nowhere"})
    assert (without.parent.name, without.name) == (f"agenttrace-{os.getuid()}", "spool")


def test_on_windows_the_module_imports_and_answers_unsupported(tmp_path: Path) -> None:
    """No locks, no spool: the caller keeps its records and learns why."""
    program = f"""
import hashlib, os, pathlib, sys, tempfile, weakref, zlib, contextlib, collections, typing, struct
sys.platform = "win32"
sys.modules["fcntl"] = None
for name in ("O_NOFOLLOW", "O_DIRECTORY", "O_CLOEXEC", "O_NONBLOCK", "register_at_fork",
             "geteuid", "getuid", "fchmod", "pread", "pwrite"):
    delattr(os, name)
from agenttrace.pipeline.spool import Spool, find_spool_folder
find_spool_folder({{"USERNAME": "someone"}})
spool = Spool(pathlib.Path({os.fspath(tmp_path)!r}), target="x")
print(spool.append([b"a"]).fault.reason, spool.read(), spool.stats().faults)
spool.close()
"""
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (result.stdout, result.stderr) == (
        "unsupported None {'unsupported': 2}\n",
        "",
    )
