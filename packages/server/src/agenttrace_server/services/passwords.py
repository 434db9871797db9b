"""Passwords: which are taken, and how they are kept (Argon2id, the minimum of OWASP)."""

from __future__ import annotations

import asyncio
import secrets
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from argon2 import PasswordHasher, extract_parameters
from argon2.exceptions import InvalidHashError, VerificationError

from agenttrace_server.errors import RefusedError
from agenttrace_server.services.common_passwords import COMMON

MIN_CHARS: Final = 15
MAX_CHARS: Final = 128
HASH_THREADS: Final = 4
"""So many are hashed at once, 19 MiB each: a hundred logins take turns."""
MEMORY_KIB: Final = 19_456
TIME_COST: Final = 2

_MIN_DIFFERENT: Final = 5
_MAX_REPEATED_CHARS: Final = 10
_MIN_NEW_CHARS: Final = 8
"""What a password must have beside rows of keys, known words and its owner's address."""
_MIN_KNOWN_CHARS: Final = 5
_KNOWN: Final = (
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890123456789",
    "12345678901234567890",
    "98765432109876543210",
    "qwertyuiopasdfghjklzxcvbnm",
    "qwertzuiopasdfghjklyxcvbnm",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm",
    "q1w2e3r4t5y6u7i8o9p0",
    "1q2w3e4r5t6y7u8i9o0p",
    "thisismypassword",
    "thisisapassword",
    "mypassword",
    "password",
    "passw0rd",
    "administrator",
    "agenttrace",
    "changeme",
    "iloveyou",
    "letmein",
    "welcome",
    "correcthorsebatterystaple",
    "correct horse battery staple",
)
"""Rows of keys, and words: a password that is little more than these is guessed first."""


def check_password(password: str, email: str) -> None:
    """Go on only with a password that may be chosen.

    Raises:
        RefusedError: it is too short, too long, or one that is guessed first.

    """
    if not is_utf8(password) or any(unicodedata.category(char) == "Cc" for char in password):
        text = "a password is text, without line breaks and other control characters"
        raise RefusedError("password", "invalid", text)
    if len(password) < MIN_CHARS:
        text = f"a password has at least {MIN_CHARS} characters; a few words are easy to keep"
        raise RefusedError("password", "too_short", text)
    if len(password) > MAX_CHARS:
        text = f"a password has at most {MAX_CHARS} characters"
        raise RefusedError("password", "too_long", text)
    if _is_common(password.lower(), email.lower()):
        text = "this password is among the first that are guessed; choose another"
        raise RefusedError("password", "common", text)


def is_utf8(text: str) -> bool:
    """Tell whether a text can be written as UTF-8: no half of a character is in it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_common(password: str, email: str) -> bool:
    if password in COMMON or len(set(password)) < _MIN_DIFFERENT:
        return True
    for length in range(1, _MAX_REPEATED_CHARS + 1):
        unit = password[:length]
        if (unit * (len(password) // length + 1)).startswith(password):
            return True
    known = (*_KNOWN, email, email.partition("@")[0])
    rest, before = password, ""
    while rest != before:
        before = rest
        for text in known:
            rest = _cut_beginning(rest, text)
    return len(rest) < _MIN_NEW_CHARS


def _cut_beginning(password: str, known: str) -> str:
    """Return a password without what it begins with of a known text, if that is much."""
    longest = min(len(password), len(known))
    for length in range(longest, _MIN_KNOWN_CHARS - 1, -1):
        if password.startswith(known[:length]):
            return password[length:]
    return password


class Passwords:
    """Hashes and verifies, on threads of its own. End it with `close`."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher(
            time_cost=TIME_COST, memory_cost=MEMORY_KIB, parallelism=1, hash_len=32, salt_len=16
        )
        self._pool = ThreadPoolExecutor(HASH_THREADS, thread_name_prefix="agenttrace-password")
        self._decoy: str | None = None

    async def hash(self, password: str) -> str:
        """Return what is stored of a password."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, self._hasher.hash, password)

    async def verify(self, stored: str | None, password: str) -> bool:
        """Tell whether it is the one that was stored.

        With None, for an account that there is not, it takes as long, and is not.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, self._verify, stored, password)

    def is_weak(self, stored: str) -> bool:
        """Tell whether a password was hashed with less work than is asked for today."""
        found = extract_parameters(stored)
        return found.memory_cost < MEMORY_KIB or found.time_cost < TIME_COST

    def close(self) -> None:
        """Wait for what is under way."""
        self._pool.shutdown()

    def _verify(self, stored: str | None, password: str) -> bool:
        if self._decoy is None:
            self._decoy = self._hasher.hash(secrets.token_hex(16))
        try:
            self._hasher.verify(stored or self._decoy, password)
        except (VerificationError, InvalidHashError):
            return False
        return stored is not None
