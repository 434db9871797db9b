"""A run as a piece of HTML for notebooks: no script, nothing loaded, readable in dark and light.

Every recorded text goes through `_text`, which escapes it: names, keys, values and errors are a
stranger's. Colours are the notebook's own where it says them, else the reader's preference.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final, NamedTuple

from agenttrace.trace.outline import (
    TYPE_NAMES,
    describe_annotation,
    describe_drops,
    describe_error,
    describe_totals,
    make_outline,
)
from agenttrace.trace.visible import show_duration, show_lines, show_text, show_time

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agenttrace.trace.outline import Row
    from agenttrace.trace.records import RecordedError, RecordedPayload
    from agenttrace.trace.run import RecordedRun

MAX_ROWS: Final = 1_000
"""So many rows are shown; a notebook keeps what it shows."""

_PAYLOAD_CHARS: Final = 4_000
_MAX_PAYLOAD_ROWS: Final = 200
_INDENT_EM: Final = 1.1
_MAX_INDENT_EM: Final = 18
_STATUS_CLASSES: Final = {
    "ERROR": "bad",
    "CANCELLED": "odd",
    "INTERRUPTED": "odd",
    "STARTED": "open",
}
_STYLE: Final = """
.agenttrace{font:13px/1.5 ui-sans-serif,system-ui,sans-serif;color:inherit;max-width:1100px;
--at-line:color-mix(in srgb,currentColor 15%,transparent);
--at-dim:color-mix(in srgb,currentColor 65%,transparent);
--at-llm:#a855c7;--at-tool:#0e8a9e;--at-decision:#b07d00;--at-retrieval:#3b76d6;
--at-agent:#2c9356;--at-custom:#7b8494;--at-bad:#d64545}
.agenttrace *{box-sizing:border-box}
.agenttrace .at-head{font-size:15px;font-weight:600}
.agenttrace .at-facts{color:var(--at-dim);overflow-wrap:anywhere}
.agenttrace .at-scroll{overflow-x:auto;margin-top:6px;border:1px solid var(--at-line);
border-radius:6px}
.agenttrace .at-rows{min-width:640px}
.agenttrace .at-row{display:grid;align-items:center;gap:0 10px;padding:1px 10px;
grid-template-columns:minmax(180px,3fr) 5.5em 5em minmax(90px,2fr) 7em 6.5em minmax(120px,3fr)}
.agenttrace .at-rows>*+*{border-top:1px solid var(--at-line)}
.agenttrace .at-row>*{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.agenttrace .at-name{font-weight:500}
.agenttrace .at-num{text-align:right;font-variant-numeric:tabular-nums}
.agenttrace .at-dim,.agenttrace .at-note{color:var(--at-dim)}
.agenttrace .at-note .at-name{font-weight:400;font-style:italic}
.agenttrace .at-track{height:10px;border-radius:3px;background:var(--at-line);position:relative}
.agenttrace .at-bar{position:absolute;top:0;height:100%;min-width:2px;border-radius:3px;
background:var(--at-kind)}
.agenttrace .at-llm{--at-kind:var(--at-llm)}.agenttrace .at-tool{--at-kind:var(--at-tool)}
.agenttrace .at-decision{--at-kind:var(--at-decision)}
.agenttrace .at-retrieval{--at-kind:var(--at-retrieval)}
.agenttrace .at-agent{--at-kind:var(--at-agent)}
.agenttrace .at-custom{--at-kind:var(--at-custom)}
.agenttrace .at-type{color:var(--at-kind)}
.agenttrace .at-bad{--at-kind:var(--at-bad)}
.agenttrace .at-bad .at-name,.agenttrace .at-bad .at-detail,.agenttrace .at-red{color:var(--at-bad)}
.agenttrace .at-open .at-bar,.agenttrace .at-odd .at-bar{opacity:.5}
.agenttrace details{margin:0}.agenttrace summary{cursor:pointer;list-style:none}
.agenttrace summary::-webkit-details-marker{display:none}
.agenttrace summary:hover{background:var(--at-line)}
.agenttrace summary .at-name::before,.agenttrace summary.at-dim::before{content:"▸ ";
color:var(--at-dim)}
.agenttrace details[open]>summary .at-name::before,
.agenttrace details[open]>summary.at-dim::before{content:"▾ "}
.agenttrace pre{margin:2px 10px 8px;padding:6px 8px;max-height:280px;overflow:auto;
white-space:pre-wrap;overflow-wrap:anywhere;border-radius:4px;background:var(--at-line);
color:inherit;font:12px/1.45 ui-monospace,monospace}
@media (prefers-color-scheme:dark){.agenttrace{--at-llm:#cf8ce8;--at-tool:#4fc3d6;
--at-decision:#e0b341;--at-retrieval:#7eaaf0;--at-agent:#62c98b;--at-custom:#a3acba;
--at-bad:#ff8080}}
""".replace("\n", "")


class _Frame(NamedTuple):
    """The time that the bars of a run are drawn against."""

    start_ns: int
    length_ns: int


def write_run(run: RecordedRun) -> str:
    """Return the run as HTML that stands by itself."""
    rows = make_outline(run)
    frame = _Frame(run.start_ns, run.measure_ns())
    parts = [f"<style>{_STYLE}</style>", '<div class="agenttrace">', *_write_head(run)]
    if rows:
        parts.append('<div class="at-scroll"><div class="at-rows">')
        for at, row in enumerate(rows[:MAX_ROWS]):
            parts.extend(_write_row(frame, row, has_payloads=at < _MAX_PAYLOAD_ROWS))
        parts.append("</div></div>")
    if len(rows) > MAX_ROWS:
        parts.append(f'<div class="at-facts">… and {len(rows) - MAX_ROWS:,} more rows</div>')
    parts.append("</div>")
    return "".join(parts)


def _write_head(run: RecordedRun) -> Iterator[str]:
    state = run.status.value if run.is_finished else "unfinished"
    mark = " at-red" if state == "ERROR" else ""
    duration = "" if run.duration_ns is None else f" · {show_duration(run.duration_ns)}"
    yield f'<div class="at-head">{_text(run.name)} <span class="at-dim{mark}">{state}</span>'
    yield f'<span class="at-dim">{duration}</span></div>'
    facts = [f"run {run.run_id}", f"started {show_time(run.start_ns)}"]
    if run.correlation_id not in (None, run.run_id):
        facts.append(f"correlation {run.correlation_id}")
    if run.tags:
        facts.append("tags " + ", ".join(run.tags))
    yield f'<div class="at-facts">{_text(" · ".join(facts), max_chars=2_000)}</div>'
    yield f'<div class="at-facts">{_text(describe_totals(run.totals()))}</div>'
    if run.error is not None:
        yield f'<div class="at-red">{_text(describe_error(run.error), max_chars=1_000)}</div>'
    if run.dropped:
        yield f"<div>{_text(describe_drops(run.dropped), max_chars=1_000)}</div>"
    for each in run.annotations_of(None):
        yield f'<div class="at-facts">{_text(describe_annotation(each), max_chars=1_000)}</div>'
    contents = [*_write_payload("input", run.input), *_write_payload("output", run.output)]
    if contents:
        yield '<details><summary class="at-dim">input and output</summary>'
        yield "".join(contents)
        yield "</details>"


def _write_row(frame: _Frame, row: Row, *, has_payloads: bool) -> Iterator[str]:
    classes = f"at-{row.kind}" if row.kind in TYPE_NAMES.values() else "at-note"
    if row.status in _STATUS_CLASSES:
        classes += f" at-{_STATUS_CLASSES[row.status]}"
    if row.kind == "exception":
        classes += " at-red"
    contents = list(_write_contents(row)) if has_payloads else []
    tag = "summary" if contents else "div"
    if contents:
        yield "<details>"
    yield f'<{tag} class="at-row {classes}">{"".join(_write_cells(frame, row))}</{tag}>'
    if contents:
        yield "".join(contents)
        yield "</details>"


def _write_cells(frame: _Frame, row: Row) -> Iterator[str]:
    indent = min(row.depth * _INDENT_EM, _MAX_INDENT_EM)
    detail = _text(row.detail, max_chars=400)
    yield f'<span class="at-name" style="padding-left:{indent:.1f}em" title="{_text(row.name)}">'
    yield f"{_text(row.name)}</span>"
    yield f'<span class="at-type">{_text(row.kind)}</span>'
    yield f'<span class="at-num">{_text(row.duration)}</span>'
    yield f"<span>{_write_bar(frame, row)}</span>"
    yield f'<span class="at-num at-dim">{_text(row.tokens)}</span>'
    yield f'<span class="at-num at-dim">{_text(row.cost)}</span>'
    yield f'<span class="at-detail" title="{detail}">{detail}</span>'


def _write_bar(frame: _Frame, row: Row) -> str:
    if row.span is None or frame.length_ns <= 0:
        return ""
    left = min(max((row.span.start_ns - frame.start_ns) / frame.length_ns, 0), 1) * 100
    length_ns = row.span.duration_ns
    part = 100.0 if length_ns is None else length_ns / frame.length_ns * 100
    width = min(part, 100 - left)
    place = f"left:{left:.2f}%;width:{width:.2f}%"
    return f'<div class="at-track"><div class="at-bar" style="{place}"></div></div>'


def _write_contents(row: Row) -> Iterator[str]:
    span = row.span
    if span is None:
        return
    yield from _write_payload("input", span.input)
    yield from _write_payload("output", span.output)
    if span.error is not None:
        yield f"<pre>{_lines(_describe_failure(span.error))}</pre>"


def _write_payload(title: str, payload: RecordedPayload | None) -> Iterator[str]:
    if payload is None:
        return
    value = payload.value
    text = value if isinstance(value, str) else payload.json
    more = "" if len(text) <= _PAYLOAD_CHARS else f" … {len(text) - _PAYLOAD_CHARS:,} more"
    mark = "" if payload.fidelity == "exact" else f" ({payload.fidelity.value})"
    yield f"<pre><b>{title}</b>{mark}\n{_lines(text[:_PAYLOAD_CHARS])}{more}</pre>"


def _describe_failure(error: RecordedError) -> str:
    parts = [describe_error(error), *(f"note: {note}" for note in error.notes or ())]
    if error.traceback:
        parts.append(error.traceback[:_PAYLOAD_CHARS])
    return "\n".join(parts)


def _text(text: str, *, max_chars: int = 200) -> str:
    return escape(show_text(text, max_chars=max_chars), quote=True)


def _lines(text: str) -> str:
    return escape(show_lines(text), quote=True)
