"""The secret that logins are signed with: which ones are none."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote, urlsplit

MIN_SECRET_BYTES: Final = 32
_MIN_SECRET_DIFFERENT: Final = 8
MAKE_SECRET: Final = "make one with: python -c 'import secrets; print(secrets.token_hex(32))'"  # noqa: S105 -- how, not what
_EXAMPLE_SECRETS: Final = (
    "changeme",
    "changethis",
    "changethissecret",
    "changethissecretkey",
    "changemetoasecurerandomstring",
    "secret",
    "secretkey",
    "secretkeyhere",
    "supersecret",
    "supersecretkey",
    "mysecret",
    "mysecretkey",
    "mysupersecretkey",
    "yoursecretkey",
    "yoursecretkeyhere",
    "insertsecretkeyhere",
    "replaceme",
    "replacethis",
    "password",
    "example",
    "examplesecretkey",
    "test",
    "testsecretkey",
    "development",
    "insecure",
    "default",
    "agenttrace",
)
"""Without what is no letter, once or repeated: what documentation and templates are full of."""
_TELLTALES: Final = ("changeme", "changethis", "changeit", "secretkey", "insecure", "thissecret")
"""Letters that no random secret holds, and that many of a template do."""
_PUBLISHED: Final = frozenset(
    {
        # The tutorials of FastAPI and Flask, and a much copied one of Spring.
        "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
        "192b9bdd22ab9ed4d12e236c78afcb9a393ec15f71bbf5dc987d54727823bcbf",
        "404e635266556a586e3272357538782f413f4428472b4b6250645367566b5970",
        # The page that makes tokens, jwt.io.
        "astringsecretatleast256bitslong",
        "your256bitsecret",
    }
)
"""As `_fold` leaves them."""
_KEYBOARD: Final = (
    "0123456789abcdef",
    "1234567890",
    "abcdefghijklmnopqrstuvwxyz",
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
)

_COMMAND: Final = re.compile(
    r"^\$[({].*[)}]$|^`[\w ./-]*`$|^<[\w .,:-]*>$|<[^<>]*(key|secret|random|your)[^<>]*>|\{\{\s"
    r"|secrets\.token|token_(hex|urlsafe|bytes)|openssl rand|urandom|uuidgen",
    re.DOTALL | re.IGNORECASE,
)
"""What a shell would have put a secret in the place of; files of settings are read by none."""
_QUOTED: Final = re.compile(r"""\(.*\)|`.*`|'.*'|".*"|\$\{.*\}""", re.DOTALL)
"""With a blank, which nothing has that is made at random, it is a command, too."""


def refuse_weak_secret(secret: str, database_url: str) -> None:
    """Refuse a secret that is short, known to everybody, or another one's too.

    Raises:
        ValueError: it is. The message does not have it: it is logged, and perhaps a secret is only
            too short by a letter.

    """
    if len(secret.encode()) < MIN_SECRET_BYTES:
        size = len(secret.encode())
        raise ValueError(f"SECRET_KEY has {size} bytes; it needs {MIN_SECRET_BYTES}: {MAKE_SECRET}")
    if _is_command(secret.strip()):
        raise ValueError(
            "SECRET_KEY is a command, or a place to fill in, that everybody can read: a .env and "
            f"a file of systemd's are no shell. Put what the command prints; {MAKE_SECRET}"
        )
    folded = _fold(secret)
    plain = re.sub(r"[^a-z]", "", folded)
    is_text = len(plain) * 2 >= len(folded)
    is_example = is_text and any(
        plain == word * (len(plain) // len(word)) for word in _EXAMPLE_SECRETS
    )
    is_known = is_example or folded in _PUBLISHED or any(word in plain for word in _TELLTALES)
    if is_known or _is_typed(folded) or len(set(secret)) < _MIN_SECRET_DIFFERENT:
        raise ValueError(f"SECRET_KEY is an example that everybody knows; {MAKE_SECRET}")
    if secret == unquote(urlsplit(database_url).password or ""):
        raise ValueError(f"SECRET_KEY is also the password in DATABASE_URL; {MAKE_SECRET}")


def _is_command(text: str) -> bool:
    has_blank = re.search(r"\s", text) is not None
    return bool(_COMMAND.search(text) or (has_blank and _QUOTED.search(text)))


def _fold(secret: str) -> str:
    """Return a secret without what makes it look like another: case, blanks and separators."""
    return re.sub(r"[\s_.:,-]", "", secret.lower())


def _is_typed(folded: str) -> bool:
    """Tell whether a secret is little but characters in order, up or down, each once or more."""
    plain = re.sub(r"(.)\1+", r"\1", folded)
    order = set()
    for line in _KEYBOARD:
        around = line + line[0]
        order |= {around[n : n + 2] for n in range(len(line))}
    order |= {pair[::-1] for pair in order}
    in_order = sum(plain[n : n + 2] in order for n in range(len(plain) - 1))
    return 2 * in_order >= len(plain)
