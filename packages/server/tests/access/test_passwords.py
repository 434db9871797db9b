"""C09 to C12: logging in and registering."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any, Literal

import pytest
from argon2 import PasswordHasher, extract_parameters
from sqlalchemy import select, update

from agenttrace_server.errors import AttemptsError, RefusedError
from agenttrace_server.services.common_passwords import COMMON
from agenttrace_server.services.passwords import Passwords, check_password
from agenttrace_server.services.sessions import name_network
from agenttrace_server.services.tokens import make_setup_token
from agenttrace_server.storage.account_tables import ACCOUNT, MEMBERSHIP
from agenttrace_server.storage.engine import Database
from agenttrace_server.storage.sessions import Allowance, take_attempt

from ..support.accounts import OPERATOR, PASSWORD, AccountsServer, Caller, open_accounts
from ..support.client import Client
from ..support.thread import SECRET, ServerThread

WRONG = "nine white horses at noon"
SECOND_NS = 1_000_000_000


def _log_in(caller: Caller, email: str, password: str) -> Any:
    body = {"email": email, "password": password}
    return caller.http.post("/api/auth/token", json=body)


def test_a_login_gives_tokens_in_both_forms(accounts: AccountsServer) -> None:
    """JSON, and the form of OAuth2, which no cache keeps."""
    form = {"username": OPERATOR.upper(), "password": PASSWORD, "grant_type": "password"}
    for answer in (
        accounts.nobody.http.post("/api/auth/token", data=form),
        _log_in(accounts.nobody, OPERATOR, PASSWORD),
    ):
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"
        body = answer.json()
        assert body.keys() == {"access_token", "token_type", "expires_in", "refresh_token"}
        assert (body["token_type"], body["expires_in"]) == ("bearer", 3600)
        assert accounts.call(body["access_token"]).ask("{viewer{name}}") == {"name": OPERATOR}


def test_c09_wrong_password_and_unknown_account_look_the_same(accounts: AccountsServer) -> None:
    """Status, headers and body; a disabled account is no different."""
    accounts.add("off@example.org", None)
    disable = 'mutation{setAccountDisabled(email:"off@example.org",isDisabled:true){errors{code}}}'
    accounts.operator.ask(disable)
    answers = [
        _log_in(accounts.nobody, OPERATOR, WRONG),
        _log_in(accounts.nobody, "nobody@example.org", WRONG),
        _log_in(accounts.nobody, "off@example.org", PASSWORD),
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.text for answer in answers}) == 1


async def test_c09_both_do_the_same_work() -> None:
    """An account that there is not costs one verification, as one that there is."""
    passwords = Passwords()
    stored = await passwords.hash(PASSWORD)
    done = await passwords.verify(None, PASSWORD)  # makes the decoy
    counted = passwords._hasher = _Counting(passwords._hasher)
    for is_known in (True, False):
        done |= await passwords.verify(stored if is_known else None, WRONG)
    passwords.close()
    assert not done
    (own, decoy) = counted.verified
    assert own == stored
    assert extract_parameters(own) == extract_parameters(decoy)


class _Counting(PasswordHasher):
    def __init__(self, hasher: PasswordHasher) -> None:
        super().__init__(hasher.time_cost, hasher.memory_cost, hasher.parallelism)
        self.verified: list[str] = []

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002 -- argon2's
        self.verified.append(str(hash))
        return super().verify(hash, password)


def test_c10_the_sixth_try_waits_even_with_the_right_password(accounts: AccountsServer) -> None:
    """And says for how long; other accounts are not held up."""
    accounts.add("other@example.org", "VIEWER")
    for _ in range(5):
        assert _log_in(accounts.nobody, OPERATOR, WRONG).status_code == 401
    answer = _log_in(accounts.nobody, OPERATOR, PASSWORD)
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["retry-after"]) <= 15 * 60
    assert answer.json()["error"]["code"] == "too_many_attempts"
    assert _log_in(accounts.nobody, "other@example.org", PASSWORD).status_code == 200


def test_c10_a_login_makes_room_again(accounts: AccountsServer) -> None:
    """Somebody who logs in often is not held up by having mistyped before."""
    for _ in range(3):
        for _ in range(4):
            assert _log_in(accounts.nobody, OPERATOR, WRONG).status_code == 401
        assert _log_in(accounts.nobody, OPERATOR, PASSWORD).status_code == 200


def test_c10_tries_of_one_address_are_counted_over_all_accounts(accounts: AccountsServer) -> None:
    """Twenty a minute, whatever accounts they are for."""
    statuses = [_log_in(accounts.nobody, f"{n}@example.org", WRONG).status_code for n in range(21)]
    assert statuses.count(429) >= 1  # the login of the fixture counts as well
    assert statuses[-1] == 429


def test_c10_addresses_of_ipv4_are_apart_on_a_socket_of_ipv6() -> None:
    """With SERVER_HOST=:: they come as IPv6, all in one /64."""
    networks = [name_network(f"::ffff:192.0.2.{number}") for number in (1, 2)]
    assert networks == ["192.0.2.1", "192.0.2.2"]


def test_c10_c12_addresses_of_one_home_are_one(tmp_path: Path) -> None:
    """A home has 2**64 addresses of IPv6: its /64 is counted, and the log has the whole address."""
    url = f"sqlite:///{tmp_path / 'agenttrace.db'}"
    with open_accounts(url, trusted_proxies="127.0.0.1", registration="open") as running:

        def come(path: str, number: int, home: int) -> int:
            address = f"2001:db8:1:{home}::{number:x}"
            body = {"email": f"{home}x{number}@example.org", "password": WRONG}
            headers = {"x-forwarded-for": address}
            return running.nobody.http.post(path, json=body, headers=headers).status_code

        assert [come("/api/auth/token", n, 1) for n in range(1, 22)] == [401] * 20 + [429]
        assert come("/api/auth/token", 1, 2) == 401
        assert [come("/api/auth/register", n, 1) for n in range(1, 5)] == [201] * 3 + [429]
        edges = running.operator.ask("{auditLog(first:3){edges{node{address}}}}")["edges"]
        assert "2001:db8:1:1::3" in {edge["node"]["address"] for edge in edges}


async def test_c10_a_window_passes(database: Database) -> None:
    """A try counts for its time and no longer; the wait that is told is enough, and exact."""
    allowance = [Allowance("account", "a", 2, 60)]
    start_ns = 1_000_000 * SECOND_NS

    async def take(after_s: int) -> int | None:
        return await database.write(take_attempt, allowance, now_ns=start_ns + after_s * SECOND_NS)

    assert [await take(0), await take(10), await take(20)] == [None, None, 40]
    assert [await take(59), await take(60)] == [1, None]
    assert [await take(61), await take(70)] == [9, None]


async def test_c10_tries_at_once_are_all_counted(database: Database) -> None:
    """A hundred guesses sent at one moment are five guesses."""
    allowance = [Allowance("account", "a", 5, 900)]
    taken = await asyncio.gather(
        *(database.write(take_attempt, allowance, now_ns=SECOND_NS) for _ in range(100))
    )
    assert taken.count(None) == 5


async def test_c11_passwords_are_stored_as_argon2id(accounts: AccountsServer) -> None:
    """With OWASP's minimum at least; and no hash is in any answer."""
    database = accounts.server.app.database

    def read(connection: Any) -> str:
        return str(connection.execute(select(ACCOUNT.c.password_hash)).scalar_one())

    stored = await asyncio.wrap_future(
        asyncio.run_coroutine_threadsafe(database.read(read), accounts.server.loop)
    )
    assert re.match(r"^\$argon2id\$v=19\$m=(19456|[2-9]\d{4,}),t=[2-9],p=1\$", stored)


