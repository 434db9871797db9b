"""What the answers of a model call, whole or in chunks, leave on its span and those around it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agenttrace.attributes import clean_name
from agenttrace.usage.answers import read_report
from agenttrace.wire import SpanType

if TYPE_CHECKING:
    from agenttrace.span import Span

_MAX_COVERED: Final = 4_096


def keep_report(span: Span, answer: object) -> None:
    """Merge what `answer` reports into what the span knows; its model too, unless one was given."""
    found = read_report(answer)
    if found is None:
        return
    if span.report is None:
        span.report = found
    else:
        span.report.merge(found)
    if span.model is None and found.model is not None:
        span.model = clean_name(found.model)
    if found.counts:
        cover_callers(span)


def cover_callers(span: Span) -> None:
    """Tell the open model calls around this one which answer it bills, so that they do not."""
    if span.spec.span_type is not SpanType.LLM_CALL:
        return  # what an agent says is a sum: it bills nothing
    answered = {None} if span.report is None else span.report.names()
    open_spans = span.run.open_spans
    caller = open_spans.get(span.parent_id)
    while caller is not None:
        if caller.spec.span_type is SpanType.LLM_CALL:
            if caller.covered is None:
                caller.covered = set()
            if len(caller.covered) < _MAX_COVERED:
                caller.covered |= answered
        caller = open_spans.get(caller.parent_id)
