"""Files that a command writes."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO


@contextmanager
def replace_file(path: Path) -> Iterator[BinaryIO]:
    """Write beside a file and take its place at the end: a failure leaves what was there.

    Raises:
        OSError: when it cannot be written.

    """
    if path.exists() and not path.is_file():  # a device or a pipe has no place to take
        with path.open("wb") as file:
            yield file
        return
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    beside = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())  # else a crash may leave the name with nothing behind it
        umask = os.umask(0)
        os.umask(umask)
        beside.chmod(path.stat().st_mode if path.exists() else 0o666 & ~umask)
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