def test_c11_a_weaker_hash_is_made_anew_at_the_next_login(accounts: AccountsServer) -> None:
    """Whoever logs in proves the password, which is then kept as it is today."""
    weak = PasswordHasher(time_cost=1, memory_cost=8_192, parallelism=1).hash(PASSWORD)
    database = accounts.server.app.database

    def weaken(connection: Any) -> None:
        connection.execute(update(ACCOUNT).values(password_hash=weak))

    def read(connection: Any) -> str:
        return str(connection.execute(select(ACCOUNT.c.password_hash)).scalar_one())

    loop = accounts.server.loop
    asyncio.run_coroutine_threadsafe(database.write(weaken), loop).result(20)
    accounts.log_in(OPERATOR)
    stored = asyncio.run_coroutine_threadsafe(database.read(read), loop).result(20)
    assert "m=19456,t=2,p=1" in stored
    accounts.log_in(OPERATOR)


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("fourteen chars", "too_short"),
        ("x" * 129, "too_long"),
        ("a" * 10_000, "too_long"),
        ("aaaaaaaaaaaaaaaaaaaa", "common"),
        ("passwordpassword", "common"),
        ("password1234567", "common"),
        ("Password12345678", "common"),
        ("1234567890123456", "common"),
        ("qwertyuiopasdfgh", "common"),
        ("abcabcabcabcabcabc", "common"),
        ("correcthorsebatterystaple", "common"),
        ("me@example.org!!", "common"),
    ],
)
def test_c11_passwords_that_are_guessed_first_are_not_taken(password: str, code: str) -> None:
    """Short ones, long ones, known ones, repeated ones, rows of keys, one's own address."""
    with pytest.raises(RefusedError) as caught:
        check_password(password, "me@example.org")
    assert caught.value.code == code
    assert password not in str(caught.value)


