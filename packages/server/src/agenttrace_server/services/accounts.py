"""Accounts, and who is in which project, as use cases."""

from __future__ import annotations

import hmac
import re
import secrets
import time
import unicodedata
from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from agenttrace_server.deeds import Action
from agenttrace_server.errors import ForbiddenError, RefusedError
from agenttrace_server.identity import NOBODY, ActorKind
from agenttrace_server.members import Account, Member, Project
from agenttrace_server.names import check_name, has_unseen
from agenttrace_server.services.audit import make_deed, noting_refusals
from agenttrace_server.services.keys import is_person, refuse_without_accounts
from agenttrace_server.services.passwords import Passwords, check_password
from agenttrace_server.services.sessions import (
    MAX_EMAIL_CHARS,
    SessionService,
    as_user,
    count_attempt,
    fold_email,
    make_wait,
    name_network,
)
from agenttrace_server.storage import accounts as storage
from agenttrace_server.storage import members
from agenttrace_server.storage.audit import append_deed, remember
from agenttrace_server.storage.sessions import Allowance

if TYPE_CHECKING:
    from collections.abc import Callable

    from agenttrace_server.identity import Actor, Role
    from agenttrace_server.storage.engine import Database

REGISTRATIONS: Final = (3, 60 * 60)
"""Of one address, in so many seconds."""
UNKNOWN_MEMBERS: Final = (20, 60 * 60)
"""Addresses without an account that one admin may try to add, in so many seconds."""
MAX_PROJECT_NAME_CHARS: Final = 128
_EMAIL: Final = re.compile(r"[^\s@\x00-\x1f\x7f]+@[^\s@\x00-\x1f\x7f]+")
_SLUG: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?")


class Openness(StrEnum):
    """Who may make themselves an account."""

    SETUP = "setup"
    """Who has the setup token: there is no account yet."""
    OPEN = "open"
    """Everybody."""
    CLOSED = "closed"
    """Nobody: operators make the accounts."""


