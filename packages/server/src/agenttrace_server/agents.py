"""What a client calls itself, in words by which its owner knows it again. Anybody may send any."""

from __future__ import annotations

from typing import Final

MAX_CHARS: Final = 256
"""Of what is kept of a `User-Agent`."""
_MAX_NAME_CHARS: Final = 64
# The first that is there: most browsers name others, too.
_BROWSERS: Final = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("CriOS/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS: Final = (
    ("Android", "Android"),
    ("iPhone", "iOS"),
    ("iPad", "iPadOS"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)
_ALL_BROWSERS: Final = "Mozilla/"


def clean_agent(text: str) -> str:
    """Return what is kept of a `User-Agent`: its beginning, with nothing that cannot be shown."""
    return "".join(each if each.isprintable() else "\ufffd" for each in text[:MAX_CHARS])


def name_agent(text: str) -> str | None:
    """Return a client's name, such as `Firefox on Linux` or `curl/8.5.0`; None: it has none."""
    if not text.startswith(_ALL_BROWSERS):
        return text.partition(" ")[0][:_MAX_NAME_CHARS] or None
    browser = _find(text, _BROWSERS) or "A browser"
    system = _find(text, _SYSTEMS)
    return browser if system is None else f"{browser} on {system}"


def _find(text: str, names: tuple[tuple[str, str], ...]) -> str | None:
    return next((name for mark, name in names if mark in text), None)
