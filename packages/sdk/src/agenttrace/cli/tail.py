"""`agenttrace tail`: what is recorded, as it is recorded."""

from __future__ import annotations

import re
import sys
from collections import OrderedDict, deque
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from time import sleep
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple

import typer

from agenttrace.cli.following import Follower
from agenttrace.cli.output import Screen, flush_output, is_unicode, warn, write_bytes, write_text
from agenttrace.cli.runs import STATUS_STYLES
from agenttrace.cli.sources import find_file
from agenttrace.cli.tree import KIND_STYLES, SPAN_STATUS_STYLES
from agenttrace.trace.files import FileSource
from agenttrace.trace.outline import (
    TYPE_NAMES,
    describe_error,
    list_details,
    make_event_row,
    show_cost,
    show_tokens,
)
from agenttrace.trace.reading import LineError, decode_line
from agenttrace.trace.records import (
    RecordedAnnotation,
    RecordedEvent,
    RecordedSpan,
    RecordedTags,
    RunSnapshot,
)
from agenttrace.trace.sources import LAST, RecordingError
from agenttrace.trace.visible import escape_json, fit_cells, measure_cells, show_duration, show_text
from agenttrace.wire import SpanStatus, is_terminal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from agenttrace.trace.reading import Line

POLL_S: Final = 0.1

_RUN_TEXT: Final = re.compile(r"([0-9a-f]{4,32}|last)\Z")
_MAX_INDENT: Final = 12
_MAX_ENDED_RUNS: Final = 1_000
_NS_PER_S: Final = 1_000_000_000


class _Marks(NamedTuple):
    start: str
    done: str
    failed: str
    note: str


_UNICODE: Final = _Marks("▶", "✓", "✗", "•")
_ASCII: Final = _Marks(">", "+", "x", "*")


def tail_recording(
    file: Annotated[
        str | None,
        typer.Argument(metavar="[FILE]", help="The JSONL file; it need not be there yet."),
    ] = None,
    run: Annotated[
        str | None,
        typer.Argument(
            metavar="[RUN]",
            help="Follow this run alone, from its beginning to its end: an id, the beginning of "
            "one, or 'last'.",
        ),
    ] = None,
    *,
    lines: Annotated[
        int, typer.Option("--lines", "-n", min=0, help="Begin with the last so many lines.")
    ] = 10,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the records themselves, one a line.")
    ] = False,
) -> None:
    """Follow a recording: every start and end as it is written. Ctrl-C ends it.

    With RUN it ends when the run does. A file that is cut short or replaced is followed further.

    For example:

      agenttrace tail

      agenttrace tail ./traces.jsonl last

      agenttrace tail --json | jq -r 'select(.type == "span") | .name'
    """
    if run is None and file is not None and _RUN_TEXT.match(file) and not Path(file).exists():
        file, run = None, file
    path = find_file(file)
    if Path(path).expanduser().is_dir():
        raise RecordingError(f"cannot read {path}: Is a directory")
    narrator = _Narrator(Screen(), as_json=as_json, wanted=_find_run(path, run))
    with closing(Follower(path)) as follower:
        if not Path(path).expanduser().exists():
            warn(f"waiting for {path}")
        known = narrator.tell(follower.read())
        first = known if run is not None else deque(known, maxlen=lines)
        _follow(follower, narrator, first)


def _follow(follower: Follower, narrator: _Narrator, first: Iterable[str]) -> None:
    new: Iterable[str] = first
    while True:
        for text in new:
            narrator.write(text)
        flush_output()
        if narrator.has_ended:
            return
        sleep(POLL_S)
        new = narrator.tell(follower.read())


def _find_run(path: str, run: str | None) -> str | None:
    """Return the id that a run has, or the beginning of the id that it will have."""
    if run is None or not _RUN_TEXT.match(run):
        if run is not None:
            raise typer.BadParameter(
                f"{run!r} is no run; expected a run id, the beginning of one, or 'last'"
            )
        return None
    if run == LAST and Path(path).expanduser().is_file():
        with FileSource(path) as source:
            heads = source.list_heads()
        return heads[0].run_id if heads else ""
    return "" if run == LAST else run


