"""The mutations about who is who. Each is remembered in the audit log."""

from __future__ import annotations

import strawberry
from strawberry import field

from agenttrace_server.errors import AttemptsError, RefusedError
from agenttrace_server.graphql.context import Info
from agenttrace_server.graphql.fields import mutation
from agenttrace_server.graphql.types.account import Account, ApiKey, Member, Project
from agenttrace_server.graphql.types.enums import KeyScope, ProjectRole
from agenttrace_server.graphql.types.scalars import DateTime
from agenttrace_server.graphql.types.user_error import UserError
from agenttrace_server.identity import Role, Scope
from agenttrace_server.services.keys import refuse_without_accounts


@strawberry.input(description="A key to be made, in the project that the request is about.")
class ApiKeyInput:
    """See the description, which is public."""

    name: str = field(description="For people; 1 to 128 characters.")
    scope: KeyScope = field(description="What it may do.")
    project: str | None = field(
        default=None,
        description="The slug of the project, to be sure: another than the request's is refused.",
    )
    expires_at: DateTime | None = field(
        default=None, description="When it ends; null: not by itself."
    )


@strawberry.type(description="What became of a key. With errors, nothing was changed.")
class ApiKeyResult:
    """See the description, which is public."""

    api_key: ApiKey | None = field(default=None, description="The key; null with errors.")
    key: str | None = field(
        default=None,
        description="The key itself, once: it goes into `Authorization: Bearer …`. Null when it "
        "was ended, and with errors.",
    )
    errors: list[UserError] = field(default_factory=list, description="What was wrong.")


@strawberry.type(description="What became of a member. With errors, nothing was changed.")
class MemberResult:
    """See the description, which is public."""

    member: Member | None = field(
        default=None, description="As they are now; null with errors, and when they were removed."
    )
    errors: list[UserError] = field(default_factory=list, description="What was wrong.")


@strawberry.type(description="What became of an account. With errors, nothing was changed.")
class AccountResult:
    """See the description, which is public."""

    account: Account | None = field(
        default=None, description="As it is now; null with errors, and for one's own password."
    )
    errors: list[UserError] = field(default_factory=list, description="What was wrong.")


@strawberry.type(description="What became of a project. With errors, nothing was changed.")
class ProjectResult:
    """See the description, which is public."""

    project: Project | None = field(default=None, description="The project; null with errors.")
    errors: list[UserError] = field(default_factory=list, description="What was wrong.")


@strawberry.type(description="What became of logins. With errors, none was ended.")
class SessionResult:
    """See the description, which is public."""

    errors: list[UserError] = field(default_factory=list, description="What was wrong.")


