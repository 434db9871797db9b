"""One readable line for each span and run that ends, on standard error."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final, TextIO

from agenttrace.pipeline.export import Exporter, ExportResult

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from agenttrace.wire import Record

_NS_PER_MS: Final = 1_000_000
_COLORS: Final = {"COMPLETED": "32", "ERROR": "31", "CANCELLED": "33", "INTERRUPTED": "33"}


class ConsoleExporter(Exporter):
    """Writes `STATUS TYPE name duration tokens cost error` a line, with colour in a terminal.

    Spans are printed when they end, so a parent comes after its children. `stream` is standard
    error by default, looked up at each batch.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream

    def export(self, records: Sequence[Record]) -> ExportResult:
        """Print the records that end something."""
        stream = sys.stderr if self._stream is None else self._stream
        is_colored = stream.isatty()
        lines = [
            _describe(record, is_colored=is_colored)
            for record in records
            if record["type"] != "event" and record["status"] != "STARTED"
        ]
        if lines:
            stream.write("".join(f"{line}\n" for line in lines))
            stream.flush()
        return ExportResult.DELIVERED


def _describe(record: Mapping[str, Any], *, is_colored: bool) -> str:
    status = record["status"]
    shown = f"{status:<11}"
    if is_colored:
        shown = f"\x1b[{_COLORS.get(status, '0')}m{shown}\x1b[0m"
    parts = [
        shown,
        f"{record.get('span_type', 'RUN'):<9}",
        _make_printable(record["name"]),
        f"{record.get('duration_ns', 0) / _NS_PER_MS:.1f} ms",
    ]
    usage = record.get("usage")
    if usage is not None:
        mark = "~" if usage["source"] == "estimated" else ""
        figures = (usage.get("prompt_tokens", "?"), usage.get("completion_tokens", "?"))
        parts.append(f"{mark}{figures[0]}+{figures[1]} tokens")
    if "cost" in record:
        parts.append(f"${record['cost']['usd']}")
    if "error" in record:
        parts.append(_make_printable(f"{record['error']['type']}: {record['error']['message']}"))
    return "  ".join(parts)


def _make_printable(text: str) -> str:
    # A name may hold anything, terminal escapes included.
    return "".join(char if char.isprintable() else " " for char in text)[:200]
