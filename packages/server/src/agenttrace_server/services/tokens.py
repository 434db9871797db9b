"""Tokens of people: signed ones for an hour (JWT), and opaque ones to get the next with."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import jwt

from agenttrace_server.errors import AuthenticationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from jwt.types import Options

ACCESS_S: Final = 60 * 60
REFRESH_S: Final = 14 * 24 * 60 * 60
MAX_TOKEN_CHARS: Final = 2_048
LEEWAY_S: Final = 30
"""So far may the clocks of servers of one store be apart."""
REFUSED: Final = "the token is not valid, or no longer; log in again"

_ALGORITHM: Final = "HS256"
_NAME: Final = "agenttrace"
_REQUIRED: Final = ["exp", "iat", "sub", "aud", "iss", "jti", "ver", "sid"]
# Times are compared with our own clock, in `_check`.
_OPTIONS: Final[Options] = {
    "require": _REQUIRED,
    "strict_aud": True,
    "verify_exp": False,
    "verify_iat": False,
    "verify_nbf": False,
}
_HEADER: Final = {"alg": _ALGORITHM, "typ": "JWT"}
_SETUP_CHARS: Final = 32


@dataclass(frozen=True, slots=True)
class AccessClaims:
    """What an access token says."""

    account_id: str
    session_id: str
    token_id: str
    version: int
    expires_s: int
    """Since the Unix epoch."""


class Tokens:
    """Makes and reads tokens. `clock_s` gives seconds since the Unix epoch."""

    def __init__(self, secret_key: str, *, clock_s: Callable[[], float] = time.time) -> None:
        self._key = secret_key.encode()
        self._clock_s = clock_s

    def make_access(self, account_id: str, session_id: str, version: int) -> str:
        """Return a token that lasts an hour."""
        now_s = int(self._clock_s())
        claims = {
            "iss": _NAME,
            "aud": _NAME,
            "sub": account_id,
            "sid": session_id,
            "jti": secrets.token_hex(16),
            "ver": version,
            "iat": now_s,
            "exp": now_s + ACCESS_S,
        }
        return jwt.encode(claims, self._key, algorithm=_ALGORITHM, headers={"typ": "JWT"})

    def read_access(self, token: str) -> AccessClaims:
        """Return what a token says that this server signed, and that expired not over 30 s ago.

        Servers of one store may differ by so much in their clocks.

        Raises:
            AuthenticationError: it is another, in whatever way.

        """
        if len(token) > MAX_TOKEN_CHARS or not token.isascii():
            raise AuthenticationError(REFUSED)
        try:
            if jwt.get_unverified_header(token) != _HEADER:
                raise AuthenticationError(REFUSED)
            claims = jwt.decode(
                token,
                self._key,
                algorithms=[_ALGORITHM],
                audience=_NAME,
                issuer=_NAME,
                options=_OPTIONS,
            )
        except jwt.PyJWTError as error:
            raise AuthenticationError(REFUSED) from error
        return self._check(claims)

    def _check(self, claims: dict[str, Any]) -> AccessClaims:
        names = [claims[name] for name in ("sub", "sid", "jti")]
        begins = [claims["iat"], claims.get("nbf", claims["iat"])]
        version, expires_s = figures = [claims["ver"], claims["exp"]]
        if not all(isinstance(name, str) and name for name in names):
            raise AuthenticationError(REFUSED)
        if not all(type(figure) is int for figure in [*figures, *begins]):
            raise AuthenticationError(REFUSED)
        now_s = self._clock_s()
        if expires_s + LEEWAY_S <= now_s or max(begins) - LEEWAY_S > now_s:
            raise AuthenticationError(REFUSED)
        account_id, session_id, token_id = names
        return AccessClaims(account_id, session_id, token_id, version, expires_s)


def make_refresh() -> str:
    """Return a token of 256 random bits."""
    return secrets.token_urlsafe(32)


def hash_token(token: str) -> str:
    """Return what is stored of a token that is as random as a key."""
    return hashlib.sha256(token.encode()).hexdigest()


def make_setup_token(secret_key: str, database_id: str) -> str:
    """Return the token that the first account of a store registers with.

    Every process of a server makes the same; nobody can without the secret key.
    """
    text = f"agenttrace setup {database_id}".encode()
    return hmac.new(secret_key.encode(), text, "sha256").hexdigest()[:_SETUP_CHARS]