@strawberry.type(description="What can be changed about who is who.")
class AccountMutation:
    """See the description, which is public."""

    @mutation("Make an API key. The answer has it, and nothing will show it again.")
    async def create_api_key(self, info: Info, input: ApiKeyInput) -> ApiKeyResult:  # noqa: A002 -- the schema's name
        """See the description, which is public."""
        context = info.context
        try:
            await _check_project(info, input.project)
            made = await context.keys.create(
                context.actor,
                input.name,
                Scope(str(input.scope.value)),
                expires_ns=input.expires_at,
            )
        except RefusedError as error:
            return ApiKeyResult(errors=[UserError.from_error(error)])
        return ApiKeyResult(api_key=ApiKey.from_record(made.key), key=made.text)

    @mutation("End an API key. Wherever it is used, it is refused within 5 seconds.")
    async def revoke_api_key(self, info: Info, id: strawberry.ID) -> ApiKeyResult:  # noqa: A002 -- Relay's name
        """See the description, which is public."""
        try:
            key = await info.context.keys.revoke(info.context.actor, _read_id(id))
        except RefusedError as error:
            return ApiKeyResult(errors=[UserError.from_error(error)])
        return ApiKeyResult(api_key=ApiKey.from_record(key))

    @mutation(
        "Give an account a role in the project, which counts from its next request on; the access "
        "tokens of a member end where it is another one. After 20 "
        "addresses in an hour that no account has: `too_many_attempts`."
    )
    async def put_member(self, info: Info, email: str, role: ProjectRole) -> MemberResult:
        """See the description, which is public."""
        try:
            member = await info.context.accounts.put_member(
                info.context.actor, email, Role(str(role.value))
            )
        except RefusedError as error:
            return MemberResult(errors=[UserError.from_error(error)])
        except AttemptsError as error:
            return MemberResult(errors=[_tell_wait("email", error)])
        return MemberResult(member=Member.from_record(member))

    @mutation("Take an account out of the project, which it leaves with its next request.")
    async def remove_member(self, info: Info, email: str) -> MemberResult:
        """See the description, which is public."""
        try:
            await info.context.accounts.remove_member(info.context.actor, email)
        except RefusedError as error:
            return MemberResult(errors=[UserError.from_error(error)])
        return MemberResult()

    @mutation(
        "Make an account an admin of any project, which may have no other, or none that can be "
        "reached. For operators of the server; the project's audit log has it."
    )
    async def appoint_admin(self, info: Info, project: str, email: str) -> MemberResult:
        """See the description, which is public."""
        try:
            member = await info.context.accounts.appoint_admin(info.context.actor, project, email)
        except RefusedError as error:
            return MemberResult(errors=[UserError.from_error(error)])
        return MemberResult(member=Member.from_record(member))

    @mutation("Make an account, which is in no project yet. For operators of the server.")
    async def create_account(self, info: Info, email: str, password: str) -> AccountResult:
        """See the description, which is public."""
        try:
            account = await info.context.accounts.create_account(
                info.context.actor, email, password
            )
        except RefusedError as error:
            return AccountResult(errors=[UserError.from_error(error)])
        return AccountResult(account=Account.from_record(account, {}))

    @mutation(
        "Close an account, or open it again: all its logins end, and no key that it made. The last "
        "operator's, and the last admin's of a project, stay open (`last_operator`, `last_admin`). "
        "For operators of the server."
    )
    async def set_account_disabled(
        self,
        info: Info,
        email: str,
        is_disabled: bool,  # noqa: FBT001 -- GraphQL's arguments have names
    ) -> AccountResult:
        """See the description, which is public."""
        try:
            account = await info.context.accounts.set_disabled(
                info.context.actor, email, is_disabled=is_disabled
            )
        except RefusedError as error:
            return AccountResult(errors=[UserError.from_error(error)])
        live_keys = await info.context.keys.count_live(account.email)
        return AccountResult(account=Account.from_record(account, live_keys))

    @mutation(
        "Change one's own password: 15 to 128 characters. All one's logins end, this one too."
    )
    async def change_password(
        self, info: Info, current_password: str, new_password: str
    ) -> AccountResult:
        """See the description, which is public."""
        try:
            await info.context.accounts.change_password(
                info.context.actor, current_password, new_password
            )
        except RefusedError as error:
            return AccountResult(errors=[UserError.from_error(error)])
        except AttemptsError as error:
            return AccountResult(errors=[_tell_wait("currentPassword", error)])
        return AccountResult()

    @mutation(
        "End one of one's own logins, or without `id` all of them, this one too: as at a logout, "
        "live views of it end within 5 seconds."
    )
    async def end_sessions(
        self,
        info: Info,
        id: strawberry.ID | None = None,  # noqa: A002 -- Relay's name
    ) -> SessionResult:
        """See the description, which is public."""
        try:
            refuse_without_accounts(is_on=info.context.sessions is not None)
            if info.context.sessions is not None:
                session_id = None if id is None else _read_id(id)
                await info.context.sessions.end_sessions(info.context.actor, session_id)
        except RefusedError as error:
            return SessionResult(errors=[UserError.from_error(error)])
        return SessionResult()

    @mutation("Give the project that the request is about another name; its slug stays.")
    async def rename_project(self, info: Info, name: str) -> ProjectResult:
        """See the description, which is public."""
        try:
            project = await info.context.accounts.rename_project(info.context.actor, name)
        except RefusedError as error:
            return ProjectResult(errors=[UserError.from_error(error)])
        return ProjectResult(project=Project.from_record(project))

    @mutation("Make a project, whose first admin one is. For operators of the server.")
    async def create_project(self, info: Info, slug: str, name: str) -> ProjectResult:
        """See the description, which is public."""
        try:
            project = await info.context.accounts.create_project(info.context.actor, slug, name)
        except RefusedError as error:
            return ProjectResult(errors=[UserError.from_error(error)])
        return ProjectResult(project=Project.from_record(project))


async def _check_project(info: Info, slug: str | None) -> None:
    """Go on only if the request is about this project, where one is named.

    Raises:
        RefusedError: it is about another.

    """
    if slug is None:
        return
    own = await info.context.accounts.read_project(info.context.actor)
    if own is None or own.slug != slug:
        text = "the request is about another project; name it in X-AgentTrace-Project"
        raise RefusedError("project", "not_found", text)


def _tell_wait(field: str, error: AttemptsError) -> UserError:
    return UserError(field=field, code="too_many_attempts", message=str(error))


def _read_id(given: str) -> str:
    """Return an id to look for: U+0000 is in none, and PostgreSQL takes no text that has it."""
    return given.replace("\0", "\ufffd")