class AccountService:
    """Registers people and says who is in which project.

    `setup_token` is what the first account registers with; None on a server without accounts.
    """

    def __init__(  # noqa: PLR0913 -- all by name
        self,
        database: Database,
        passwords: Passwords,
        sessions: SessionService | None,
        *,
        setup_token: str | None,
        is_open: bool,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._database = database
        self._passwords = passwords
        self._sessions = sessions
        self._setup_token = setup_token
        self._is_open = is_open
        self._clock_ns = clock_ns
        self._has_accounts = False  # until it is seen; then for ever, since none is deleted

    @property
    def is_on(self) -> bool:
        """Tell whether the server has accounts."""
        return self._setup_token is not None

    async def read_openness(self) -> Openness:
        """Tell who may register now. Whoever asks may know: trying to would tell the same."""
        if not self._has_accounts:
            self._has_accounts = await self._database.read(storage.has_accounts)
        if not self._has_accounts:
            return Openness.SETUP
        return Openness.OPEN if self._is_open else Openness.CLOSED

    async def register(
        self, actor: Actor, email: str, password: str, *, setup_token: str | None = None
    ) -> None:
        """Make an account. The first needs the setup token, and operates the server.

        An address that is taken gets the same answer as a new one: whose it is, logs in as ever.

        Raises:
            ForbiddenError: registration is closed, or the setup token is missing, wrong or used.
            RefusedError: no such address or password can be taken.
            AttemptsError: too many accounts from this address in the last hour.

        """
        check_password(password, check_email(email))  # a mistake in these is no try
        is_first = setup_token is not None
        openness = await self.read_openness()
        if not self._is_setup_token(openness, setup_token):
            # Whoever has the right one is not kept out by those who try: it works once.
            address = [Allowance("register", name_network(actor.address), *REGISTRATIONS)]
            claimed = as_user(actor, "", check_email(email))
            held_off = make_deed(claimed, Action.REGISTRATION_HELD_OFF, "", now_ns=self._clock_ns())
            await count_attempt(self._database, address, held_off)
            if is_first:
                await self._note_failure(claimed, Action.SETUP_FAILED)
            _check_openness(openness, has_token=is_first)
        made = await self._create(actor, email, password, only_first=is_first)
        if is_first and not made:
            raise ForbiddenError("the setup token was used")

    async def create_account(self, actor: Actor, email: str, password: str) -> Account:
        """Make an account without a project, as an operator.

        Raises:
            RefusedError: no such address or password can be taken, or the address is.

        """
        self._refuse_local()
        if not await self._create(actor, email, password, only_first=False):
            raise RefusedError("email", "taken", "there is an account of this address")
        return await self._database.read(members.find_account, fold_email(email))

    async def change_password(self, actor: Actor, current: str, new: str) -> None:
        """Change the actor's own password: every login of theirs ends.

        Raises:
            RefusedError: the current one is wrong, or the new one cannot be taken.
            AttemptsError: too many tries.

        """
        self._refuse_local()
        principal = actor.principal
        if self._sessions is None or not is_person(actor):
            raise RefusedError("", "invalid", "only an account has a password")
        check_password(new, principal.name)
        await self._sessions.take_attempt(actor, principal.name)
        found = await self._database.read(storage.read_credentials, principal.actor_id)
        if not await self._passwords.verify(found.password_hash if found else None, current):
            await self._note_failure(actor, Action.PASSWORD_CHANGE_FAILED)
            raise RefusedError("currentPassword", "wrong", "the current password is wrong")
        now_ns = self._clock_ns()
        deed = make_deed(actor, Action.PASSWORD_CHANGED, principal.name, now_ns=now_ns)
        hashed = await self._passwords.hash(new)
        await self._database.write(
            remember(deed, storage.set_password, principal.actor_id, hashed, now_ns=now_ns)
        )

    async def set_disabled(self, actor: Actor, email: str, *, is_disabled: bool) -> Account:
        """Close or open an account, as an operator: every login of it ends.

        Raises:
            RefusedError: there is none, or it is the last operator's, or the last admin's of a
                project.

        """
        self._refuse_local()
        now_ns, email = self._clock_ns(), fold_email(email)
        action = Action.ACCOUNT_DISABLED if is_disabled else Action.ACCOUNT_ENABLED
        deed = make_deed(actor, action, email, now_ns=now_ns)
        async with noting_refusals(self._database, deed):
            return await self._database.write(
                remember(deed, storage.set_disabled, email, is_disabled=is_disabled, now_ns=now_ns)
            )

    async def put_member(self, actor: Actor, email: str, role: Role) -> Member:
        """Give an account a role in the actor's project, from their next request on.

        An admin learns by it who has an account; so addresses that have none are remembered in the
        audit log, and after some of them no other is looked at for a while.

        Raises:
            RefusedError: there is no such account, or the project would have no admin any more.
            AttemptsError: too many addresses that have no account.

        """
        self._refuse_local()
        now_ns, email = self._clock_ns(), fold_email(email)
        project_id, tries = actor.principal.project_id, _allow_unknown(actor)
        deed = make_deed(
            actor, Action.ROLE_CHANGED, f"{email} {role}", now_ns=now_ns, project_id=project_id
        )
        async with noting_refusals(self._database, deed):
            made = await self._database.write(
                members.add_member, project_id, email, role, tries=tries, deed=deed
            )
        if made is None:
            raise RefusedError("email", "not_found", "no account has this address")
        if isinstance(made, int):
            raise make_wait(made)
        return made

    async def remove_member(self, actor: Actor, email: str) -> None:
        """Take an account out of the actor's project, from its next request on.

        Raises:
            RefusedError: it is not in it, or the project would have no admin any more.

        """
        self._refuse_local()
        now_ns, email = self._clock_ns(), fold_email(email)
        project_id = actor.principal.project_id
        deed = make_deed(actor, Action.MEMBER_REMOVED, email, now_ns=now_ns, project_id=project_id)
        async with noting_refusals(self._database, deed):
            await self._database.write(remember(deed, members.remove_member, project_id, email))

    async def appoint_admin(self, actor: Actor, slug: str, email: str) -> Member:
        """Make an account an admin of any project, as an operator: one that is left without.

        Raises:
            RefusedError: there is no such project or account.

        """
        self._refuse_local()
        now_ns, email = self._clock_ns(), fold_email(email)
        deed = make_deed(actor, Action.ADMIN_APPOINTED, email, now_ns=now_ns)
        return await self._database.write(members.appoint_admin, slug, email, deed=deed)

    async def create_project(self, actor: Actor, slug: str, name: str) -> Project:
        """Make a project, as an operator, who is its first admin.

        Raises:
            RefusedError: slug or name cannot be taken, or the slug is.

        """
        self._refuse_local()
        if not _SLUG.fullmatch(slug):
            text = "a slug has 1 to 64 of a-z, 0-9 and -, and neither begins nor ends with -"
            raise RefusedError("slug", "invalid", text)
        check_name(name, max_chars=MAX_PROJECT_NAME_CHARS)
        now_ns = self._clock_ns()
        project = Project(secrets.token_hex(8), slug, name, now_ns)
        deed = make_deed(
            actor, Action.PROJECT_CREATED, slug, now_ns=now_ns, project_id=project.project_id
        )
        made = await self._database.write(
            remember(deed, storage.create_project, project, owner_id=actor.principal.actor_id)
        )
        if not made:
            raise RefusedError("slug", "taken", "there is a project of this slug")
        return project

    async def rename_project(self, actor: Actor, name: str) -> Project:
        """Give the actor's project another name. Its slug stays: keys and addresses have it.

        Raises:
            RefusedError: the name cannot be taken.

        """
        self._refuse_local()
        check_name(name, max_chars=MAX_PROJECT_NAME_CHARS)
        project_id = actor.principal.project_id
        deed = make_deed(
            actor, Action.PROJECT_RENAMED, name, now_ns=self._clock_ns(), project_id=project_id
        )
        await self._database.write(remember(deed, storage.rename_project, project_id, name))
        found = await self.read_project(actor)
        if found is None:
            raise RefusedError("", "not_found", "there is no such project any more")
        return found

    async def read_project(self, actor: Actor) -> Project | None:
        """Return the actor's project; None for an account that is in none."""
        return await self._database.read(storage.read_project, actor.principal.project_id)

    async def list_projects(self, actor: Actor) -> list[Project]:
        """Return the projects that the actor may enter, the oldest first."""
        principal = actor.principal
        if principal.kind is ActorKind.USER:
            return await self._database.read(storage.list_projects, account_id=principal.actor_id)
        own = await self.read_project(actor)
        return [] if own is None else [own]

    async def list_members(self, actor: Actor) -> list[Member]:
        """Return who is in the actor's project, by address."""
        return await self._database.read(members.list_members, actor.principal.project_id)

    async def list_accounts(self) -> list[Account]:
        """Return the accounts of the server, operators first, then by address; at most 1,000."""
        return await self._database.read(storage.list_accounts)

    async def _create(self, actor: Actor, email: str, password: str, *, only_first: bool) -> bool:
        email = check_email(email)
        check_password(password, email)
        now_ns = self._clock_ns()
        hashed = await self._passwords.hash(password)
        new = storage.NewAccount(secrets.token_hex(16), email, hashed, now_ns)
        if not actor.principal.actor_id:  # who registers does it themselves
            user = replace(NOBODY, kind=ActorKind.USER, actor_id=new.account_id, name=email)
            actor = replace(actor, principal=user)
        is_own = actor.principal.actor_id == new.account_id
        action = Action.REGISTERED if is_own else Action.ACCOUNT_CREATED
        deed = make_deed(actor, action, email, now_ns=now_ns)
        return await self._database.write(
            remember(deed, storage.create_account, new, only_first=only_first)
        )

    async def _note_failure(self, actor: Actor, action: Action) -> None:
        deed = make_deed(actor, action, actor.principal.name, now_ns=self._clock_ns())
        await self._database.write(append_deed, deed)

    def _is_setup_token(self, openness: Openness, given: str | None) -> bool:
        expected = self._setup_token if openness is Openness.SETUP else None
        if expected is None or given is None:
            return False
        return hmac.compare_digest(expected.encode(), given.encode())

    def _refuse_local(self) -> None:
        refuse_without_accounts(is_on=self.is_on)


def check_email(email: str) -> str:
    """Return an address as it is stored.

    Raises:
        RefusedError: it is none.

    """
    folded = fold_email(email)
    if len(email.strip()) > MAX_EMAIL_CHARS or not _EMAIL.fullmatch(folded):
        text = f"an e-mail address such as me@example.org, at most {MAX_EMAIL_CHARS} characters"
        raise RefusedError("email", "invalid", text)
    if not _is_seen_as_it_is(folded):
        text = "the address has characters that look like others, or like nothing; type it anew"
        raise RefusedError("email", "invalid", text)
    return folded


def _is_seen_as_it_is(text: str) -> bool:
    """Tell whether nothing unseen is in a text, and no form of another letter."""
    is_plain = unicodedata.normalize("NFKC", text) == text
    return is_plain and not has_unseen(text)


def _allow_unknown(actor: Actor) -> Allowance:
    return Allowance("member", actor.principal.actor_id, *UNKNOWN_MEMBERS)


def _check_openness(openness: Openness, *, has_token: bool) -> None:
    """Refuse who may not register without the right setup token; `has_token`: with a wrong one."""
    if has_token:
        raise ForbiddenError("the setup token is wrong, or was used")
    if openness is Openness.SETUP:
        # Also where registration is open: a stranger who came first would leave the server
        # without an operator for ever.
        text = "the first account registers with the setup token that the server's start prints"
        raise ForbiddenError(text)
    if openness is Openness.CLOSED:
        text = "registration is closed; ask an operator of this server for an account"
        raise ForbiddenError(text)