def test_c11_the_ten_thousand_most_frequent_ones_are_not_taken() -> None:
    """Nine of them have 15 characters: the others are too short, which is tried above."""
    assert len(COMMON) == 31
    for password in sorted(COMMON):
        for spelt in (password, password.upper()):
            with pytest.raises(RefusedError) as caught:
                check_password(spelt, "me@example.org")
            assert caught.value.code == "common"


@pytest.mark.parametrize("password", [PASSWORD, "ünïcödé pässwörd", "password of mine 42 trees"])
def test_c11_a_few_words_are_a_password(password: str) -> None:
    """Letters of any kind, blanks, no rules about signs."""
    check_password(password, "me@example.org")


def test_c11_a_long_password_is_refused_at_the_door(accounts: AccountsServer) -> None:
    """Nothing is hashed that could not be right."""
    assert _log_in(accounts.nobody, OPERATOR, "a" * 5_000).status_code == 400
    assert _log_in(accounts.nobody, OPERATOR, "a" * 10_240).status_code == 413


def test_c12_the_first_account_needs_the_setup_token(database_url: str) -> None:
    """It is the operator and the first project's admin; the token works once."""
    with ServerThread(database_url, secret_key=SECRET) as server:
        nobody = Caller(server.url)
        token = make_setup_token(SECRET, server.app.database.database_id)
        body = {"email": "first@example.org", "password": PASSWORD}
        wrong = {**body, "setup_token": token[:-1] + "x"}
        assert nobody.http.post("/api/auth/register", json=wrong).status_code == 403
        right = {**body, "setup_token": token}
        assert nobody.http.post("/api/auth/register", json=right).status_code == 201
        nobody.close()
    with ServerThread(database_url, secret_key=SECRET) as server:
        nobody = Caller(server.url)
        again = {"email": "second@example.org", "password": PASSWORD, "setup_token": token}
        assert nobody.http.post("/api/auth/register", json=again).status_code == 403
        tokens = _log_in(nobody, "first@example.org", PASSWORD).json()
        viewer = Caller(server.url, tokens["access_token"])
        query = "{viewer{role isOperator project{slug}}}"
        expected = {"role": "ADMIN", "isOperator": True, "project": {"slug": "default"}}
        assert viewer.ask(query) == expected
        viewer.close()
        nobody.close()


