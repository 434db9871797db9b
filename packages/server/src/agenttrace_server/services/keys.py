"""API keys: `agt_<id>_<secret>_<check>`, for programs. Shown once, stored as a hash."""

from __future__ import annotations

import hashlib
import re
import secrets
import string
import time
import zlib
from typing import TYPE_CHECKING, Final, NamedTuple

from agenttrace_server.deeds import Action
from agenttrace_server.errors import RefusedError
from agenttrace_server.identity import ActorKind
from agenttrace_server.members import ApiKey, LiveKeys
from agenttrace_server.names import check_name
from agenttrace_server.services.audit import make_deed
from agenttrace_server.storage import api_keys as storage
from agenttrace_server.storage.audit import remember

if TYPE_CHECKING:
    from collections.abc import Callable

    from agenttrace_server.identity import Actor, Scope
    from agenttrace_server.storage.engine import Database

MAX_NAME_CHARS: Final = 128
KEY_PREFIX: Final = "agt_"
_ALPHABET: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
_ID_CHARS: Final = 12
_SECRET_CHARS: Final = 43
_CHECK_CHARS: Final = 6
_FORM: Final = re.compile(r"(agt_([0-9A-Za-z]{12})_([0-9A-Za-z]{43}))_([0-9A-Za-z]{6})")


class GivenKey(NamedTuple):
    """A key as its owner gives it, found whole."""

    key_id: str
    sha256: str


class MadeKey(NamedTuple):
    """A new key, and the text of it, which nobody can be shown again."""

    key: ApiKey
    text: str


def parse_key(text: str) -> GivenKey | None:
    """Return what a key says; None if it is none, or was not copied whole."""
    found = _FORM.fullmatch(text)
    if found is None or _make_check(found[1]) != found[4]:
        return None
    return GivenKey(found[2], hash_key(text))


def hash_key(text: str) -> str:
    """Return what is stored of a key."""
    return hashlib.sha256(text.encode()).hexdigest()


def make_key_text(key_id: str) -> str:
    """Return a new key of this id, of 256 random bits."""
    secret = _write(secrets.randbelow(62**_SECRET_CHARS), _SECRET_CHARS)
    body = f"{KEY_PREFIX}{key_id}_{secret}"
    return f"{body}_{_make_check(body)}"


class KeyService:
    """Makes and ends keys. `on_revoke` is called with the id of a key that ended."""

    def __init__(
        self,
        database: Database,
        *,
        is_on: bool,
        on_revoke: Callable[[str], None],
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._database = database
        self._is_on = is_on
        self._on_revoke = on_revoke
        self._clock_ns = clock_ns

    async def create(
        self, actor: Actor, name: str, scope: Scope, *, expires_ns: int | None = None
    ) -> MadeKey:
        """Make a key of the actor's project.

        Raises:
            RefusedError: the name is none, the key would have ended already, or the server has
                no accounts.

        """
        now_ns = self._clock_ns()
        self._check(name, expires_ns, now_ns)
        key_id = _write(secrets.randbelow(62**_ID_CHARS), _ID_CHARS)
        principal = actor.principal
        key = ApiKey(
            key_id=key_id,
            project_id=principal.project_id,
            name=name,
            scope=scope.value,
            prefix=f"{KEY_PREFIX}{key_id}",
            created_by=principal.name,
            created_ns=now_ns,
            expires_ns=expires_ns,
            last_used_ns=None,
            revoked_ns=None,
        )
        text = make_key_text(key_id)
        deed = make_deed(
            actor, Action.KEY_CREATED, f"{key_id} {scope}", now_ns=now_ns, project_id=key.project_id
        )
        await self._database.write(remember(deed, storage.add_key, key, hash_key(text)))
        return MadeKey(key, text)

    async def count_live(self, email: str | None = None) -> dict[str, list[LiveKeys]]:
        """Return how many keys go on, by the address of who made them; of one of them with `email`.

        An account that is closed ends none of them: programs have them.
        """
        return await self._database.read(storage.count_live_keys, email, now_ns=self._clock_ns())

    async def revoke(self, actor: Actor, key_id: str) -> ApiKey:
        """End a key of the actor's project.

        Raises:
            RefusedError: the project has no such key.

        """
        now_ns, project_id = self._clock_ns(), actor.principal.project_id
        deed = make_deed(actor, Action.KEY_REVOKED, key_id, now_ns=now_ns, project_id=project_id)
        key = await self._database.write(
            remember(deed, storage.revoke_key, project_id, key_id, now_ns=now_ns)
        )
        self._on_revoke(key_id)
        return key

    async def list_keys(self, actor: Actor) -> list[ApiKey]:
        """Return the keys of the actor's project, the newest first; also those that ended."""
        return await self._database.read(storage.list_keys, actor.principal.project_id)

    def _check(self, name: str, expires_ns: int | None, now_ns: int) -> None:
        refuse_without_accounts(is_on=self._is_on)
        check_name(name, max_chars=MAX_NAME_CHARS)
        if expires_ns is not None and expires_ns <= now_ns:
            raise RefusedError("expiresAt", "invalid", "a key ends in the future")


def refuse_without_accounts(*, is_on: bool) -> None:
    """Go on only on a server with accounts.

    Raises:
        RefusedError: it has none.

    """
    if not is_on:
        text = "this server has no accounts; set SECRET_KEY and start it again"
        raise RefusedError("", "accounts_off", text)


def is_person(actor: Actor) -> bool:
    """Tell whether an account asks, and no key."""
    return actor.principal.kind is ActorKind.USER


def _make_check(body: str) -> str:
    return _write(zlib.crc32(body.encode()), _CHECK_CHARS)


def _write(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))
