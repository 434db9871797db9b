"""The token of a server on this machine that was started with `--local-token`.

The server leaves it in a file that only its user can read; what this user records and asks finds
it there by itself. It is for that server's port, and gone when the server ends.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from agenttrace.pipeline.spool.folder import find_spool_folder

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_MAX_BYTES: Final = 1024
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_PORTS: Final = {"http": 80, "https": 443}


def find_token_folder(environ: Mapping[str, str]) -> Path:
    """Return the folder of tokens: `agenttrace/servers`, where the spool's folder is, too."""
    return find_spool_folder(environ).parent / "servers"


def find_token_file(port: int, environ: Mapping[str, str]) -> Path:
    """Return where the token of the server on this port is, if it has one."""
    return find_token_folder(environ) / f"{port}.token"


def read_local_token(url: str) -> str | None:
    """Return the token of the server at this address of this machine; None when there is none.

    A file that is another user's, or that others may read, has no token of ours.
    """
    parts = urlsplit(url)
    port = parts.port or _PORTS.get(parts.scheme, 0)
    try:
        fd = os.open(find_token_file(port, os.environ), os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    except OSError:
        return None
    try:
        token = os.read(fd, _MAX_BYTES) if _is_ours(os.fstat(fd)) else b""
    except OSError:
        return None
    finally:
        os.close(fd)
    return token.strip().decode("ascii", "replace") or None


def _is_ours(status: os.stat_result) -> bool:
    if not hasattr(os, "geteuid"):  # Windows keeps a user's folder from others by itself
        return stat.S_ISREG(status.st_mode)
    is_closed = status.st_uid == os.geteuid() and not status.st_mode & _OTHERS
    return stat.S_ISREG(status.st_mode) and is_closed
