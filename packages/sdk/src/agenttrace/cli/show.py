"""`agenttrace show`: one run as a tree, or one of its spans in full."""

from __future__ import annotations

import json
from contextlib import closing
from typing import TYPE_CHECKING, Annotated, Final

import typer

from agenttrace.cli.output import Screen, is_unicode
from agenttrace.cli.runs import STATUS_STYLES
from agenttrace.cli.shapes import print_json, shape_run, shape_span
from agenttrace.cli.sources import RUN_HELP, FileOption, JsonOption, RunFinder
from agenttrace.cli.tree import TreePainter
from agenttrace.trace.outline import (
    FLAWS,
    describe_annotation,
    describe_error,
    make_outline,
    show_value,
)
from agenttrace.trace.sources import LAST, RunNotFoundError
from agenttrace.trace.text import ASCII, UNICODE, write_head
from agenttrace.trace.visible import show_lines, show_text, show_time

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agenttrace.trace.records import RecordedPayload, RecordedSpan
    from agenttrace.trace.run import RecordedRun
    from agenttrace.trace.tree import TreeNode

_PAYLOAD_CHARS: Final = 2_000
_MAX_CAUSES: Final = 20


def show_run(
    run: Annotated[str, typer.Argument(metavar="RUN", help=RUN_HELP)] = LAST,
    *,
    file: FileOption = None,
    span: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Show this span in full; the beginning of its id will do."),
    ] = None,
    payloads: Annotated[
        bool, typer.Option("--payloads", help="Show inputs and outputs too.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show a run: its tree with durations, tokens, costs, decisions, state and errors.

    Without RUN it is the one that started last. A figure after ~ is, or holds, an estimate.

    For example:

      agenttrace show

      agenttrace show 0193a5f0 --payloads

      agenttrace show old.jsonl:last --span 00f3

      agenttrace show last --json | jq '.totals.costUsd'
    """
    with closing(RunFinder(file)) as finder:
        source, run_id = finder.find(run)
        found = source.load_run(run_id)
    node = None if span is None else _find_span(found, span)
    if as_json:
        if node is None:
            print_json(shape_run(found, has_payloads=payloads))
        else:
            print_json(shape_span(found, node, has_payloads=True))
    elif node is None:
        _print_run(found, has_payloads=payloads)
    else:
        _print_span(found, node)


def _find_span(run: RecordedRun, wanted: str) -> TreeNode:
    text = wanted.lower().rpartition(":")[2]  # also as GraphQL writes it, run:span
    found = [node for node in run.tree() if node.span.span_id.startswith(text)]
    exact = [node for node in found if node.span.span_id == text]
    if len(exact or found) == 1:
        return (exact or found)[0]
    if not found or not text:
        raise RunNotFoundError(f"run {run.run_id} has no span {wanted!r}")
    shown = ", ".join(f"{node.span.span_id} ({node.span.name[:40]})" for node in found[:5])
    raise RunNotFoundError(f"{wanted!r} is the beginning of {len(found)} span ids: {shown}")


def _print_run(run: RecordedRun, *, has_payloads: bool) -> None:
    screen = Screen()
    screen.write(_paint_head(screen, run))
    rows = make_outline(run)
    painter = TreePainter(screen, run, rows, UNICODE if is_unicode() else ASCII)
    if has_payloads:
        screen.write(_describe_payload(screen, "  ", "in", run.input))
    for row in rows:
        screen.write([painter.paint(row)])
        if has_payloads and row.span is not None:
            below = painter.indent_below(row)
            screen.write(_describe_payload(screen, below, "in", row.span.input))
            screen.write(_describe_payload(screen, below, "out", row.span.output))
    if has_payloads:
        screen.write(_describe_payload(screen, "  ", "out", run.output))


def _paint_head(screen: Screen, run: RecordedRun) -> Iterator[str]:
    first, *others = write_head(run)
    name, state, *rest = first.rsplit("  ", 2) if run.duration_ns else first.rsplit("  ", 1)
    shown = [screen.paint(name, "bold"), screen.paint(state, STATUS_STYLES[run.status]), *rest]
    yield "  ".join(shown)
    for line in others:
        yield screen.paint(line, _find_style(line))


def _find_style(line: str) -> str:
    return {"error": "red", "dropped:": "yellow"}.get(line.partition(" ")[0], "dim")


def _describe_payload(
    screen: Screen, indent: str, title: str, payload: RecordedPayload | None
) -> Iterator[str]:
    if payload is None:
        return
    room = _PAYLOAD_CHARS if screen.width is None else max(20, screen.width - len(indent) - 5)
    fidelity = payload.fidelity.value
    mark = "" if fidelity in {"exact", "structural"} else f"[{fidelity}] "
    text = mark + show_value(payload, max_chars=room - len(mark))
    yield f"{indent}{screen.paint(f'{title:>3}', 'dim')} {text}"


def _print_span(run: RecordedRun, node: TreeNode) -> None:
    screen = Screen()
    span = node.span
    screen.write(_describe_facts(screen, run, node))
    for title, payload in (("input", span.input), ("output", span.output)):
        if payload is not None:
            screen.write(["", screen.paint(f"{title}  ({payload.fidelity.value})", "bold")])
            screen.write([_write_pretty(payload)])
    screen.write(_describe_failure(screen, span))
    annotations = run.annotations_of(span.span_id)
    if annotations:
        screen.write(["", screen.paint("annotations", "bold")])
    screen.write(f"  {describe_annotation(each)}" for each in annotations)
    events = run.events_of(span.span_id)
    if events:
        screen.write(["", screen.paint("events", "bold")])
    for event in events:
        name = show_text(event.name)
        screen.write([f"  {event.seq:>6}  {name}  {show_value(event.body, max_chars=200)}"])


def _describe_facts(screen: Screen, run: RecordedRun, node: TreeNode) -> Iterator[str]:
    span = node.span
    row = next(row for row in make_outline(run) if row.span is span)
    yield f"{screen.paint(row.name, 'bold')}  {row.kind}  {row.status}  {row.duration}".rstrip()
    facts = {
        "span": f"{run.run_id}:{span.span_id}",
        "within": span.parent_span_id,
        "started": show_time(span.start_ns),
        "order": f"seq {span.seq}, lane {span.lane}",
        "effect": span.effect.value,
        "outcome": None if span.outcome is None else span.outcome.value,
        "model": span.model,
        "tokens": row.tokens,
        "cost": row.cost and f"{row.cost} ({span.cost.source if span.cost else ''})",
        "replay key": span.replay_key,
        "input hash": span.input_hash,
        "flaw": None if node.flaw is None else FLAWS[node.flaw],
    }
    for title, value in facts.items():
        if value:
            yield f"  {screen.paint(f'{title:<11}', 'dim')}{show_text(value)}"
    for key, value in (span.attributes or {}).items():
        yield f"  {screen.paint(show_text(key), 'dim')} = {show_text(str(value))}"


def _describe_failure(screen: Screen, span: RecordedSpan) -> Iterator[str]:
    error, causes = span.error, 0
    title = "error"
    while error is not None and causes < _MAX_CAUSES:
        yield ""
        yield f"{screen.paint(title, 'bold red')}  {describe_error(error)}"
        for note in error.notes or ():
            yield f"  note: {show_text(note)}"
        if error.traceback:
            yield show_lines(error.traceback)
        error, causes, title = error.cause, causes + 1, "caused by"


def _write_pretty(payload: RecordedPayload) -> str:
    value = payload.value
    if isinstance(value, str):
        return show_lines(value)
    return show_lines(json.dumps(value, indent=2, ensure_ascii=False))
