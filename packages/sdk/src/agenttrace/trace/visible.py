r"""Texts and figures as people read them. Recorded text is a stranger's: nothing in it may act.

Control characters would move a terminal's cursor, set its title or write its clipboard;
direction overrides and invisible characters would show something else than is there. Each is
shown as an escape such as `\x1b` or `\u202e`.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from decimal import Decimal

MAX_CHARS: Final = 200
"""So much of a text is shown in a line."""

_ELLIPSIS: Final = "…"
_MAX_MARKS: Final = 4
"""So many combining marks in a row belong to a letter; more are a tower over other lines."""

_NS_PER_MS: Final = 1_000_000
_MS_PER_S: Final = 1_000
_S_PER_MIN: Final = 60
_MIN_PER_HOUR: Final = 60
_NAMED: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_MAX_TIME_NS: Final = 253_402_300_799 * 1_000_000_000  # the end of the year 9999
# What JSON allows in a text as it is, and a terminal or an eye would be fooled by.
_ACTIVE: Final = re.compile(
    "[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e007f]"
)


def show_text(text: str, *, max_chars: int = MAX_CHARS) -> str:
    """Return a text for one line: every character that is not printed stands escaped."""
    cut = text if len(text) <= max_chars else text[: max_chars - 1] + _ELLIPSIS
    if cut.isascii() and cut.isprintable():
        return cut
    return _limit_marks("".join(c if c.isprintable() else _escape(c) for c in cut))


def measure_cells(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width  # noqa: PLC0415 -- most texts are ASCII

    return sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in text)


def fit_cells(text: str, cells: int) -> str:
    """Return a text that takes exactly so many columns: padded, or cut and ended by `…`."""
    taken = measure_cells(text)
    if taken <= cells:
        return text + " " * (cells - taken)
    kept = text[: max(cells - 1, 0)]
    while kept and measure_cells(kept) > cells - 1:
        kept = kept[:-1]
    return kept + _ELLIPSIS + " " * (cells - 1 - measure_cells(kept)) if cells > 0 else ""


def wrap_cells(text: str, cells: int | None, *, indent: int = 0) -> Iterator[str]:
    """Yield a text in lines of at most so many columns, from the second on indented.

    Words stay whole, also one that is longer than a line; with None it is one line.
    """
    if cells is None or measure_cells(text) <= cells:
        yield text
        return
    rest = text.lstrip(" ")
    line = text[: len(text) - len(rest)]
    is_empty = True
    for word in rest.split(" "):
        more = word if is_empty else f" {word}"
        if not is_empty and measure_cells(line) + measure_cells(more) > cells:
            yield line
            line, more = " " * indent, word
        line, is_empty = line + more, False
    yield line


def show_lines(text: str) -> str:
    """Return a text of several lines and tabs, everything else that is not printed escaped."""
    return "\n".join(
        "".join(c if c.isprintable() or c == "\t" else _escape(c) for c in line)
        for line in text.replace("\r\n", "\n").split("\n")
    )


def escape_json(text: str) -> str:
    """Return the same JSON with characters that act on a terminal or an eye written as escapes."""
    return _ACTIVE.sub(_escape_json, text)


def show_duration(duration_ns: int) -> str:
    """Return a duration with three digits that matter: `0.42 ms`, `12.3 ms`, `2.31 s`, `3 min 4 s`.

    The unit grows with the value; nothing is shown beyond what a person compares by.
    """
    ms = duration_ns / _NS_PER_MS
    if ms < _MS_PER_S:
        return f"{ms:.{_decimals(ms)}f} ms"
    seconds = ms / _MS_PER_S
    if seconds < _S_PER_MIN:
        return f"{seconds:.{_decimals(seconds)}f} s"
    minutes, rest_s = divmod(round(seconds), _S_PER_MIN)
    if minutes < _MIN_PER_HOUR:
        return f"{minutes} min {rest_s} s"
    hours, minutes = divmod(minutes, _MIN_PER_HOUR)
    return f"{hours} h {minutes} min"


def show_time(time_ns: int, *, is_local: bool = True) -> str:
    """Return a wall-clock time to the second, in this machine's zone or in UTC."""
    if time_ns > _MAX_TIME_NS:
        return "after the year 9999"
    moment = datetime.fromtimestamp(time_ns // 1_000_000_000, UTC)
    return (moment.astimezone() if is_local else moment).strftime("%Y-%m-%d %H:%M:%S")


def write_time(time_ns: int) -> str | None:
    """Return a time as GraphQL's `DateTime`: ISO 8601, UTC, microseconds; None beyond 9999."""
    if time_ns > _MAX_TIME_NS:
        return None
    seconds, rest_ns = divmod(time_ns, 1_000_000_000)
    moment = datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest_ns // 1_000)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def show_count(count: int, noun: str) -> str:
    """Return `1 span`, `2 spans`, `1,200 spans`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def show_usd(amount: Decimal) -> str:
    """Return dollars as decimal text, exact, with at least two decimals."""
    text = format(amount, "f")
    whole, _, decimals = text.partition(".")
    return f"${int(whole):,}.{decimals.rstrip('0').ljust(2, '0')}"


def _decimals(value: float) -> int:
    return 2 if value < 10 else 1 if value < 100 else 0  # noqa: PLR2004 -- three digits in all


def _escape(char: str) -> str:
    if char in _NAMED:
        return _NAMED[char]
    code = ord(char)
    if code <= 0xFF:  # noqa: PLR2004 -- what two hexadecimal digits hold
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004 -- four digits


def _escape_json(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be")
    pairs = (units[at : at + 2].hex() for at in range(0, len(units), 2))
    return "".join(f"\\u{pair}" for pair in pairs)


def _limit_marks(text: str) -> str:
    from unicodedata import combining  # noqa: PLC0415 -- most texts are ASCII

    shown: list[str] = []
    marks = 0
    for char in text:
        marks = marks + 1 if combining(char) else 0
        if marks <= _MAX_MARKS:
            shown.append(char)
    return "".join(shown)
