"""The SDK's settings: one table, read once by each `Tracer` into a frozen object.

A value that cannot be meant is answered with one warning that names the variable, what it should
be, and the default that is used instead: a recorder must not stop the program that it records.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from agenttrace.guard import log_warning

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Value: TypeAlias = str | int | float | bool | tuple[str, ...] | None


class Setting(NamedTuple):
    """A row of the table: the variable, its type and unit, its default, and what it means."""

    name: str
    kind: str
    unit: str
    default: str
    meaning: str
    field: str


class Settings(NamedTuple):
    """What the environment says, as values. Bytes and seconds, as the names say."""

    exporter: str | None = None
    api_key: str | None = None
    service_name: str | None = None
    prices: str | None = None
    disabled: bool = False
    plugins: tuple[str, ...] | None = None
    strict_plugins: bool = False
    trace_plugins: bool = False
    queue_max_records: int = 20_000
    queue_max_bytes: int = 64 * 1024 * 1024
    payload_max_bytes: int = 1024 * 1024
    shutdown_timeout_s: float = 5.0
    spool: bool = True
    spool_folder: str | None = None
    spool_max_bytes: int = 256 * 1024 * 1024
    spool_max_age_s: float = 604_800.0
    durability: str = "buffered"
    signals: str = "auto"
    sample_rate: float = 1.0
    tail_sample_rate: float = 1.0
    tail_slow_s: float = 0.0
    tail_max_bytes: int = 32 * 1024 * 1024
    resource_attributes: tuple[str, ...] | None = None
    round_trip_check: str | None = None
    redact: str | None = None


TABLE: Final = (
    Setting(
        "AGENTTRACE_EXPORTER",
        "text",
        "",
        "none",
        "where records go when the program sets no exporter: `jsonl:PATH`, `console`, the URL of "
        "a server's `/api`, or `NAME:TARGET` of any exporter that `agenttrace plugins` lists",
        "exporter",
    ),
    Setting(
        "AGENTTRACE_API_KEY",
        "text",
        "",
        "none",
        "the key that is sent to the server, unless the program gives one",
        "api_key",
    ),
    Setting(
        "AGENTTRACE_SERVICE_NAME",
        "text",
        "",
        "the program's file name",
        "`service.name` in each run's resource",
        "service_name",
    ),
    Setting(
        "AGENTTRACE_PRICES",
        "text",
        "",
        "none",
        "a JSON file of prices, in US dollars a million tokens, that count more than any other "
        "price table; `packages/sdk/README.md` shows one",
        "prices",
    ),
    Setting(
        "AGENTTRACE_DISABLED",
        "boolean",
        "",
        "0",
        "`1` records nothing, whatever the program sets up",
        "disabled",
    ),
    Setting(
        "AGENTTRACE_PLUGINS",
        "list",
        "names, comma-separated",
        "all",
        "the installed plugins that may load; an empty value loads none but the built-in one",
        "plugins",
    ),
    Setting(
        "AGENTTRACE_STRICT_PLUGINS",
        "boolean",
        "",
        "0",
        "`1` raises when a plugin cannot be loaded, instead of listing it as failed",
        "strict_plugins",
    ),
    Setting(
        "AGENTTRACE_TRACE_PLUGINS",
        "boolean",
        "",
        "0",
        "`1` tells on standard error what each plugin was asked, what it answered and how long it "
        "took",
        "trace_plugins",
    ),
    Setting(
        "AGENTTRACE_QUEUE_MAX_RECORDS",
        "integer 1 to 10000000",
        "records",
        "20000",
        "how many records wait in memory: to be encoded, and for each exporter without a spool; "
        "more are dropped and counted as `queue_full`",
        "queue_max_records",
    ),
    Setting(
        "AGENTTRACE_QUEUE_MAX_BYTES",
        "integer 1024 to 68719476736",
        "bytes",
        "67108864",
        "how much memory they may take there, each",
        "queue_max_bytes",
    ),
    Setting(
        "AGENTTRACE_PAYLOAD_MAX_BYTES",
        "integer 1024 to 4194304",
        "bytes",
        "1048576",
        "how long an input's, an output's or an event's JSON text may be; a longer one is cut "
        "and marked `truncated`",
        "payload_max_bytes",
    ),
    Setting(
        "AGENTTRACE_SHUTDOWN_TIMEOUT_S",
        "number 0 to 3600",
        "seconds",
        "5",
        "how long the end of the program may wait for records to be delivered",
        "shutdown_timeout_s",
    ),
    Setting(
        "AGENTTRACE_SPOOL",
        "boolean",
        "",
        "1",
        "`0` keeps records for a server in memory only; what the end of the program leaves is "
        "dropped then",
        "spool",
    ),
    Setting(
        "AGENTTRACE_SPOOL_FOLDER",
        "text",
        "",
        "`agenttrace/spool` in `$XDG_STATE_HOME` or `~/.local/state`",
        "where records wait on disk until the server has them, for this user alone; `~` is the "
        "home, and a relative folder is below where the program was when it set its exporter",
        "spool_folder",
    ),
    Setting(
        "AGENTTRACE_SPOOL_MAX_BYTES",
        "integer 1048576 to 1099511627776",
        "bytes",
        "268435456",
        "how much may wait there for one server and key; the oldest go first, counted as "
        "`spool_full`",
        "spool_max_bytes",
    ),
    Setting(
        "AGENTTRACE_SPOOL_MAX_AGE_S",
        "number 60 to 31536000",
        "seconds",
        "604800",
        "how long it may wait there; what is older is dropped and counted as `expired`",
        "spool_max_age_s",
    ),
    Setting(
        "AGENTTRACE_DURABILITY",
        "one of buffered sync",
        "",
        "buffered",
        "`sync` lets the program go on only when a record is on the disk of every spool, power "
        "cuts included",
        "durability",
    ),
    Setting(
        "AGENTTRACE_SIGNALS",
        "one of auto chain off",
        "",
        "auto",
        "on SIGTERM and SIGHUP bring records to safety first, at most 2 s: `auto` where the "
        "program handles them by default, `chain` before its own handler too, `off` never",
        "signals",
    ),
    Setting(
        "AGENTTRACE_SAMPLE_RATE",
        "number 0 to 1",
        "",
        "1",
        "the share of runs that are recorded at all, decided by the run's id when it starts",
        "sample_rate",
    ),
    Setting(
        "AGENTTRACE_TAIL_SAMPLE_RATE",
        "number 0 to 1",
        "",
        "1",
        "below 1, recorded runs are held back until they end, and only those with an error, slow "
        "ones, interrupted ones and this share of all are kept; the rest is counted as `filtered`",
        "tail_sample_rate",
    ),
    Setting(
        "AGENTTRACE_TAIL_SLOW_S",
        "number 0 to 86400",
        "seconds",
        "0",
        "how long a run takes that is kept as slow; 0 keeps none for that",
        "tail_slow_s",
    ),
    Setting(
        "AGENTTRACE_TAIL_MAX_BYTES",
        "integer 65536 to 68719476736",
        "bytes",
        "33554432",
        "how much is held back for that; beyond it the oldest run is left out early",
        "tail_max_bytes",
    ),
    Setting(
        "AGENTTRACE_RESOURCE_ATTRIBUTES",
        "list",
        "key=value pairs, comma-separated",
        "none",
        "attributes for the resource of every run, such as `deployment.environment=prod`",
        "resource_attributes",
    ),
    Setting(
        "AGENTTRACE_ROUND_TRIP_CHECK",
        "one of always sampled never",
        "",
        "sampled; always under pytest and `python -X dev`",
        "how often a payload with types is decoded as it is recorded, to see that an equal value "
        "comes back: only then it is marked `exact`. `sampled` checks the first 10 of each "
        "combination of classes, and then one in 100",
        "round_trip_check",
    ),
    Setting(
        "AGENTTRACE_REDACT",
        "text",
        "",
        "on",
        "what is taken out of records before they leave the recording thread: `on` for secrets "
        "by their names and forms, `off` for nothing, or more names and patterns besides, such as "
        "`customer_id, /ACME-\\d{6}/`; what cannot be read means `on`",
        "redact",
    ),
)

_TRUE: Final = frozenset({"1", "true", "yes", "on"})
_FALSE: Final = frozenset({"0", "false", "no", "off", ""})


def read_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Return the settings of this environment (the process's own by default)."""
    source = os.environ if environ is None else environ
    values: dict[str, Value] = {}
    for row in TABLE:
        text = source.get(row.name)
        if text is None:
            continue
        try:
            values[row.field] = _READERS[row.kind.split()[0]](text.strip(), row.kind)
        except ValueError as error:
            log_warning(f"{row.name} is {text!r}; expected {error}. Using {row.default}.")
    return Settings()._replace(**values)  # type: ignore[arg-type]  # each reader returns its field's type


def _read_text(text: str, _kind: str) -> str | None:
    return text or None


def _read_boolean(text: str, _kind: str) -> bool:
    if text.lower() in _TRUE:
        return True
    if text.lower() in _FALSE:
        return False
    raise ValueError("1 or 0")


def _read_list(text: str, _kind: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _read_integer(text: str, kind: str) -> int:
    _, low, _, high = kind.split()
    if text.isascii() and text.isdigit() and len(text) <= len(high):
        value = int(text)
        if int(low) <= value <= int(high):
            return value
    raise ValueError(f"an integer from {low} to {high}")


def _read_number(text: str, kind: str) -> float:
    _, low, _, high = kind.split()
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not float(low) <= value <= float(high):
        raise ValueError(f"a number from {low} to {high}")
    return value


def _read_choice(text: str, kind: str) -> str:
    choices = kind.split()[2:]
    if text.lower() in choices:
        return text.lower()
    raise ValueError(f"one of {', '.join(choices)}")


_READERS: Final[dict[str, Callable[[str, str], Value]]] = {
    "text": _read_text,
    "boolean": _read_boolean,
    "list": _read_list,
    "integer": _read_integer,
    "number": _read_number,
    "one": _read_choice,
}
