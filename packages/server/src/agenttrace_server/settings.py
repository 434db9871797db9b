"""Settings: read once, from flags, the environment and `.env` (in this order), and then frozen."""

from __future__ import annotations

import ipaddress
import os
import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final, Self
from urllib.parse import urlsplit

from dotenv import dotenv_values
from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from agenttrace_server.env_file import check_env_file
from agenttrace_server.errors import StartError
from agenttrace_server.hosts import is_loopback
from agenttrace_server.production import check_production
from agenttrace_server.secret_key import MAKE_SECRET, refuse_weak_secret

MEBIBYTE: Final = 1024 * 1024
MAX_WORKERS: Final = 64
MAX_RETENTION_DAYS: Final = 36_500
# One request may hold its limit on the wire inflated; less room than that would refuse it for ever.
MIN_BUFFER_BYTES: Final = 64 * MEBIBYTE

_HOST_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\]", re.IGNORECASE)

ENV_FILE: Final = ".env"
FLAGS: Final = {
    "server_host": "--host",
    "server_port": "--port",
    "database_url": "--database-url",
    "workers": "--workers",
    "local_token": "--local-token",
}
"""The settings that `agenttrace serve` has a flag for."""

_EXPECTED: Final = {
    "server_port": "a port number from 0 to 65535",
    "environment": "development or production",
    "database_type": "sqlite or postgresql",
    "registration": "closed or open",
    "workers": f"a whole number from 1 to {MAX_WORKERS}",
    "allow_unsafe_durability": "1 or 0",
    "allow_debug": "1 or 0",
    "max_trace_retention_days": f"a whole number of days from 1 to {MAX_RETENTION_DAYS}",
    "log_level": "info, warning or error",
    "log_format": "json or text",
    "local_token": "1 or 0",
    "buffer_size": f"a whole number of bytes, at least {MIN_BUFFER_BYTES}",
}

NameList = Annotated[tuple[str, ...], NoDecode]


class Environment(StrEnum):
    """What the server is used for."""

    DEVELOPMENT = "development"
    PRODUCTION = "production"


class DatabaseType(StrEnum):
    """The databases that a store may be in."""

    SQLITE = "sqlite"
    POSTGRESQL = "postgresql"


