"""The token that lets one user in, where the system does not say whose a connection is.

It is in a file that only the user who started the server can read, for programs; a browser gets
a cookie for it by a link that works once. All of it is made anew at each start.
"""

from __future__ import annotations

import hmac
import os
import secrets
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Self

from agenttrace.local_token import find_token_file
from agenttrace_server.errors import StartError

if TYPE_CHECKING:
    from pathlib import Path

_FOLDER_MODE: Final = 0o700
_FILE_MODE: Final = 0o600
_TOKEN_BYTES: Final = 32
_LINK: Final = ".link"


class LocalToken:
    """The token of the server on one port, and the code of its link."""

    def __init__(self, port: int, token: str) -> None:
        self.port = port
        self._token = token.encode()
        self._link = find_token_file(port, os.environ).with_suffix(_LINK)

    @classmethod
    def create(cls, port: int) -> tuple[Self, str]:
        """Return a new token for this port, which is then in its file, and the code of its link.

        Raises:
            StartError: the files cannot be written.

        """
        token, code = secrets.token_urlsafe(_TOKEN_BYTES), secrets.token_urlsafe(_TOKEN_BYTES)
        made = cls(port, token)
        path = find_token_file(port, os.environ)
        try:
            _write(path, token)
            _write(made._link, code)
        except OSError as error:
            raise StartError(
                f"LOCAL_TOKEN: cannot write {path} ({error.strerror}); make its folder yours, or "
                "name another one with XDG_STATE_HOME"
            ) from error
        return made, code

    @classmethod
    def load(cls, port: int) -> Self:
        """Return the token that another process of this server made.

        Raises:
            StartError: there is none.

        """
        path = find_token_file(port, os.environ)
        try:
            return cls(port, path.read_text(encoding="ascii"))
        except OSError as error:
            raise StartError(f"LOCAL_TOKEN: cannot read {path} ({error.strerror})") from error

    def remove(self) -> None:
        """Take the files away."""
        for path in (find_token_file(self.port, os.environ), self._link):
            with suppress(OSError):  # it is gone, or belongs to the next server on this port
                path.unlink()

    @property
    def cookie_name(self) -> str:
        """The cookie's name: cookies know no ports, and servers on several must not mix."""
        return f"agenttrace_{self.port}"

    @property
    def cookie(self) -> str:
        """The cookie's value, which is not the token: a browser's files tell it to nobody."""
        return hmac.digest(self._token, b"cookie", "sha256").hex()

    def is_token(self, given: str) -> bool:
        """Tell whether this is the token."""
        return hmac.compare_digest(given.encode("utf-8", "replace"), self._token)

    def is_cookie(self, given: str) -> bool:
        """Tell whether this is the cookie."""
        return hmac.compare_digest(given.encode("utf-8", "replace"), self.cookie.encode())

    def redeem(self, code: str) -> bool:
        """Tell whether this is the link's code, for the first time: of several, one hears yes."""
        try:
            is_right = hmac.compare_digest(code.encode("utf-8", "replace"), self._link.read_bytes())
            if is_right:
                self._link.unlink()  # who removes it, has it
        except OSError:
            return False
        return is_right


def _write(path: Path, text: str) -> None:
    """Write a file that nobody else can read, at any moment."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=_FOLDER_MODE)
    path.parent.chmod(_FOLDER_MODE)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _FILE_MODE)
    try:
        os.write(fd, text.encode("ascii"))  # less than a page: whole
    finally:
        os.close(fd)
    draft.replace(path)