def test_p8_nobody_is_there_before_the_first_account(database_url: str) -> None:
    """No name and no password is known of a new server: none is let in, nor without the token."""
    with ServerThread(database_url, secret_key=SECRET) as server, Client(server.url) as client:
        for name in ("admin", "admin@localhost", "root", "agenttrace", OPERATOR):
            for password in ("", "admin", "password", "agenttrace", PASSWORD):
                answer = client.http.post(
                    "/api/auth/token", json={"email": name, "password": password}
                )
                assert answer.status_code in (400, 401, 429), (name, password)
        for token in ({}, {"setup_token": ""}, {"setup_token": "admin"}):
            body = {"email": OPERATOR, "password": PASSWORD, **token}
            assert client.http.post("/api/auth/register", json=body).status_code in (403, 429)


def test_c12_the_first_account_needs_the_setup_token_where_anybody_may_register(
    database_url: str,
) -> None:
    """A stranger who came before the operator would leave the server without one for ever."""
    with ServerThread(database_url, secret_key=SECRET, registration="open") as server:
        nobody = Caller(server.url)
        stranger = {"email": "stranger@example.org", "password": PASSWORD}
        refused = nobody.http.post("/api/auth/register", json=stranger)
        assert (refused.status_code, refused.json()["error"]["code"]) == (403, "forbidden")
        assert "setup token" in refused.json()["error"]["message"]
        token = make_setup_token(SECRET, server.app.database.database_id)
        first = {"email": "first@example.org", "password": PASSWORD, "setup_token": token}
        assert nobody.http.post("/api/auth/register", json=first).status_code == 201
        assert nobody.http.post("/api/auth/register", json=stranger).status_code == 201
        nobody.close()


@pytest.mark.parametrize("registration", ["open", "closed"])
def test_c12_the_door_tells_who_may_register_and_nothing_else(
    database_url: str, registration: str
) -> None:
    """To anybody, as a page needs it before a login: what a try would tell, and no token."""
    path = "/api/auth/register"
    with ServerThread(database_url, secret_key=SECRET, registration=registration) as server:
        nobody = Caller(server.url)
        before = nobody.http.get(path)
        assert (before.status_code, before.json()) == (200, {"registration": "setup"})
        assert before.headers["cache-control"] == "no-store"
        token = make_setup_token(SECRET, server.app.database.database_id)
        body = {"email": OPERATOR, "password": PASSWORD, "setup_token": token}
        assert nobody.http.post(path, json=body).status_code == 201
        assert nobody.http.get(path).json() == {"registration": registration}
        elsewhere = {"sec-fetch-site": "cross-site", "origin": "https://evil.example"}
        assert nobody.http.get(path, headers=elsewhere).status_code == 403
        nobody.close()


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_the_door_of_registering_names_all_its_methods(accounts: AccountsServer) -> None:
    """A method that it has not is told which it has."""
    answer = accounts.nobody.http.put("/api/auth/register")
    assert answer.status_code == 405
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD", "POST"}


def test_c12_who_tries_does_not_keep_out_who_has_the_setup_token(database_url: str) -> None:
    """A clumsy start, or a stranger behind the same proxy, costs the operator no hour."""
    with ServerThread(database_url, secret_key=SECRET) as server:
        nobody = Caller(server.url)

        def register(**fields: str) -> int:
            body = {"email": OPERATOR, "password": PASSWORD, **fields}
            return int(nobody.http.post("/api/auth/register", json=body).status_code)

        tries = [register(), register(setup_token="wrong"), register(setup_token=""), register()]
        assert tries == [403, 403, 403, 429]
        token = make_setup_token(SECRET, server.app.database.database_id)
        assert register(setup_token=token) == 201
        nobody.close()


def test_c34_c36_an_address_that_no_database_takes_is_a_wrong_one(
    accounts: AccountsServer,
) -> None:
    """U+0000 at the doors before any login, and in what looks for an account, a login or a key."""
    name = "a\0b@example.org"
    assert _log_in(accounts.nobody, name, PASSWORD).status_code == 401
    form = {"username": name, "password": PASSWORD}
    assert accounts.nobody.http.post("/api/auth/token", data=form).status_code == 401
    for call in (
        "putMember(email: $text, role: VIEWER)",
        "removeMember(email: $text)",
        "setAccountDisabled(email: $text, isDisabled: true)",
    ):
        query = f"mutation($text: String!) {{ done: {call} {{ errors {{ code }} }} }}"
        (error,) = accounts.operator.ask(query, text=name)["errors"]
        assert error["code"] != "internal_error"
    for call in ("endSessions(id: $id)", "revokeApiKey(id: $id)"):
        query = f"mutation($id: ID!) {{ done: {call} {{ errors {{ code }} }} }}"
        (error,) = accounts.operator.ask(query, id="a\0b")["errors"]
        assert error == {"code": "not_found"}