class _Narrator:
    """Tells records as lines of text; knows what it has told, as records may come twice."""

    def __init__(self, screen: Screen, *, as_json: bool, wanted: str | None) -> None:
        self.has_ended = False
        self._screen = screen
        self._as_json = as_json
        self._wanted = wanted
        self._follows_one = wanted is not None
        self._marks = _UNICODE if is_unicode() else _ASCII
        self._open: dict[str, dict[str, tuple[int, bool]]] = {}  # run: span: depth, ended
        self._ended: OrderedDict[str, None] = OrderedDict()

    def tell(self, lines: Iterable[Line]) -> Iterator[str]:
        """Yield what is to be printed of these lines."""
        for line in lines:
            try:
                record = decode_line(line)
            except LineError as error:
                warn(f"line {line.number} is left out: {error}")
                continue
            if isinstance(record, RecordedAnnotation | RecordedTags):
                continue
            if self.has_ended or not self._takes(record.run_id):
                continue
            told = self._tell(record)
            if self._as_json:
                yield line.text.decode("utf-8", "replace")
            elif told is not None:
                yield told

    def write(self, text: str) -> None:
        """Print a line, no wider than the terminal."""
        if not self._as_json:
            write_text(text + "\n")
        elif sys.stdout.isatty():
            write_text(escape_json(text) + "\n")
        else:
            write_bytes(text.encode("utf-8", "surrogatepass") + b"\n")

    def _takes(self, run_id: str) -> bool:
        if self._wanted is None:
            return True
        if not run_id.startswith(self._wanted):
            return False
        self._wanted = run_id  # the first that fits
        return True

    def _tell(self, record: RunSnapshot | RecordedSpan | RecordedEvent) -> str | None:
        if isinstance(record, RecordedSpan):
            return self._tell_span(record)
        if isinstance(record, RecordedEvent):
            return self._tell_event(record)
        return self._tell_run(record)

    def _tell_run(self, run: RunSnapshot) -> str | None:
        if is_terminal(run.status):
            if run.run_id in self._ended:
                return None
            self._ended[run.run_id] = None
            self._open.pop(run.run_id, None)
            if len(self._ended) > _MAX_ENDED_RUNS:
                self._ended.popitem(last=False)
            self.has_ended = self._follows_one
        elif run.run_id in self._open or run.run_id in self._ended:
            return None
        else:
            self._open[run.run_id] = {}
            return self._line(
                run.start_ns, 0, self._marks.start, "run", run.name, detail=run.run_id
            )
        parts = [run.status.value]
        if run.duration_ns is not None:
            parts.append(show_duration(run.duration_ns))
        if run.error is not None:
            parts.append(describe_error(run.error))
        mark = self._marks.done if run.status == "COMPLETED" else self._marks.failed
        end_ns = run.end_ns or run.start_ns
        style = STATUS_STYLES[run.status]
        detail = "  ".join(parts)
        return self._line(end_ns, 0, mark, "run", run.name, detail=detail, style=style)

    def _tell_span(self, span: RecordedSpan) -> str | None:
        spans = self._open.get(span.run_id)
        if spans is None and span.run_id not in self._ended:
            spans = self._open[span.run_id] = {}
        known = None if spans is None else spans.get(span.span_id)
        ends = is_terminal(span.status)
        if known is not None and (known[1] or not ends):
            return None
        parent = None if spans is None else spans.get(span.parent_span_id or "")
        depth = parent[0] + 1 if parent else 1
        if spans is not None:
            spans[span.span_id] = (depth, ends)
        kind = TYPE_NAMES[span.span_type]
        if not ends:
            return self._line(span.start_ns, depth, self._marks.start, kind, span.name)
        parts = [
            "" if span.duration_ns is None else show_duration(span.duration_ns),
            show_tokens(span),
            show_cost(span),
            *list_details(span),
        ]
        is_done = span.status is SpanStatus.COMPLETED
        mark = self._marks.done if is_done else self._marks.failed
        text = "  ".join(filter(None, parts))
        style = SPAN_STATUS_STYLES.get(span.status, "")
        end_ns = span.end_ns or span.start_ns
        return self._line(end_ns, depth, mark, kind, span.name, detail=text, style=style)

    def _tell_event(self, event: RecordedEvent) -> str | None:
        if event.name == "chunk":
            return None
        spans = self._open.get(event.run_id, {})
        within = spans.get(event.span_id or "")
        row = make_event_row(event)
        depth = within[0] + 1 if within else 1
        mark = self._marks.note
        return self._line(event.t_ns, depth, mark, row.kind, row.name, detail=row.detail)

    def _line(  # noqa: PLR0913 -- the columns of a line
        self,
        time_ns: int,
        depth: int,
        mark: str,
        kind: str,
        name: str,
        *,
        detail: str = "",
        style: str = "",
    ) -> str:
        paint = self._screen.paint
        indent = "  " * min(depth, _MAX_INDENT)
        start = f"{_show_clock(time_ns)}  "
        label = f"{indent}{mark} {kind} "
        shown = show_text(name, max_chars=80)
        room = self._screen.width
        if room is not None:
            room -= measure_cells(start + label + shown) + 2
            detail = fit_cells(detail, room).rstrip() if room > 0 else ""
            shown = fit_cells(shown, max(4, measure_cells(shown) + min(room, 0))).rstrip()
        painted = [
            paint(start, "dim"),
            paint(label, style or KIND_STYLES.get(kind, "")),
            paint(shown, style or ("bold" if kind == "run" else "")),
        ]
        return "".join(painted) + (f"  {paint(detail, style or 'dim')}" if detail else "")


def _show_clock(time_ns: int) -> str:
    seconds, rest_ns = divmod(time_ns, _NS_PER_S)
    moment = datetime.fromtimestamp(seconds, UTC).astimezone()
    return f"{moment:%H:%M:%S}.{rest_ns // 1_000_000:03d}"
