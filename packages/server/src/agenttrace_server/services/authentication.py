"""Who asks: the one place where a credential becomes a principal, for every door alike."""

from __future__ import annotations

import asyncio
import hmac
import logging
import time
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from agenttrace_server.errors import AuthenticationError, ForbiddenError, ServerError
from agenttrace_server.identity import LOCAL, ActorKind, Principal, Role, Scope
from agenttrace_server.services.keys import KEY_PREFIX, parse_key
from agenttrace_server.services.tokens import REFUSED
from agenttrace_server.storage.accounts import read_standing
from agenttrace_server.storage.api_keys import StoredKey, find_key, note_use

if TYPE_CHECKING:
    from collections.abc import Callable

    from agenttrace_server.services.tokens import Tokens
    from agenttrace_server.storage.accounts import Standing
    from agenttrace_server.storage.engine import Database

KEY_KNOWN_S: Final = 2.0
"""A key is looked up again after this: one that was revoked elsewhere is taken for so long."""
MAX_KNOWN_KEYS: Final = 10_000
NOTE_USE_S: Final = 60
"""When a key was last used is known to the minute."""
MISSING: Final = "this needs `Authorization: Bearer …`, with a token or an API key"
_NO_PROJECT: Final = "there is no such project, or you are no member of it"
_SECOND_NS: Final = 1_000_000_000

_log = logging.getLogger(__name__)


class End(StrEnum):
    """Why somebody who was let in would not be any more, in words for them."""

    CREDENTIAL = "the credential has ended"
    ROLE = "the role in this project is another"


class Authenticator:
    """Knows people by their tokens and programs by their keys.

    Without `tokens` the server has no accounts: then whoever was let in is its own user.
    """

    def __init__(
        self,
        database: Database,
        tokens: Tokens | None,
        *,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._database = database
        self._tokens = tokens
        self._clock_ns = clock_ns
        self._keys: dict[str, tuple[float, StoredKey | None]] = {}
        self._notes: set[asyncio.Task[None]] = set()

    @property
    def is_on(self) -> bool:
        """Tell whether the server has accounts."""
        return self._tokens is not None

    async def authenticate(self, authorization: str | None, project: str | None) -> Principal:
        """Return who sends this header; `project` is the slug that they name, if they do.

        Raises:
            AuthenticationError: nobody that is known.
            ForbiddenError: they have no such project.

        """
        if self._tokens is None:
            return LOCAL
        scheme, _, credential = (authorization or "").strip().partition(" ")
        credential = credential.strip()
        if scheme.lower() != "bearer" or not credential:
            raise AuthenticationError(MISSING)
        if credential.startswith(KEY_PREFIX):
            return await self._find_program(credential, project)
        return await self._find_person(self._tokens, credential, project)

    async def find_end(self, principal: Principal) -> End | None:
        """Return why a principal would not be let in again as the same; None: they would."""
        if principal.kind is ActorKind.LOCAL:
            return None
        if principal.expires_s is not None and principal.expires_s * _SECOND_NS <= self._now():
            return End.CREDENTIAL
        if principal.kind is ActorKind.KEY:
            is_good = self._is_good(await self._look_up(principal.actor_id))
            return None if is_good else End.CREDENTIAL
        ids = (principal.token_id, principal.session_id)
        standing = await self._database.read(read_standing, principal.actor_id, ids)
        if standing is None:
            return End.CREDENTIAL
        roles = {project_id: role for project_id, _, role in standing.projects}
        if roles.get(principal.project_id) != principal.role:
            return End.ROLE  # its token has ended as well, for that reason
        return None if standing.token_version == principal.version else End.CREDENTIAL

    def forget_key(self, key_id: str) -> None:
        """Look a key up when it is next given."""
        self._keys.pop(key_id, None)

    async def close(self) -> None:
        """Wait for what is being noted."""
        if self._notes:
            await asyncio.wait(self._notes)

    async def _find_person(self, tokens: Tokens, token: str, project: str | None) -> Principal:
        claims = tokens.read_access(token)
        ids = (claims.token_id, claims.session_id)
        standing = await self._database.read(read_standing, claims.account_id, ids)
        if standing is None or standing.token_version != claims.version:
            raise AuthenticationError(REFUSED)
        project_id, role = _choose_project(standing, project)
        return Principal(
            ActorKind.USER,
            claims.account_id,
            standing.email,
            project_id=project_id,
            role=role,
            is_operator=standing.is_operator,
            session_id=claims.session_id,
            token_id=claims.token_id,
            expires_s=claims.expires_s,
            version=claims.version,
        )

    async def _find_program(self, text: str, project: str | None) -> Principal:
        given = parse_key(text)
        key = await self._look_up(given.key_id) if given is not None else None
        if given is None or key is None or not self._is_good(key):
            raise AuthenticationError("the API key is not valid, or no longer")
        if not hmac.compare_digest(given.sha256, key.secret_sha256):
            raise AuthenticationError("the API key is not valid, or no longer")
        if project is not None and project != key.slug:
            raise ForbiddenError(_NO_PROJECT)
        self._note_use(key)
        return Principal(
            ActorKind.KEY,
            key.key_id,
            key.name,
            project_id=key.project_id,
            scope=Scope(key.scope),
            expires_s=None if key.expires_ns is None else key.expires_ns / _SECOND_NS,
        )

    async def _look_up(self, key_id: str) -> StoredKey | None:
        found = self._keys.get(key_id)
        now_s = asyncio.get_running_loop().time()
        if found is not None and now_s - found[0] < KEY_KNOWN_S:
            return found[1]
        key = await self._database.read(find_key, key_id)
        if len(self._keys) >= MAX_KNOWN_KEYS:
            self._keys.clear()
        self._keys[key_id] = (now_s, key)
        return key

    def _is_good(self, key: StoredKey | None) -> bool:
        if key is None or key.revoked_ns is not None:
            return False
        return key.expires_ns is None or key.expires_ns > self._now()

    def _note_use(self, key: StoredKey) -> None:
        now_ns = self._now()
        if key.last_used_ns is not None and now_ns - key.last_used_ns < NOTE_USE_S * _SECOND_NS:
            return
        known_s, _ = self._keys[key.key_id]
        self._keys[key.key_id] = (known_s, key._replace(last_used_ns=now_ns))
        task = asyncio.create_task(self._write_use(key.key_id, now_ns))
        self._notes.add(task)
        task.add_done_callback(self._notes.discard)

    async def _write_use(self, key_id: str, now_ns: int) -> None:
        try:
            await self._database.write(note_use, key_id, now_ns=now_ns)
        except ServerError as error:
            _log.warning("when the key %s was last used is not noted: %s", key_id, error)

    def _now(self) -> int:
        return self._clock_ns()


def _choose_project(standing: Standing, slug: str | None) -> tuple[str, Role | None]:
    """Return a project and the role in it; without a slug the first, or none at all."""
    if slug is None and not standing.projects:
        return "", None
    for project_id, known, role in standing.projects:
        if slug is None or known == slug:
            return project_id, Role(role)
    raise ForbiddenError(_NO_PROJECT)