def test_c12_registration_is_closed_unless_it_is_opened(accounts: AccountsServer) -> None:
    """Whoever reaches the server makes no account of their own accord."""
    body = {"email": "first@example.org", "password": PASSWORD}
    closed = accounts.nobody.http.post("/api/auth/register", json=body)
    assert (closed.status_code, closed.json()["error"]["code"]) == (403, "forbidden")


def test_c12_open_registration_gives_an_account_without_rights(database_url: str) -> None:
    """Who registers sees nothing until an admin says so; a taken address looks like a free one."""
    with open_accounts(database_url, registration="open") as accounts:
        bodies = [
            {"email": "new@example.org", "password": PASSWORD},
            {"email": OPERATOR.upper(), "password": WRONG},
            {"email": "third@example.org", "password": PASSWORD},
        ]
        answers = [accounts.nobody.http.post("/api/auth/register", json=body) for body in bodies]
        assert [answer.status_code for answer in answers] == [201, 201, 201]
        assert answers[0].text == answers[1].text
        new = accounts.log_in("new@example.org")
        query = "{viewer{role isOperator project{slug}}}"
        assert new.ask(query) == {"role": None, "isOperator": False, "project": None}
        assert new.ask_raw("{runs{edges{cursor}}}").status_code == 403
        assert _log_in(accounts.nobody, OPERATOR, WRONG).status_code == 401
        # Three an hour: the fixture's, with the setup token, is none of them.
        body = {"email": "fourth@example.org", "password": PASSWORD}
        answer = accounts.nobody.http.post("/api/auth/register", json=body)
        assert answer.status_code == 429
        assert 0 < int(answer.headers["retry-after"]) <= 3600


def test_c12_a_form_of_another_page_registers_nobody(database_url: str) -> None:
    """A browser sends a form from anywhere: it is refused for where it came from, and as a form."""
    with open_accounts(database_url, registration="open") as accounts:
        form = {"email": "evil@example.org", "password": PASSWORD}
        http = accounts.nobody.http
        cross = {"sec-fetch-site": "cross-site", "origin": "https://evil.example"}
        assert http.post("/api/auth/register", data=form, headers=cross).status_code == 403
        assert http.post("/api/auth/register", json=form, headers=cross).status_code == 403
        assert http.post("/api/auth/register", data=form).status_code == 415


@pytest.mark.parametrize("more", [{"role": "admin"}, {"is_admin": True}, {"project_id": "default"}])
async def test_c17_nobody_makes_themselves_more_than_they_are(
    tmp_path: Any, more: dict[str, Any]
) -> None:
    """A field that is not of the form is refused, and nobody is registered."""
    url = f"sqlite:///{tmp_path / 'x.db'}"
    with open_accounts(url, registration="open") as accounts:
        body = {"email": "new@example.org", "password": PASSWORD, **more}
        answer = accounts.nobody.http.post("/api/auth/register", json=body)
        assert answer.status_code == 400

        def count(connection: Any) -> int:
            return len(connection.execute(select(MEMBERSHIP.c.account_id)).all())

        database = accounts.server.app.database
        loop = accounts.server.loop
        assert asyncio.run_coroutine_threadsafe(database.read(count), loop).result(20) == 1
        assert _log_in(accounts.nobody, "new@example.org", PASSWORD).status_code == 401


def test_a_wait_is_an_error_with_seconds() -> None:
    """Programs read when to come again."""
    assert AttemptsError("wait", retry_after_s=3).retry_after_s == 3
