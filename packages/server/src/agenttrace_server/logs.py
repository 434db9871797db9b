"""The server's log, on standard error: lines for people in development, JSON in production.

One line is one event, whatever it says: what a client sent cannot begin another line, move a
cursor or hide. And it tells nothing of what was recorded: of an error that is not this program's
own it has the kind and the places in the code, and not the text, which may quote a payload.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import sys
import traceback
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from agenttrace_server.errors import ServerError

if TYPE_CHECKING:
    from collections.abc import Iterator

REQUEST_ID: Final[ContextVar[str]] = ContextVar("agenttrace_request_id", default="")
"""Of the request that is being answered; empty outside of one."""
ACCESS: Final = logging.getLogger("agenttrace_server.access")
"""Has one line for each answer, at INFO, with the mapping `access` beside it."""
MAX_MESSAGE_CHARS: Final = 4_000
MAX_FRAMES: Final = 50
_TOLD: Final = "_agenttrace_told"

# Control characters, and those that change the direction or the breaks of a line.
_UNSAFE: Final = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]"
)


def configure_logs(*, level: str, is_json: bool) -> None:
    """Have every logger write to standard error, from this level on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if is_json else TextFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # At INFO it lists the parts that it is made of, before each migration.
    logging.getLogger("alembic.runtime.plugins").setLevel(logging.WARNING)


def mark_told(error: BaseException) -> None:
    """Note that the log has this error; see `is_news`."""
    setattr(error, _TOLD, True)


def is_news(record: logging.LogRecord) -> bool:
    """Tell whether the log has not yet what was raised: a filter of loggers that get it, too.

    That a stop cancels what is under way is no defect.
    """
    error = record.exc_info[1] if record.exc_info else None
    return not (isinstance(error, asyncio.CancelledError) or getattr(error, _TOLD, False))


class TextFormatter(logging.Formatter):
    """A line for people: the time, the level, what happened; what was raised and where."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, and one more for each error and frame."""
        lines = [f"{self.formatTime(record)} {record.levelname} {escape(read_message(record))}"]
        if record.exc_info and record.exc_info[1] is not None:
            for error in _list_chain(record.exc_info[1]):
                lines.append(f"  {escape(describe_error(error))}")
                lines += [f"    at {frame}" for frame in list_frames(error)]
        return "\n".join(lines)


class JsonFormatter(logging.Formatter):
    """A line for programs: an object whose texts are ASCII."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        event: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": read_message(record),
            "process": os.getpid(),
        }
        if request_id := REQUEST_ID.get():
            event["request_id"] = request_id
        event.update(getattr(record, "access", {}))
        if record.exc_info and record.exc_info[1] is not None:
            event["errors"] = [
                {"error": describe_error(error), "frames": list_frames(error)}
                for error in _list_chain(record.exc_info[1])
            ]
        return json.dumps(event)


def read_message(record: logging.LogRecord) -> str:
    """Return what a record says, without the texts of errors that it was given."""
    given = record.args if isinstance(record.args, tuple) else ()
    safe = tuple(
        describe_error(each) if isinstance(each, BaseException) else each for each in given
    )
    text = str(record.msg) % safe if safe else record.getMessage()
    return text if len(text) <= MAX_MESSAGE_CHARS else f"{text[:MAX_MESSAGE_CHARS]}…"


def describe_error(error: BaseException) -> str:
    """Return the kind of an error; of one that quotes nobody, what it says as well."""
    cause = getattr(error, "orig", None) or error  # SQLAlchemy's, around a driver's
    cause = getattr(cause, "driver_exception", None) or cause
    name = type(cause).__name__
    if code := getattr(cause, "sqlstate", None):  # PostgreSQL's message may quote a value
        return f"{name} (SQLSTATE {code})"
    if isinstance(error, ServerError):
        return f"{name}: {error}"
    if isinstance(cause, OSError) and cause.strerror:
        return f"{name}: {cause.strerror}"
    if (code := getattr(cause, "sqlite_errorname", None)) is not None:
        return f"{name} ({code})"
    return name


def list_frames(error: BaseException) -> list[str]:
    """Return where an error came from, the innermost last."""
    frames = traceback.extract_tb(error.__traceback__)[-MAX_FRAMES:]
    return [f"{frame.filename}:{frame.lineno} in {frame.name}" for frame in frames]


def escape(text: str) -> str:
    r"""Return a text with `\n`, `\x1b` and the like for what would not stay on its line."""
    return _UNSAFE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def _list_chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what it came from, at most once each."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        hidden = current.__suppress_context__
        current = current.__cause__ or (None if hidden else current.__context__)
