"""A span tree's answer, made from the columns of its spans: no object is made of any span.

A tree has tens of thousands of spans, with a dozen fields each. Column by column most of the work
is the interpreter's own loops; span by span each field would cost a call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from agenttrace_server.graphql.types.enums import (
    CostSource,
    FigureSource,
    SpanEffect,
    SpanOutcome,
    SpanPlacement,
)
from agenttrace_server.graphql.types.event import NS_PER_MS
from agenttrace_server.graphql.types.kinds import SPAN_KINDS
from agenttrace_server.graphql.types.scalars import write_time

Columns: TypeAlias = Mapping[str, Sequence[Any]]
"""Fields of spans by their name in the record, one value for each span."""

Field: TypeAlias = tuple[str, str, "Fields | None"]
"""Name in the answer, name in the schema, and what is selected of `usage`."""

Fields: TypeAlias = tuple[Field, ...]

Maker: TypeAlias = tuple[tuple[str, ...], Callable[..., Iterable[Any]] | None]
"""Which columns a field needs, and what makes it of them; None: it is the one column."""

TYPE_NAMES: Final = {kind: cls.__name__ for kind, cls in SPAN_KINDS.items()}
KIND: Final = "span_type"
USAGE: Final = "usage"
_SOURCE: Final = "usage_source"


def _write_ids(run_ids: Sequence[str], span_ids: Sequence[str]) -> list[str]:
    prefix = f"{run_ids[0]}:" if run_ids else ""  # they are of one run
    return [prefix + span_id for span_id in span_ids]


def _write_times(moments_ns: Sequence[int | None]) -> list[str | None]:
    return [None if moment_ns is None else write_time(moment_ns) for moment_ns in moments_ns]


def _write_offsets(starts_ns: Sequence[int], run_starts_ns: Sequence[int]) -> list[float]:
    run_start_ns = run_starts_ns[0] if run_starts_ns else 0
    return [(start_ns - run_start_ns) / NS_PER_MS for start_ns in starts_ns]


def _write_durations(durations_ns: Sequence[int | None]) -> list[float | None]:
    return [None if duration is None else duration / NS_PER_MS for duration in durations_ns]


def _sum_tokens(
    totals: Sequence[int | None],
    prompts: Sequence[int | None],
    completions: Sequence[int | None],
) -> list[int | None]:
    """Return the recorded totals, or else the sums of what is known, as `Usage.count_total`."""
    return [
        total
        if total is not None
        else (None if prompt is None and completion is None else (prompt or 0) + (completion or 0))
        for total, prompt, completion in zip(totals, prompts, completions, strict=True)
    ]


def _write_type_names(kinds: Sequence[str]) -> Iterable[str]:
    return map(TYPE_NAMES.__getitem__, kinds)


def _make_enum(kind: type[Any], column: str) -> Maker:
    names = {member.value: member.name for member in kind} | {None: None}
    return (column,), lambda values: map(names.__getitem__, values)


def _pass(column: str) -> Maker:
    return (column,), None


SPAN_FIELDS: Final[Mapping[str, Maker]] = {
    "__typename": ((KIND,), _write_type_names),
    "id": (("run_id", "span_id"), _write_ids),
    "spanId": _pass("span_id"),
    "parentSpanId": _pass("parent_span_id"),
    "name": _pass("name"),
    "type": _pass(KIND),
    "status": _pass("status"),
    "startTime": (("start_ns",), _write_times),
    "endTime": (("end_ns",), _write_times),
    "offsetMs": (("start_ns", "run_start_ns"), _write_offsets),
    "durationMs": (("duration_ns",), _write_durations),
    "depth": _pass("depth"),
    "placement": _make_enum(SpanPlacement, "placement"),
    "seq": _pass("seq"),
    "endSeq": _pass("end_seq"),
    "lane": _pass("lane"),
    "effect": _make_enum(SpanEffect, "effect"),
    "outcome": _make_enum(SpanOutcome, "outcome"),
    "model": _pass("model"),
    "costUsd": _pass("cost_usd"),
    "costSource": _make_enum(CostSource, "cost_source"),
    "replayKey": _pass("replay_key"),
    "inputHash": _pass("input_hash"),
    "costTable": _pass("cost_table"),
    "boundary": _pass("boundary"),
}
USAGE_FIELDS: Final[Mapping[str, Maker]] = {
    "__typename": ((_SOURCE,), lambda values: ["Usage"] * len(values)),
    "promptTokens": _pass("prompt_tokens"),
    "completionTokens": _pass("completion_tokens"),
    "totalTokens": (("total_tokens", "prompt_tokens", "completion_tokens"), _sum_tokens),
    "cachedTokens": _pass("cached_tokens"),
    "cacheWriteTokens": _pass("cache_write_tokens"),
    "reasoningTokens": _pass("reasoning_tokens"),
    "source": _make_enum(FigureSource, _SOURCE),
}


def list_columns(selections: Iterable[Fields]) -> list[str]:
    """Return the columns that are needed for these selections of spans."""
    needed = {KIND: None}
    for fields in selections:
        for _, name, inner in fields:
            if inner is None:
                needed.update(dict.fromkeys(SPAN_FIELDS[name][0]))
                continue
            needed[_SOURCE] = None
            for _, inner_name, _ in inner:
                needed.update(dict.fromkeys(USAGE_FIELDS[inner_name][0]))
    return list(needed)


def complete_tree(columns: Columns, selections: Mapping[str, Fields]) -> list[dict[str, Any]]:
    """Return the answer's objects. Each kind of span has its selection."""
    kinds = columns[KIND]
    if len(set(selections.values())) == 1:
        (fields,) = set(selections.values())
        return _make_objects(columns, fields, SPAN_FIELDS)
    made: list[dict[str, Any]] = [{}] * len(kinds)
    for kind in set(kinds):
        places = [place for place, each in enumerate(kinds) if each == kind]
        part = {name: [column[place] for place in places] for name, column in columns.items()}
        objects = _make_objects(part, selections[kind], SPAN_FIELDS)
        for place, each in zip(places, objects, strict=True):
            made[place] = each
    return made


def _make_objects(
    columns: Columns, fields: Fields, makers: Mapping[str, Maker]
) -> list[dict[str, Any]]:
    if not fields:  # every field was left out by a directive
        return [{} for _ in next(iter(columns.values()))]
    names = [response_name for response_name, _, _ in fields]
    values = [_make_column(columns, name, inner, makers) for _, name, inner in fields]
    return [dict(zip(names, row, strict=True)) for row in zip(*values, strict=True)]


def _make_column(
    columns: Columns, name: str, inner: Fields | None, makers: Mapping[str, Maker]
) -> Iterable[Any]:
    if inner is not None:
        usages = _make_objects(columns, inner, USAGE_FIELDS)
        sources = columns[_SOURCE]
        return [u if s is not None else None for u, s in zip(usages, sources, strict=True)]
    needs, make = makers[name]
    needed = [columns[column] for column in needs]
    return needed[0] if make is None else make(*needed)
