"""Settings: where they come from, what a wrong one gets, and that the documentation is true."""

from __future__ import annotations

import base64
import re
import secrets
import string
from enum import StrEnum
from pathlib import Path

import pytest
from pydantic import ValidationError

from agenttrace_server.errors import StartError
from agenttrace_server.secret_key import refuse_weak_secret
from agenttrace_server.settings import Environment, Registration, Settings, read_settings

from .support.thread import SECRET

DOCUMENT = Path(__file__).parents[3] / "docs" / "settings.md"


def test_flags_win_over_the_environment_and_that_over_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The nearer to the command, the more it counts; a flag that was not given counts nothing."""
    (tmp_path / ".env").write_text("SERVER_PORT=1\nSERVER_HOST=::1\nALLOWED_HOSTS=a.example\n")
    monkeypatch.setenv("SERVER_PORT", "2")
    monkeypatch.setenv("SERVER_HOST", "localhost")
    settings = read_settings(server_port=3, server_host=None)
    assert settings.server_port == 3
    assert settings.server_host == "localhost"
    assert settings.allowed_hosts == ("a.example",)
    assert settings.environment is Environment.DEVELOPMENT


def test_lists_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blanks around a comma do not matter, and nothing is no name."""
    monkeypatch.setenv("ALLOWED_HOSTS", " a.example , b.example,")
    monkeypatch.setenv("CORS_ORIGINS", "")
    settings = read_settings()
    assert settings.allowed_hosts == ("a.example", "b.example")
    assert settings.cors_origins == ()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("SERVER_PORT", "ten", "SERVER_PORT is 'ten'; expected a port number from 0 to 65535"),
        ("SERVER_PORT", "65536", "SERVER_PORT is '65536'; expected a port number from 0 to 65535"),
        ("SERVER_PORT", "-1", "SERVER_PORT is '-1'; expected a port number from 0 to 65535"),
        ("ENVIRONMENT", "prod", "ENVIRONMENT is 'prod'; expected development or production"),
        (
            "BUFFER_SIZE",
            "12",
            "BUFFER_SIZE is '12'; expected a whole number of bytes, at least 67108864",
        ),
        ("ALLOWED_HOSTS", "http://x", "ALLOWED_HOSTS: 'http://x' is no host name"),
        ("ALLOWED_HOSTS", "a,*", r"ALLOWED_HOSTS: '\*' is no host name"),
        ("CORS_ORIGINS", "*", r"CORS_ORIGINS: '\*' is no origin such as https://example.org"),
        ("CORS_ORIGINS", "https://x/path", "CORS_ORIGINS: .* is no origin"),
        ("CORS_ORIGINS", "https://*.example.org", "CORS_ORIGINS: .* matches no page"),
    ],
)
def test_a_wrong_value_is_named_in_one_line(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    """The line has the variable, the value and what it should be."""
    monkeypatch.setenv(name, value)
    with pytest.raises(StartError, match=message) as caught:
        read_settings()
    assert "\n" not in str(caught.value)


def test_a_wrong_flag_is_named_as_it_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who wrote a flag is not told about a variable, though the variable is set as well."""
    monkeypatch.setenv("SERVER_PORT", "9000")
    with pytest.raises(StartError) as caught:
        read_settings(server_port="99999")
    assert str(caught.value) == "--port is '99999'; expected a port number from 0 to 65535"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"SERVER_PORT=\xff\xfe\n", "line 1: not UTF-8; expected NAME=value"),
        (b"# a\nB=1\nC=\xff\n", "line 3: not UTF-8; expected NAME=value"),
        (b"A=1\n\nwhat is this\n", "line 3: expected NAME=value or a comment with #"),
        (b"SERVER_PORT\n", "line 1: expected NAME=value or a comment with #"),
        (b"A=1\nSERVER_PORT:9000\n", "line 2: expected NAME=value or a comment with #"),
        (b"A='open\n", "line 1: expected NAME=value or a comment with #"),
    ],
    ids=repr,
)
def test_a_bad_line_of_the_file_is_named(tmp_path: Path, content: bytes, problem: str) -> None:
    """No line is skipped in silence: the first bad one is named with its file."""
    path = tmp_path / ".env"
    path.write_bytes(content)
    with pytest.raises(StartError) as caught:
        read_settings()
    assert str(caught.value) == f"{path}, {problem}"


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """A folder called `.env` is not taken for no file."""
    path = tmp_path / ".env"
    path.mkdir()
    with pytest.raises(StartError) as caught:
        read_settings()
    assert str(caught.value) == (
        f"{path} cannot be read (Is a directory); make it a readable file or move it away"
    )


def test_what_the_file_may_hold_is_read(tmp_path: Path) -> None:
    """Comments, blanks, quotes, `export`, names of other programs, a byte-order mark."""
    text = "\ufeff# c\r\n\r\n export SERVER_PORT='1' # one\r\nOTHER=\r\nX=\"a\nb\"\n"
    (tmp_path / ".env").write_bytes(text.encode())
    assert read_settings().server_port == 1


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "trace.example.org", "127.0.0.1"])
def test_p1_p2_production_needs_accounts(host: str) -> None:
    """What anyone could read and write is not put on a network by mistake."""
    with pytest.raises(StartError, match="SECRET_KEY is missing") as caught:
        read_settings(server_host=host, environment="production")
    assert "\n" not in str(caught.value)
    assert _read_production(server_host=host).has_accounts


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "10.0.0.1", "trace.example.org"])
def test_p1_beyond_this_machine_somebody_must_say_who_they_are(host: str) -> None:
    """In development, too: one line that has the address and every way out."""
    with pytest.raises(StartError) as caught:
        read_settings(server_host=host)
    for part in ("SERVER_HOST is", host, "SECRET_KEY", "LOCAL_TOKEN=1", "127.0.0.1"):
        assert part in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not read_settings(server_host=host, local_token=True).is_local
    assert not read_settings(server_host=host, secret_key=SECRET).is_local


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_what_only_this_machine_reaches_is_local(host: str) -> None:
    """Those need no accounts in development."""
    assert read_settings(server_host=host).is_local


@pytest.mark.parametrize(
    ("secret", "problem"),
    [
        ("short", "SECRET_KEY has 5 bytes; it needs 32"),
        ("x" * 31, "SECRET_KEY has 31 bytes"),
        ("changeme" * 4, "SECRET_KEY is an example that everybody knows"),
        ("your-secret-key-here-" * 2, "SECRET_KEY is an example"),
        ("CHANGE_ME_TO_A_SECURE_RANDOM_STRING", "SECRET_KEY is an example"),
        ("a" * 64, "SECRET_KEY is an example"),
        *(
            (text, "SECRET_KEY is a command")
            for text in (
                "$(python -c 'import secrets; print(secrets.token_hex(32))')",
                "python3 -c 'import secrets; print(secrets.token_hex(32))'",
                "`python3 -c 'import secrets; print(secrets.token_urlsafe())'`",
                "$(openssl rand -hex 32)$(openssl rand -hex 32)",
                "openssl rand -base64 32 | tr -d '\\n'",
                "$(head -c 32 /dev/urandom | base64)",
                "${THE_SECRET_KEY_OF_THIS_SERVER_IN_PRODUCTION}",
                "<32 random bytes go in this place>",
                "agenttrace-production-<your-random-key>",
                "{{ agenttrace_signing_bytes_of_the_vault }}",
                "k$(cat /run/keys/agenttrace-production)",
                "base64:`cat /run/keys/agenttrace-production`",
                "pwgen -s 64 1 | tr -d '[:space:]' # once",
                "printf '%s' \"$(dd if=/dev/random bs=32)\"",
            )
        ),
        (
            "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
            "SECRET_KEY is an example",
        ),
        ("a-string-secret-at-least-256-bits-long", "SECRET_KEY is an example"),
        ("0123456789abcdef" * 2, "SECRET_KEY is an example"),
        ("12345678901234567890123456789012", "SECRET_KEY is an example"),
        ("abcdefghijklmnopqrstuvwxyz123456", "SECRET_KEY is an example"),
        ("django-insecure-3l%k2x0d!c@9$w1", "SECRET_KEY has 31 bytes"),
        ("django-insecure-3l%k2x0d!c@9$w1#", "SECRET_KEY is an example"),
        ("changeit" * 4, "SECRET_KEY is an example"),
        ("changeme12345678901234567890123456", "SECRET_KEY is an example"),
        ("your-super-secret-key-change-in-production", "SECRET_KEY is an example"),
        ("please-change-this-secret-key-now!", "SECRET_KEY is an example"),
        ("fedcba9876543210" * 2, "SECRET_KEY is an example"),
        ("9876543210" * 4, "SECRET_KEY is an example"),
        ("zyxwvutsrqponmlkjihgfedcba987654", "SECRET_KEY is an example"),
        ("00112233445566778899aabbccddeeff", "SECRET_KEY is an example"),
        ("FFEEDDCCBBAA99887766554433221100", "SECRET_KEY is an example"),
        ("000111222333444555666777888999aaa", "SECRET_KEY is an example"),
        ("01-23-45-67-89-ab-cd-ef-01-23-45-67", "SECRET_KEY is an example"),
        ("qwertyuiopasdfghjklzxcvbnm123456", "SECRET_KEY is an example"),
        (
            "09D25E094FAA6CA2556C818166B7A9563B93F7099F6F0F4CAA6CF63B88E8D3E7",
            "SECRET_KEY is an example",
        ),
        (
            "192b9bdd22ab9ed4d12e236c78afcb9a393ec15f71bbf5dc987d54727823bcbf",
            "SECRET_KEY is an example",
        ),
        (
            "404E635266556A586E3272357538782F413F4428472B4B6250645367566B5970",
            "SECRET_KEY is an example",
        ),
        ("A STRING SECRET AT LEAST 256 BITS LONG", "SECRET_KEY is an example"),
        ("s e c r e t   k e y   s e c r e t   k e y", "SECRET_KEY is an example"),
        ("s  e  c  r  e  t  s  e  c  r  e  t", "SECRET_KEY is an example"),
        ("YOUR_OWN_RANDOM_GENERATED_SECRET_KEY", "SECRET_KEY is an example"),
        ("the password of the database, long", "SECRET_KEY is also the password in DATABASE_URL"),
    ],
)
def test_c04_p2_a_secret_that_can_be_guessed_is_refused(secret: str, problem: str) -> None:
    """In one line that does not have it; in development, too."""
    url = "postgresql+asyncpg://u:the%20password%20of%20the%20database%2C%20long@h/d"
    for environment in ("development", "production"):
        with pytest.raises(StartError, match=problem) as caught:
            read_settings(secret_key=secret, environment=environment, database_url=url)
        assert "\n" not in str(caught.value)
        assert secret not in str(caught.value)


def test_c04_p2_what_the_documentation_makes_a_secret_with_is_none() -> None:
    """Each line that has such a command, alone and as it stands between backticks or quotes."""
    documents = [*DOCUMENT.parent.glob("*.md"), DOCUMENT.parents[1] / "README.md"]
    lines = [
        line.partition("SECRET_KEY=")[2] or line
        for document in documents
        for line in document.read_text(encoding="utf-8").splitlines()
        if re.search(r"secrets\.token|openssl rand", line)
    ]
    assert len(lines) >= 5
    for line in lines:
        commands = re.findall(r"\$?\(?(?:python3? -c '|openssl rand)[^`]*", line)
        for text in (line, *commands, *(part for part in line.split("`") if "token" in part)):
            with pytest.raises(ValueError, match=r"SECRET_KEY (is a command|has \d+ bytes)"):
                refuse_weak_secret(text, "sqlite:///x")


def test_c04_p2_a_random_secret_is_taken() -> None:
    """In whatever form it is written: 4,000 of each are."""

    def make_base64(size: int) -> str:
        return base64.b64encode(secrets.token_bytes(size)).decode()

    def make_password(size: int) -> str:
        signs = string.ascii_letters + string.digits + string.punctuation
        return "".join(secrets.choice(signs) for _ in range(size + 8))

    for make in (secrets.token_hex, secrets.token_urlsafe, make_base64, make_password):
        for size in (32, 24):
            for _ in range(2_000):
                refuse_weak_secret(make(size), "sqlite:///x")


@pytest.mark.parametrize("environment", ["development", "production"])
def test_l_a_token_and_accounts_exclude_each_other(environment: str) -> None:
    """Everybody logs in, or everybody is the one user: both at once is nobody's meaning."""
    with pytest.raises(StartError, match="LOCAL_TOKEN is set, and SECRET_KEY") as caught:
        read_settings(secret_key=SECRET, local_token=True, environment=environment)
    assert "\n" not in str(caught.value)
    assert SECRET not in str(caught.value)


def test_a_secret_is_not_printed() -> None:
    """Whoever logs the settings does not log it."""
    assert SECRET not in repr(read_settings(secret_key=SECRET))


def test_p9_registration_is_closed_unless_it_is_opened() -> None:
    """Nobody opens it by leaving something out."""
    assert read_settings(secret_key=SECRET).registration is Registration.CLOSED


@pytest.mark.parametrize(
    ("kind", "url"),
    [
        ("sqlite", "sqlite:///x.db"),
        ("postgresql", "postgresql+asyncpg://u:secret@h/d"),
        ("postgresql", "postgres://u:secret@h/d"),
    ],
)
def test_the_type_of_the_database_must_be_that_of_its_url(kind: str, url: str) -> None:
    """One who thinks that the store is on PostgreSQL does not fill a file."""
    assert read_settings(database_type=kind, database_url=url).database_url == url
    other = {"sqlite": "postgresql", "postgresql": "sqlite"}[kind]
    with pytest.raises(StartError, match=r"DATABASE_TYPE is .*DATABASE_URL names") as caught:
        read_settings(database_type=other, database_url=url)
    assert "secret" not in str(caught.value)
    with pytest.raises(StartError, match="'mysql'; expected sqlite or postgresql"):
        read_settings(database_type="mysql")


def test_a_risk_is_taken_on_purpose() -> None:
    """In production an unsafe database is refused, unless the operator says otherwise."""
    assert not read_settings().is_strict
    assert _read_production().is_strict
    assert not _read_production(allow_unsafe_durability="1").is_strict


def _read_production(**given: str) -> Settings:
    names = {"allowed_hosts": "traces.example.org", "secret_key": SECRET}
    return read_settings(environment="production", **{**names, **given})


@pytest.mark.parametrize("mode", [0o602, 0o604, 0o644])
def test_c42_a_secret_that_everyone_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    """In the file `.env`; without a secret in it, the file is nobody's business."""
    path = tmp_path / ".env"
    path.write_text(f"SECRET_KEY={SECRET}\n")
    path.chmod(mode)
    with pytest.raises(StartError) as caught:
        read_settings()
    assert str(caught.value) == (
        f"{path} has a secret in it, and everyone on this machine can read or change it: "
        f"chmod 600 {path}"
    )
    path.chmod(0o640)
    read_settings()
    path.write_text("DATABASE_URL=postgresql+asyncpg://u:of-the-database@h/d\n")
    read_settings()
    path.chmod(mode)
    with pytest.raises(StartError, match="has a secret in it"):
        read_settings()
    path.write_text("SERVER_PORT=1\nSECRET_KEY=\nDATABASE_URL=postgresql+asyncpg://u@h/d\n")
    path.chmod(mode)
    assert read_settings().server_port == 1


def test_settings_cannot_be_changed() -> None:
    """They are read once."""
    with pytest.raises(ValidationError, match="frozen"):
        read_settings().server_port = 1  # type: ignore[misc] # the point of the test


def test_every_setting_is_documented_as_it_is() -> None:
    """The table of docs/settings.md has each variable with its default and meaning."""
    text = DOCUMENT.read_text(encoding="utf-8")
    section = re.split(r"^## ", text, flags=re.MULTILINE)
    (server,) = [part for part in section if part.startswith("Server\n")]
    rows = [line.strip("| ").split(" | ") for line in server.splitlines() if line.startswith("| `")]
    documented = {row[0].strip("`"): (row[3], row[4]) for row in rows}
    expected = {}
    for name, info in Settings.model_fields.items():
        default = info.default.value if isinstance(info.default, StrEnum) else info.default
        default = int(default) if isinstance(default, bool) else default
        shown = "(none)" if default in ((), None) else f"`{default}`"
        expected[name.upper()] = (shown, info.description)
    assert documented == expected
