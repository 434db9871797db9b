"""What a start in production refuses: one line, which names the variable and the way out."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from agenttrace.settings import TABLE
from agenttrace_server.errors import StartError
from agenttrace_server.hosts import is_loopback

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agenttrace_server.settings import Settings

PREFIX: Final = "AGENTTRACE_"
# Python's own: with them it logs what callbacks hold, and takes several times as long.
_DEBUG: Final = ("PYTHONDEVMODE", "PYTHONASYNCIODEBUG")


def check_production(settings: Settings, environment: Mapping[str, str | None]) -> None:
    """Refuse what is no way to serve others.

    Raises:
        StartError: a setting or a variable of the environment is not for production.

    """
    _check_origins(settings)
    if not settings.allowed_hosts:
        raise StartError(
            "ALLOWED_HOSTS is empty with ENVIRONMENT=production; expected the names by which "
            "clients reach this server, such as traces.example.org"
        )
    _check_debug(settings, environment)
    _check_names(environment)


def _check_origins(settings: Settings) -> None:
    for origin in settings.cors_origins:
        parts = urlsplit(origin)
        if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
            raise StartError(
                f"CORS_ORIGINS has {origin!r} with ENVIRONMENT=production: whoever is on the way "
                "can change that page; expected https://…"
            )


def _check_debug(settings: Settings, environment: Mapping[str, str | None]) -> None:
    for name in _DEBUG:
        if environment.get(name) and not settings.allow_debug:
            raise StartError(
                f"{name} is set with ENVIRONMENT=production: Python's debug mode is slow and says "
                "too much; unset it, or set ALLOW_DEBUG=1 to take that"
            )


def _check_names(environment: Mapping[str, str | None]) -> None:
    known = [setting.name for setting in TABLE]
    for name in sorted(environment):
        if name.startswith(PREFIX) and name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = (
                f"; did you mean {close[0]}?" if close else "; docs/settings.md has all there are"
            )
            raise StartError(f"{name} is no setting of AgentTrace{hint}")
