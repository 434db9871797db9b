"""The file `.env`: whether it can be read as it is meant, and by nobody else."""

from __future__ import annotations

import io
import stat
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from dotenv.parser import parse_stream

from agenttrace_server.errors import StartError

if TYPE_CHECKING:
    from pathlib import Path

    from dotenv.parser import Binding

_BY_OTHERS: Final = stat.S_IROTH | stat.S_IWOTH


def check_env_file(path: Path) -> None:
    """Look at the file, if there is one.

    Raises:
        StartError: it cannot be read, has a line that is none of a setting, or holds a secret that
            everybody on the machine can read or change.

    """
    # The reader of the file skips what it does not understand, which then counts for nothing.
    try:
        text = path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return
    except OSError as error:
        raise StartError(
            f"{path} cannot be read ({error.strerror}); make it a readable file or move it away"
        ) from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise StartError(f"{path}, line {line}: not UTF-8; expected NAME=value") from error
    bindings = [*parse_stream(io.StringIO(text))]
    if path.stat().st_mode & _BY_OTHERS and any(map(_is_secret, bindings)):
        raise StartError(
            f"{path} has a secret in it, and everyone on this machine can read or change it: "
            f"chmod 600 {path}"
        )
    for binding in bindings:
        if binding.error or (binding.key is not None and binding.value is None):
            skipped = binding.original.string
            line = binding.original.line + skipped[: -len(skipped.lstrip())].count("\n")
            raise StartError(f"{path}, line {line}: expected NAME=value or a comment with #")


def _is_secret(binding: Binding) -> bool:
    name = (binding.key or "").upper()
    if name == "SECRET_KEY":
        return bool(binding.value)
    return name == "DATABASE_URL" and _has_password(binding.value or "")


def _has_password(url: str) -> bool:
    try:
        return bool(urlsplit(url).password)
    except ValueError:  # no URL, of which the settings say more
        return False