class LogLevel(StrEnum):
    """How grave an event is that is logged."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(StrEnum):
    """Who reads the log."""

    JSON = "json"
    TEXT = "text"


class Registration(StrEnum):
    """Who may make an account by themselves."""

    CLOSED = "closed"
    OPEN = "open"


class Settings(BaseSettings):
    """Everything that can be set. A field's name in capitals is its variable."""

    model_config = SettingsConfigDict(
        frozen=True,
        env_file=ENV_FILE,
        env_file_encoding="utf-8",
        extra="ignore",
        env_ignore_empty=True,
    )

    database_url: str = Field(
        default="sqlite+aiosqlite:///./data/agenttrace.db",
        description="Where the store is: a SQLite file (`sqlite:///` means the same), or a "
        "database of PostgreSQL 15 or newer: `postgresql+asyncpg://user:password@host/database`. "
        "No options but PostgreSQL's `sslmode`.",
    )
    database_type: DatabaseType | None = Field(
        default=None,
        description="Which of them `DATABASE_URL` must name; another one stops the start.",
    )
    workers: int = Field(
        default=1,
        ge=1,
        le=MAX_WORKERS,
        description="Processes that serve the one port; more than one need PostgreSQL. "
        "`BUFFER_SIZE` and the 2,000 WebSockets are each one's own, and each takes up to 10 of the "
        "database's connections.",
    )
    allow_unsafe_durability: bool = Field(
        default=False,
        description="`1` starts in production on a PostgreSQL that may forget what it has "
        "committed (`fsync`, `full_page_writes` or `synchronous_commit` off).",
    )
    server_host: str = Field(
        default="127.0.0.1",
        description="The address to listen on; with 127.0.0.1 or `localhost` also ::1, where there "
        "is IPv6. Beyond this machine only with `SECRET_KEY`, or `LOCAL_TOKEN`.",
    )
    server_port: int = Field(
        default=8000, ge=0, le=65535, description="The TCP port; 0 takes a free one."
    )
    allowed_hosts: NameList = Field(
        default=(),
        description="Names, besides localhost, that the server answers to; separated by commas. "
        "Production needs one.",
    )
    cors_origins: NameList = Field(
        default=(),
        description="Origins of other web pages that may use the API; separated by commas. In "
        "production they begin with https, but for those of this machine.",
    )
    local_token: bool = Field(
        default=False,
        description="`1` lets in only who has a token that is made at each start: by a link that "
        "works once in a browser, by a file that only this user can read for agenttrace. For where "
        "the system does not say whose a connection is: not on Linux, or behind a proxy.",
    )
    trusted_proxies: NameList = Field(
        default=(),
        description="Addresses or networks of reverse proxies whose `X-Forwarded-For`, "
        "`X-Forwarded-Proto` and `X-Request-Id` count; separated by commas. Nobody else's do.",
    )
    environment: Environment = Field(
        default=Environment.DEVELOPMENT,
        description="`production` needs `SECRET_KEY`.",
    )
    secret_key: SecretStr | None = Field(
        default=None,
        description="Turns accounts on: everybody logs in or has a key. At least 32 bytes, random, "
        "and only for this: `python -c 'import secrets; print(secrets.token_hex(32))'` makes one. "
        "Another one ends all logins.",
    )
    registration: Registration = Field(
        default=Registration.CLOSED,
        description="`open` lets everybody who reaches the server make an account, which is in no "
        "project until an admin adds it. Else operators make accounts; the first is made with the "
        "setup token that the start prints.",
    )
    allow_debug: bool = Field(
        default=False,
        description="`1` starts in production with `PYTHONDEVMODE` or `PYTHONASYNCIODEBUG` set.",
    )
    allow_introspection: bool = Field(
        default=False,
        description="`1` lets clients read the GraphQL schema in production too, serves its "
        "explorer at `/docs`, and suggests names for misspelt ones; in development it is so "
        "anyway.",
    )
    max_trace_retention_days: int | None = Field(
        default=None,
        ge=1,
        le=MAX_RETENTION_DAYS,
        description="A run that was over, and last heard of, so many whole days of UTC ago is "
        "deleted. Without it runs are kept for ever.",
    )
    log_level: LogLevel | None = Field(
        default=None,
        description="What is logged, on standard error: this and what is graver. Without it `info` "
        "in production, which has a line for each request, and `warning` in development.",
    )
    log_format: LogFormat | None = Field(
        default=None,
        description="One JSON object a line, or text. Without it `json` in production and `text` "
        "in development.",
    )
    buffer_size: int = Field(
        default=64 * MEBIBYTE,
        ge=MIN_BUFFER_BYTES,
        description="Bytes of ingest requests in memory at once; beyond it they get 429.",
    )

    @field_validator("allowed_hosts", "cors_origins", "trusted_proxies", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("allowed_hosts")
    @classmethod
    def _check_hosts(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        for host in hosts:
            if not _HOST_NAME.fullmatch(host):
                raise ValueError(f"{host!r} is no host name; give names without scheme and port")
        return hosts

    @field_validator("cors_origins")
    @classmethod
    def _check_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for origin in origins:
            parts = urlsplit(origin)
            if (
                parts.scheme not in ("http", "https")
                or origin != f"{parts.scheme}://{parts.netloc}"
            ):
                raise ValueError(f"{origin!r} is no origin such as https://example.org")
            if "*" in origin:
                raise ValueError(f"{origin!r} matches no page: name each origin, * stands for none")
        return origins

    @field_validator("trusted_proxies")
    @classmethod
    def _check_proxies(cls, proxies: tuple[str, ...]) -> tuple[str, ...]:
        for proxy in proxies:
            try:
                ipaddress.ip_network(proxy)
            except ValueError as error:
                raise ValueError(
                    f"{proxy!r} is no address or network such as 10.0.0.7 or 10.0.0.0/24"
                ) from error
        return proxies

    @model_validator(mode="after")
    def _check_secret(self) -> Self:
        if self.secret_key is not None:
            refuse_weak_secret(self.secret_key.get_secret_value(), self.database_url)
            if self.local_token:
                raise ValueError(
                    "LOCAL_TOKEN is set, and SECRET_KEY, by which everybody logs in: leave one out"
                )
        elif self.environment is Environment.PRODUCTION:
            where = "" if self.is_local else f" (and SERVER_HOST is {self.server_host!r})"
            raise ValueError(
                f"SECRET_KEY is missing with ENVIRONMENT=production{where}, so that there would be "
                f"no accounts; {MAKE_SECRET}"
            )
        elif not (self.is_local or self.local_token):
            raise ValueError(
                f"SERVER_HOST is {self.server_host!r}, where whoever reaches this machine could "
                "read and write everything; set SECRET_KEY for accounts, or LOCAL_TOKEN=1 for one "
                "user, or listen on 127.0.0.1"
            )
        return self

    @model_validator(mode="after")
    def _check_database_type(self) -> Self:
        # `postgres:` is what other programs call it.
        named = self.database_url.partition(":")[0].partition("+")[0]
        named = {"postgres": "postgresql"}.get(named, named)
        if self.database_type is not None and named != self.database_type:
            raise ValueError(
                f"DATABASE_TYPE is {self.database_type.value!r}, and DATABASE_URL names a database "
                f"of another kind ({named[:20]!r}); change one of them"
            )
        if self.workers > 1 and named != DatabaseType.POSTGRESQL:
            raise ValueError(
                f"WORKERS is {self.workers}, and DATABASE_URL names no PostgreSQL: a SQLite file "
                "has one writer; take 1 worker, or PostgreSQL"
            )
        return self

    @property
    def chosen_log_level(self) -> LogLevel:
        """Return the level from which on events are logged."""
        is_production = self.environment is Environment.PRODUCTION
        return self.log_level or (LogLevel.INFO if is_production else LogLevel.WARNING)

    @property
    def logs_json(self) -> bool:
        """Tell whether the log is for programs."""
        is_production = self.environment is Environment.PRODUCTION
        return (self.log_format or ("json" if is_production else "text")) == LogFormat.JSON

    @property
    def has_accounts(self) -> bool:
        """Tell whether everybody must say who they are."""
        return self.secret_key is not None

    @property
    def is_single_user(self) -> bool:
        """Tell whether the server is for the one who started it, and has no accounts."""
        return self.environment is Environment.DEVELOPMENT and not self.has_accounts

    @property
    def is_strict(self) -> bool:
        """Tell whether a store that may lose what it acknowledged is refused."""
        return self.environment is Environment.PRODUCTION and not self.allow_unsafe_durability

    @property
    def shows_schema(self) -> bool:
        """Tell whether clients may ask for the schema."""
        return self.environment is Environment.DEVELOPMENT or self.allow_introspection

    @property
    def shown_host(self) -> str:
        """Return the host as a URL has it; for "every address", the one of this machine."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.server_host, self.server_host)  # noqa: S104 -- compared, not bound
        return f"[{host}]" if ":" in host else host

    @property
    def is_local(self) -> bool:
        """Tell whether only this machine can reach the server."""
        return is_loopback(self.server_host)


def read_settings(**flags: Any) -> Settings:
    """Return the settings; a flag that is None was not given.

    Raises:
        StartError: a value is wrong, or `.env` cannot be read. One line names the flag, the
            variable or the line of the file as it was given, and what it should be.

    """
    given = {name: value for name, value in flags.items() if value is not None}
    check_env_file(Path(ENV_FILE).absolute())
    try:
        settings = Settings(**given)
    except ValidationError as error:
        raise StartError(_describe(error, given)) from error
    if settings.environment is Environment.PRODUCTION:
        environment: dict[str, str | None] = {**dotenv_values(ENV_FILE), **os.environ}
        check_production(settings, environment)
    return settings


def name_as_given(message: str, flags: dict[str, Any]) -> str:
    """Return the message with the flag in place of the variable that it begins with.

    `flags` are those of the command line; None: it was not given.
    """
    for field, flag in FLAGS.items():
        name = field.upper()
        if flags.get(field) is not None and re.match(rf"{name}\b", message):
            return flag + message[len(name) :]
    return message


def _describe(error: ValidationError, given: dict[str, Any]) -> str:
    first = error.errors(include_url=False)[0]
    problem = first["msg"].removeprefix("Value error, ")
    if not first["loc"]:
        return problem
    field = str(first["loc"][0])
    name = FLAGS[field] if field in given and field in FLAGS else field.upper()
    if field in _EXPECTED:
        return f"{name} is {str(first['input'])[:100]!r}; expected {_EXPECTED[field]}"
    return f"{name}: {problem}"
