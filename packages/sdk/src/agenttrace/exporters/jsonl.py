"""Records as lines of a file: the format that the server imports and the CLI reads."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING

from agenttrace.guard import log_warning
from agenttrace.pipeline.batch import encode_records
from agenttrace.pipeline.export import Exporter, ExportResult

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agenttrace.wire import Record


class JSONLExporter(Exporter):
    """Appends records to a file, one JSON object a line.

    The folder is made when the first batch comes. A batch is one write, so that processes which
    share a file do not cut each other's lines. When the file cannot be written there is one
    warning, and batches are counted as `rejected` until it can be again.

    Guarantee: what `flush` confirmed is on the disk; a program that dies loses what it recorded in
    its last milliseconds.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        # Where it is now: the program may change its folder before the first record.
        self.path = Path(path).expanduser().absolute()
        self._has_warned = False
        self._descriptor: int | None = None

    def export(self, records: Sequence[Record]) -> ExportResult:
        """Append the records in one write."""
        data = b"\n".join(encode_records(records)) + b"\n"
        try:
            if self._descriptor is None:
                self._descriptor = self._open()
                if _ends_within_a_line(self.path):
                    data = b"\n" + data
            _write_all(self._descriptor, data)
        except OSError as error:
            self._warn(error)
            self._close()
            reason = f"write_failed: {error.strerror or error}"
            return ExportResult.REJECTED(dict.fromkeys(range(len(records)), reason))
        return ExportResult.DELIVERED

    def flush(self, *, timeout_s: float) -> bool:
        """Bring what was written onto the disk."""
        del timeout_s
        if self._descriptor is None:
            return not self._has_warned
        try:
            os.fsync(self._descriptor)
        except OSError as error:
            if error.errno in _NO_SYNC:
                return True
            self._warn(error)
            return False
        return True

    def shutdown(self, *, timeout_s: float) -> None:
        """Close the file."""
        self.flush(timeout_s=timeout_s)
        self._close()

    def _open(self) -> int:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_CLOEXEC", 0)
        return os.open(self.path, flags, 0o666)

    def _close(self) -> None:
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            os.close(descriptor)

    def _warn(self, error: OSError) -> None:
        if not self._has_warned:
            self._has_warned = True
            log_warning(
                f"cannot write traces to {self.path}: {error.strerror or error}. The program goes "
                "on; these records are dropped and counted in tracer.stats(). Make the path "
                "writable or give JSONLExporter another one."
            )


# A pipe or a terminal has nothing to sync.
_NO_SYNC = frozenset({errno.EINVAL, errno.ENOTSUP, errno.EROFS})


def _ends_within_a_line(path: Path) -> bool:
    # What a process left that died within a write, or a disk that was full. A failed write closes
    # the file, so that its own torn line is found here as well.
    if not path.is_file():  # a pipe or a device cannot be read back
        return False
    with path.open("rb") as file:
        if file.seek(0, os.SEEK_END) == 0:
            return False
        file.seek(-1, os.SEEK_END)
        return file.read(1) != b"\n"


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:  # the kernel may take less when the disk is nearly full
        view = view[os.write(descriptor, view) :]
